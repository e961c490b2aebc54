"""A developer's own upgrade command, run by the shell on their machine, knowing no database but ours."""

import os
import signal
import subprocess
import threading
from collections import deque
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tasks.command import TAIL_LINES, printable
from tasks.migrations.command_tool import Ran
from tasks.migrations.prober import environment


def run(command: str, folder: Path, seconds: float, url: str) -> Ran:
    """Runs the command to its end with DATABASE_URL, and libpq's variables, set to `url`."""
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env=_environment(url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    expired = threading.Event()
    timer = threading.Timer(seconds, lambda: (expired.set(), os.killpg(process.pid, signal.SIGKILL)))
    timer.start()
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    try:
        while chunk := process.stdout.read1(65536):  # type: ignore[union-attr]
            tail.extend(printable(line) for line in chunk[-8000:].decode(errors="replace").splitlines())
        code = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    failed = f"stopped after {seconds:g} s" if expired.is_set() else f"exit code {code}" if code else ""
    return Ran(failed=failed, tail=tuple(tail))


def _environment(url: str) -> dict[str, str]:
    """This environment with every PostgreSQL address in it replaced by ours."""
    split = urlsplit(url)
    host = split.hostname or parse_qs(split.query).get("host", [""])[0]
    parts = {
        "PGHOST": host,
        "PGPORT": split.port,
        "PGUSER": split.username,
        "PGPASSWORD": split.password,
        "PGDATABASE": split.path[1:],
    }
    kept = {k: url if v.startswith(("postgres://", "postgresql://")) else v for k, v in environment(os.environ).items()}
    return {**kept, "DATABASE_URL": url, **{k: str(v) for k, v in parts.items() if v}}
