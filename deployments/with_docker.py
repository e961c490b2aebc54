"""`python -m deployments.with_docker COMMAND...`: runs a command beside a Docker Engine, its own where none answers."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from deployments.services import docker_engine
from tasks.errors import SlipwayError


def main() -> int:
    """The command's exit code; 3 when there is no engine and none can be started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, so that our engine is stopped
    with tempfile.TemporaryDirectory(prefix="slipway-docker-") as folder:
        try:
            with docker_engine(Path(folder)):
                return subprocess.run(sys.argv[1:], check=False).returncode
        except SlipwayError as error:
            print(error, file=sys.stderr)
            return 3


if __name__ == "__main__":
    sys.exit(main())
