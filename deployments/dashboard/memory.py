"""Where both branches were at the last good look, kept on disk: a dashboard that starts while a remote is away still has that."""

import contextlib
import json
import os
from pathlib import Path

from pydantic import ValidationError

from tasks.home import home
from tasks.models import CommitId, Value


class Remembered(Value):
    """The tips of the last good look at the GitOps branch, and when it was (seconds since 1970)."""

    gitops: CommitId | None = None
    app: CommitId | None = None
    at: float = 0.0


def recall(app: str) -> Remembered:
    """What was remembered of an app; nothing when there is nothing, or it cannot be read."""
    try:
        return Remembered.model_validate(json.loads(_path(app).read_text()))
    except (OSError, ValueError, ValidationError):
        return Remembered()


def remember(app: str, what: Remembered) -> None:
    """Keeps it whole or not at all; a full disk costs the memory and nothing else."""
    with contextlib.suppress(OSError):
        path = _path(app)
        path.parent.mkdir(exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(what.model_dump_json())
        new.replace(path)


def _path(app: str) -> Path:
    return home() / "dashboard" / f"{app}.json"
