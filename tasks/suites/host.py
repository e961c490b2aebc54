"""One command on the worker itself: without its environment, home and secrets, and ended with all that it started.

The worker's user can read what it can read: this is for tests that no container can hold, where the policy allows it.
"""

import os
import secrets
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

from tasks import settled
from tasks.config.suites import Limits
from tasks.containers import Breach, Ended, Watch, run_id, size
from tasks.output import follow

WARDEN = Path(__file__).with_name("warden.py")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MARK = "SLIPWAY_SUITE"
CHUNK_BYTES = 65_536
_cancelled: set[str] = set()


def run_on_host(
    command: str,
    folder: Path,
    *,
    name: str,
    env: Mapping[str, str],
    timeout_seconds: float,
    limits: Limits,
    log_file: Path,
) -> Ended:
    """Runs `sh -c command` in `folder/app`, with `folder/home` as its home; see `run_command` for the rest.

    It is a session of its own. What it leaves running is ended, also what has left the session but kept the environment.
    """
    mark = secrets.token_hex(8)
    with _start(command, folder, mark, env, limits) as process:
        try:
            with Watch(
                timeout_seconds, partial(_breached, mark, folder, limits), partial(_end, process, mark)
            ) as watch:
                tail = follow(watch.counted(_chunks(process), limits.output), name, log_file)
        finally:
            _end(process, mark)
        code = process.wait()
    breach = watch.breach or (_overfull(folder, limits) if code else None)
    return Ended(exit_code=code if code >= 0 else 128 - code, tail=tail, breach=breach)


def cancel() -> None:
    """Ends every command that this run has on the host, and each that it would still begin."""
    _cancelled.add(run_id())


def _start(command: str, folder: Path, mark: str, env: Mapping[str, str], limits: Limits) -> subprocess.Popen[bytes]:
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    own = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp")}
    return subprocess.Popen(
        [sys.executable, "-I", str(WARDEN), command, str(limits.disk)],
        cwd=folder / "app",
        env={**own, **env, MARK: mark},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _chunks(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What it says until it ends, or nobody needs it; not what others say whom it left behind with its output."""
    assert process.stdout  # noqa: S101 - for the type checker: it is a pipe
    said = select.poll()
    said.register(process.stdout, select.POLLIN | select.POLLHUP)
    while not settled.is_settled() and run_id() not in _cancelled:
        if said.poll(200):
            if not (chunk := os.read(process.stdout.fileno(), CHUNK_BYTES)):
                return
            yield chunk
        elif process.poll() is not None:
            return


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for left in _members(mark):
        with suppress(psutil.Error):
            left.kill()


def _members(mark: str) -> list[psutil.Process]:
    """Every process with this command's environment, whatever group it is in."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark:
                found.append(process)
    return found


def _breached(mark: str, folder: Path, limits: Limits) -> Breach | None:
    members, memory = _members(mark), 0
    if len(members) >= limits.pids:
        return Breach(limit="pids", seen=f"it had {limits.pids} processes at once")
    for process in members:
        with suppress(psutil.Error):
            memory += process.memory_info().rss
    if memory > limits.memory:
        return Breach(limit="memory", seen=f"it needed more than {size(limits.memory)} of memory")
    return _overfull(folder, limits)


def _overfull(folder: Path, limits: Limits) -> Breach | None:
    """Counts what is on disk below its folder, holes in files left out; what it writes elsewhere is not seen."""
    written = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                written += os.lstat(os.path.join(place, name)).st_blocks * 512  # noqa: PTH118 - many files
    return Breach(limit="disk", seen=f"it wrote {size(limits.disk)} to disk") if written >= limits.disk else None
