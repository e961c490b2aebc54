"""Databases that stand where customers stand: copies of theirs, kept ones of earlier checks, or revisions run from nothing."""

import hashlib
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tasks.migrations.answers import failure
from tasks.migrations.history import History
from tasks.migrations.judge import Standing
from tasks.migrations.prober import Ask
from tasks.migrations.scratch import Server
from tasks.models import Finding, Value


class Start(Value):
    """One place where customers stand: the heads of their databases, or a copy of one database."""

    heads: tuple[str, ...]
    database: str | None
    customers: tuple[str, ...]


class Session(NamedTuple):
    """One check: how the app is asked, the server of its databases, and what the app said it has."""

    ask: Ask
    server: Server
    config: str
    looked: dict[str, Any]
    history: History
    seconds: float

    def upgrade(self, to: Mapping[str, Sequence[str]], compare: str = "", **more: Any) -> dict[str, dict[str, Any]]:
        """Upgrades databases to revisions, side by side; what the app answered for each. Models are compared with the one at `compare`."""
        jobs = [
            {
                "url": self.server.inside(name),
                "to": list(heads),
                "seconds": self.seconds,
                "check": name == compare,
                **more,
            }
            for name, heads in to.items()
        ]
        answers = self.ask(do="run", config=self.config, jobs=jobs)["jobs"] if jobs else []
        return dict(zip(to, answers, strict=True))


def starts(history: History, standings: Sequence[Standing]) -> list[Start]:
    """Each distinct start once, with its customers; only those with something to run, and copies, which say themselves where they are."""
    found: dict[tuple[tuple[str, ...], str | None], list[str]] = {}
    for s in standings:
        found.setdefault((s.heads, s.database), []).append(s.customer)
    every = [Start(heads=h, database=d, customers=tuple(c)) for (h, d), c in found.items()]
    return [s for s in every if s.database or history.pending(s.heads)]


def make(session: Session, starts: Sequence[Start]) -> tuple[dict[Start, str], list[Finding]]:
    """Start -> its database, and what went wrong with those that could not be made."""
    server = session.server
    places = {s: server.clone(s.database) for s in starts if s.database}
    kept = server.kept() if server.keeps else {}
    to_make: dict[str, Start] = {}
    for start in (s for s in starts if not s.database):
        templates = (name for name, made in kept.items() if _fits(made, _identity(session, start)))
        if name := next(filter(None, map(server.copy, templates)), "") if start.heads else server.create():
            places[start] = name
        else:
            to_make[server.create()] = start
    answers = session.upgrade({name: start.heads for name, start in to_make.items()})
    failed = [failure(a, "", "before the start of any customer") for a in answers.values() if a["problem"]]
    for name, start in ((n, s) for n, s in to_make.items() if not answers[n]["problem"]):
        if server.keeps:
            server.keep(name, {**_identity(session, start), **_files(session, start, answers[name])})
        places[start] = name
    return places, failed


def _identity(session: Session, start: Start) -> dict[str, Any]:
    ancestors = sorted(session.history.ancestors(start.heads))
    return {
        "config": session.config,
        "heads": list(start.heads),
        "ancestors": ancestors,
        "preamble": session.server.preamble,
    }


def _files(session: Session, start: Start, answer: dict[str, Any]) -> dict[str, Any]:
    """What a kept database depends on: every file of the app that was opened for it, but no later revision."""
    ancestors = session.history.ancestors(start.heads)
    known = {r.path: r.id in ancestors for r in session.history.revisions}
    outside = (sysconfig.get_path("stdlib"), "/proc/", "/dev/", "/usr/", "/etc/")
    opened = sorted({_source(f) for f in (*session.looked["opened"], *answer["opened"])})
    ours = [
        f for f in opened if known.get(f, "site-packages" not in f and not f.startswith(outside) and Path(f).is_file())
    ]
    return {"files": ours, "digest": _digest(ours)}


def _fits(made: dict[str, Any], wanted: dict[str, Any]) -> bool:
    return all(made.get(k) == v for k, v in wanted.items()) and made["digest"] == _digest(made["files"])


def _digest(files: Sequence[str]) -> str:
    content = hashlib.sha256()
    for name in files:
        path = Path(name)
        content.update(path.read_bytes() if path.is_file() else b"gone")
        content.update(b"\0")
    return content.hexdigest()


def _source(file: str) -> str:
    path = Path(file)
    return str(path.parent.parent / f"{path.name.split('.')[0]}.py") if path.parent.name == "__pycache__" else file
