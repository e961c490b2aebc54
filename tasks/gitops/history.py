"""What happened on the GitOps branch: each commit that gave customers a release, put them back, held them or let them go.

Read from the state files that a commit changed and from its trailers. One git process lists everything since the commit
that was read last; contents are read only where no commit of ours says what they are.
"""

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from tasks.git import GitFailed, Mirror
from tasks.gitops import state
from tasks.gitops.push import AUTHOR
from tasks.gitops.yaml_bytes import MAX_BYTES, CannotEdit
from tasks.models import CommitId, Hold

NEWEST = 2000
NOTHING = "0" * 40
US = AUTHOR["GIT_COMMITTER_NAME"]
# Source: git-log(1), PRETTY FORMATS; no field can hold a NUL.
FORMAT = (
    "%H%x00%ct%x00%cn%x00%an%x00%P%x00%(trailers:only=true,unfold=true,separator=%x1e,key_value_separator=%x1f)%x00%B"
)
STATE = re.compile(rf"{re.escape(state.FOLDER)}/([^/]+)\.yaml")
SUBJECT = re.compile(r"\A[^\n]*: release [0-9a-f]{7} to ring [^\n]*\n\n([^\n]+)\n")

Kind = Literal["release", "rollback", "hold", "let go", "other"]


@dataclass(frozen=True, slots=True)
class Known:
    """What a state file says: the release's commit, and the hold."""

    release: CommitId | None = None
    hold: Hold | None = None


UNKNOWN = Known()


@dataclass(frozen=True, slots=True)
class Change:
    """One customer in one commit: what its state file said before, and says after it."""

    customer: str
    before: Known
    after: Known

    @property
    def moved(self) -> bool:
        """Whether it got another release than it had."""
        return self.before.release != self.after.release


@dataclass(frozen=True)
class Event:
    """One commit of the GitOps branch that changed customers.

    `when` is in seconds since 1970. `timed` is False for rings written before Slipway noted the time of writing: their
    commits have the time of the app's commit. `by` is who decided it, `run` the Prefect run that wrote it.
    """

    commit: CommitId
    when: int
    timed: bool
    kind: Kind
    changes: tuple[Change, ...]
    release: CommitId | None = None
    subject: str = ""
    committed: int | None = None
    ring: str = ""
    run: str = ""
    by: str = ""
    reason: str = ""
    plan: str = ""
    overrides: tuple[str, ...] = ()

    @property
    def moves(self) -> tuple[Change, ...]:
        """The customers that got another release by it."""
        return tuple(c for c in self.changes if c.moved)


@dataclass(frozen=True)
class History:
    """Events, oldest first, up to a tip; `whole` is False when there were more than the newest `NEWEST` commits."""

    tip: CommitId
    events: tuple[Event, ...]
    whole: bool = True
    _now: Mapping[str, Known] = field(default_factory=dict, repr=False)
    _ran: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)


def read_history(mirror: Mirror, tip: CommitId, before: History | None = None) -> History:
    """The history up to a commit that is in the mirror; from an earlier one only what is new is read.

    The branch's first-parent line counts, so a merged pull request is one event, at the time of its merge. A branch that was
    rewound is read anew. Raises `GitFailed` when the mirror has no such commit.
    """
    if before and before.tip == tip:
        return before
    since = before if before and _continues(mirror, before.tip, tip) else None
    commits = _commits(mirror, f"{since.tip}..{tip}" if since else tip)
    reader = _Reader(mirror, dict(since._now) if since else {}, dict(since._ran) if since else {})
    events = tuple(filter(None, map(reader.event, reversed(commits))))
    kept = ((since.events if since else ()) + events)[-NEWEST:]
    whole = len(commits) < NEWEST and (since is None or since.whole)
    return History(tip=tip, events=kept, whole=whole, _now=reader.now, _ran=reader.ran)


@dataclass(frozen=True)
class _Commit:
    """One commit as git lists it: state file -> (blob before, blob after); zeros where there is none."""

    commit: CommitId
    when: int
    committer: str
    author: str
    parents: tuple[str, ...]
    trailers: Sequence[tuple[str, str]]
    message: str
    files: Mapping[str, tuple[str, str]]

    def said(self, key: str) -> str:
        """The first value of a trailer; empty without it."""
        return next((v for k, v in self.trailers if k == key), "")


def _continues(mirror: Mirror, old: CommitId, new: CommitId) -> bool:
    """Whether the new tip's first-parent line goes through the old one; a merge may have turned the sides around."""
    try:
        line = mirror.run("rev-list", "--first-parent", "--boundary", f"{old}..{new}").split()
    except GitFailed:
        return False
    return f"-{old}" in line


def _commits(mirror: Mirror, commits: str) -> list[_Commit]:
    """The commits that changed state files, newest first, each compared with its first parent."""
    what = ["log", "--first-parent", "--diff-merges=first-parent", f"--max-count={NEWEST}"]
    how = ["--raw", "--no-abbrev", "-z", "--no-renames", f"--format={FORMAT}"]
    out = mirror.run_bytes(*what, *how, commits, "--", state.FOLDER)
    return list(_parsed(out.decode("utf-8", "replace").split("\0")))


def _parsed(tokens: Sequence[str]) -> Iterator[_Commit]:
    """Seven fields for each commit, then a pair (what, path) for each file of it."""
    at = 0
    while at + 7 <= len(tokens):
        commit, when, committer, author, parents, trailers, message = tokens[at : at + 7]
        at += 7
        files = {}
        while at + 1 < len(tokens) and tokens[at].lstrip("\n").startswith(":"):
            _, _, old, new, _ = tokens[at].lstrip("\n").split(" ")
            files[tokens[at + 1]] = (old, new)
            at += 2
        said = tuple((k, v.strip()) for k, _, v in (t.partition("\x1f") for t in trailers.split("\x1e")) if k)
        yield _Commit(commit.strip(), int(when), committer, author, tuple(parents.split()), said, message, files)


