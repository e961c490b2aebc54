"""Runs beside the app, with the app's own Alembic, env.py, models and driver; the standard library otherwise.

`python probe` reads orders on its standard input, a JSON value each line, and answers each with a line of JSON on its
standard output, where nothing else is written. It is never imported by Slipway.

    {"do": "look", "config", "target"}           -> {"revisions", "heads", "problem", "opened"}
    {"do": "run", "config", "jobs": [job]}       -> {"jobs": [{"problem", "warnings", "opened", "missing", "stopped"}]}
    {"do": "map", "place": "file.py:ATTRIBUTE" or "package.module:ATTRIBUTE"} -> {"tables", "problem"}

A job is `{"url", "to": [revision], "seconds", "check": bool, "down": revision}`. Each runs in a process of its own: what
ends, hangs or shouts takes only itself along, and several run side by side. Every connection goes to the job's
`url`, whatever address the app's settings hold; a revision that opens one of its own, or any other socket, fails.
"""

import json
import os
import sys

from slipway_connection import only_one_address
from slipway_metadata import mapped
from slipway_revisions import OPENED, look
from slipway_runs import run


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the app prints
    sys.path.insert(0, os.getcwd())  # as with `python -m alembic`
    sys.addaudithook(lambda name, a: OPENED.add(a[0]) if name == "open" and isinstance(a[0], str) else None)
    only_one_address()
    for line in sys.stdin:
        order = json.loads(line)
        answer = {"look": look, "run": run, "map": mapped}[order.pop("do")](**order)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
