"""Runs a shell command on the host and ends it, with all that it started, when whoever asked for it is gone.

A script of its own: it is started as the first process of a group, with a pipe as its standard input that nobody
writes to. The pipe closes when the process at its other end dies, however that happens. Arguments: the command, and the
largest file that it may write, in bytes.
"""

import os
import resource
import signal
import subprocess
import sys
import threading


def _end_with_the_other_side() -> None:
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end_with_the_other_side, daemon=True).start()
    largest = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    code = subprocess.run(["sh", "-c", sys.argv[1]], stdin=subprocess.DEVNULL, check=False).returncode
    # A shell says 128 and the number for a signal, too.
    os._exit(code if code >= 0 else 128 - code)