class _Reader:
    """Goes through commits, oldest first, and knows after each what every customer has and has had."""

    def __init__(self, mirror: Mirror, now: dict[str, Known], ran: dict[str, frozenset[str]]) -> None:
        self.mirror, self.now, self.ran = mirror, now, ran
        self.read: dict[str, Known] = {NOTHING: UNKNOWN}

    def event(self, commit: _Commit) -> Event | None:
        """What a commit did; None when it changed no customer's release nor hold."""
        commit = _with_merged(self.mirror, commit)
        files = {m[1]: blobs for path, blobs in commit.files.items() if (m := STATE.fullmatch(path))}
        changes = tuple(c for c in self._changes(commit, files) if c.before != c.after)
        kind = _kind(commit, changes, self.ran)
        for change in changes:
            self.now[change.customer] = change.after
            if change.after.release:
                self.ran[change.customer] = self.ran.get(change.customer, frozenset()) | {change.after.release}
        return _event(commit, kind, changes) if changes else None

    def _changes(self, commit: _Commit, files: Mapping[str, tuple[str, str]]) -> list[Change]:
        told = commit.said("Slipway-Release") if _is_ring(commit) else ""
        unseen = [old for name, (old, _) in files.items() if name not in self.now]
        self._load([*unseen, *([] if told else [new for _, new in files.values()])], files)
        same = Known(told) if told else None
        return [
            Change(name, self.now.get(name) or self.read[old], same or self.read[new])
            for name, (old, new) in sorted(files.items())
        ]

    def _load(self, blobs: Iterable[str], files: Mapping[str, tuple[str, str]]) -> None:
        """Reads state files by one git process. One that is broken, or too large to be one, says nothing."""
        names = {blob: name for name, pair in files.items() for blob in pair}
        wanted = [b for b in dict.fromkeys(blobs) if b not in self.read]
        if not wanted:
            return
        sizes = self.mirror.run("cat-file", "--batch-check", stdin="".join(f"{b}\n" for b in wanted).encode())
        small = [s[0] for s in map(str.split, sizes.splitlines()) if s[1:2] == ["blob"] and int(s[2]) <= MAX_BYTES]
        self.read |= dict.fromkeys(wanted, UNKNOWN)
        for blob, content in zip(small, self.mirror.contents(small), strict=True):
            self.read[blob] = _known(content, names[blob])


def _known(content: bytes, name: str) -> Known:
    try:
        said = state.read(content, name)
    except CannotEdit:
        return UNKNOWN
    return Known(said.release.commit if said.release else None, said.hold)


def _is_ring(commit: _Commit) -> bool:
    """Whether we wrote it as it is: a ring's commit gives one release to all customers in it, and holds none of them."""
    return commit.committer == US and len(commit.parents) == 1 and bool(commit.said("Slipway-Release"))


def _with_merged(mirror: Mirror, commit: _Commit) -> _Commit:
    """A merge says what the commits say that it brought, where its own message does not."""
    if len(commit.parents) < 2 or any(key.startswith("Slipway-") for key, _ in commit.trailers):
        return commit
    brought = _commits(mirror, f"{commit.parents[0]}..{commit.parents[1]}")
    if not brought:
        return commit
    return replace(commit, trailers=brought[0].trailers, message=brought[0].message)


def _kind(commit: _Commit, changes: Sequence[Change], ran: Mapping[str, frozenset[str]]) -> Kind:
    """By the trailers, else by what changed: a release that a customer had before is a way back, whoever wrote it."""
    if commit.said("Slipway-Rollback-From"):
        return "rollback"
    if commit.said("Slipway-Release"):
        return "release"
    moved = [c for c in changes if c.moved and c.after.release]
    had = [c for c in moved if c.after.release in ran.get(c.customer, ())]
    if any(c.before.release for c in had):
        return "rollback"
    if len(moved) > len(had):
        return "release"
    if any(c.after.hold for c in changes):
        return "hold"
    return "let go" if any(c.before.hold and not c.moved for c in changes) else "other"


def _event(commit: _Commit, kind: Kind, changes: tuple[Change, ...]) -> Event:
    releases = {c.after.release for c in changes if c.moved and c.after.release}
    committed, subject = commit.said("Slipway-Committed"), SUBJECT.match(commit.message)
    hold = next((c.after.hold for c in changes if c.after.hold), None)
    deciders = ("Slipway-Approved-By", "Slipway-Rollback-By", "Slipway-Hold-Owner", "Slipway-Hold-Released-By")
    ours = commit.committer == US
    return Event(
        commit=commit.commit,
        when=commit.when,
        timed=not ours or kind != "release" or bool(commit.said("Slipway-Written")),
        kind=kind,
        changes=changes,
        release=next(iter(releases)) if len(releases) == 1 else None,
        subject=subject[1] if subject else "",
        committed=_seconds(committed),
        ring=commit.said("Slipway-Ring"),
        run=commit.said("Slipway-Run"),
        by=next(filter(None, map(commit.said, deciders)), "") or ("" if ours else commit.author),
        reason=commit.said("Slipway-Rollback-Reason") or (hold.reason if hold else ""),
        plan=commit.said("Slipway-Plan"),
        overrides=tuple(v for k, v in commit.trailers if k == "Slipway-Override"),
    )


def _seconds(iso: str) -> int | None:
    try:
        return int(datetime.datetime.fromisoformat(iso).timestamp()) if iso else None
    except (ValueError, OverflowError):
        return None
