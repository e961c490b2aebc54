"""What the flows do: rooms of plain Python, and `steps.py`, the one page where Prefect sees them."""

import logging
import os

from tasks.secrets import masking

# Prefect forwards these lines to a run's log (PREFECT_LOGGING_EXTRA_LOGGERS=tasks); it leaves the level to us.
logging.getLogger(__name__).setLevel(logging.INFO)
# Before any line is logged: what a secret is becomes known later, where to look for it does not change.
masking.install()
# Where git is missing, who needs it says so: otherwise GitPython would let no module be imported.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
