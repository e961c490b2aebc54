"""What was accepted and is not yet a run, on disk: one file for each delivery, and one that says what was asked for last."""

import errno
import logging
import os
import secrets
import threading
import time
from pathlib import Path

from pydantic import Field, ValidationError

from tasks.errors import ConfigInvalid, ServiceUnavailable, SlipwayError
from tasks.models import CommitId, Value

log = logging.getLogger(__name__)
MOST = 10_000
REMEMBERED = 200
NEW, BROKEN = ".new", ".broken"
PASSING = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
"""What keeps this process from reading any file at this moment, and says nothing of the file."""


class Hint(Value):
    """Somebody says that the branch is at a commit now."""

    commit: CommitId
    by: str = Field(description="the provider, or poll")
    received: float = Field(description="seconds since 1970")


class Asked(Value):
    """What releases were asked for, the newest last."""

    last: CommitId | None = Field(default=None, description="where the branch was when it was last dealt with")
    commits: tuple[CommitId, ...] = Field(default=(), description="commits of runs, oldest first, a few hundred")


class Waiting(Value):
    """A hint and the name of its file; names sort in the order of arrival."""

    name: str
    hint: Hint


class Spool:
    """The folder of one app; for several threads. Every change is on disk, folder entry and all, when a method returns."""

    def __init__(self, folder: Path) -> None:
        """Raises `ConfigInvalid` when the folder cannot be made."""
        self.folder = folder
        self._newest, self._lock = 0, threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync(folder.parent)
        except OSError as error:
            raise ConfigInvalid.because(
                f"deliveries cannot be kept: {error.strerror}", str(folder), "let this user write in SLIPWAY_HOME"
            ) from error
        for left in folder.glob(f"*{NEW}"):  # of a process that was killed before it answered
            left.unlink(missing_ok=True)
        self._count = len(self._names())

    @property
    def count(self) -> int:
        """How many hints wait."""
        return self._count

    def add(self, hint: Hint) -> str:
        """Keeps a hint and returns its name. Raises `ServiceUnavailable` when it cannot be kept."""
        if self._count >= MOST:
            raise ServiceUnavailable.because(
                f"{MOST} deliveries wait", str(self.folder), "see why Prefect takes no runs"
            )
        with self._lock:
            self._newest = max(self._newest + 1, time.time_ns())  # the clock may be set back
            name = f"{self._newest:020d}-{secrets.token_hex(4)}.json"
        self._write(name, hint.model_dump_json())
        with self._lock:
            self._count += 1
        return name

    def oldest_seconds(self) -> float:
        """Age of the hint that has waited longest; 0 when none waits."""
        names = self._names()
        return max(0.0, time.time() - int(names[0][:20]) / 1e9) if names else 0.0

    def waiting(self) -> list[Waiting]:
        """All hints, oldest first. What cannot be read is put aside: it must not keep the others waiting.

        Raises `ServiceUnavailable` when nothing can be read now, and puts nothing aside then.
        """
        found = [w for w in map(self._read, self._names()) if w]
        self._count_again()  # as long as something counts as waiting the poll leaves the branch alone
        return found

    def remove(self, waiting: list[Waiting]) -> None:
        """Forgets hints that have become a run, or need none."""
        if not waiting:
            return
        for one in waiting:
            (self.folder / one.name).unlink(missing_ok=True)
        _sync(self.folder)
        self._count_again()

    def _count_again(self) -> None:
        with self._lock:
            self._count = len(self._names())

    @property
    def asked(self) -> Asked:
        """What was asked for. A file that cannot be read is as none: Prefect's own key still lets no run be made twice.

        Raises `ServiceUnavailable` as `waiting`.
        """
        try:
            return Asked.model_validate_json((self.folder / "asked").read_bytes())
        except FileNotFoundError:
            return Asked()
        except (OSError, ValidationError) as error:
            self._require_readable(error)
            log.error("%s cannot be read and is made anew: %s", self.folder / "asked", type(error).__name__)
            return Asked()

    def record(self, commit: str, run: bool = True) -> None:
        """Remembers where the branch was; `run` says whether a run was asked for. Raises `ServiceUnavailable`."""
        commits = (*self.asked.commits, commit)[-REMEMBERED:] if run else self.asked.commits
        self._write("asked", Asked(last=commit, commits=commits).model_dump_json())

    def _names(self) -> list[str]:
        # A glob takes a folder that cannot be read for an empty one.
        try:
            return sorted(path.name for path in self.folder.iterdir() if path.suffix == ".json")
        except OSError as error:
            raise self._not_now(error) from error

    def _read(self, name: str) -> Waiting | None:
        path = self.folder / name
        try:
            return Waiting(name=name, hint=Hint.model_validate_json(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            self._require_readable(error)
            log.error("%s cannot be read and is put aside: %s", path, type(error).__name__)
            path.rename(path.with_suffix(BROKEN))
            return None

    def _require_readable(self, error: Exception) -> None:
        """Raises `ServiceUnavailable` for what will pass: a promised delivery is not put aside for that."""
        if isinstance(error, OSError) and error.errno in PASSING:
            raise self._not_now(error) from error

    def _not_now(self, error: OSError) -> SlipwayError:
        what = f"what waits cannot be read now: {error.strerror}"
        return ServiceUnavailable.because(what, str(self.folder), "allow more open files, or mend the disk")

    def _write(self, name: str, text: str) -> None:
        new = self.folder / f"{name}.{secrets.token_hex(4)}{NEW}"
        try:
            with new.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.rename(self.folder / name)
            _sync(self.folder)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise ServiceUnavailable.because(
                f"it cannot be kept: {error.strerror}", str(self.folder), "make room or mend the disk"
            ) from error


def _sync(folder: Path) -> None:
    """A new name is on disk once its folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
