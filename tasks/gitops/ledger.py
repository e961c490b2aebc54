"""The ledger of overrides, `.slipway/overrides/RELEASE-GATE/RING.yaml`: open from the ring's commit until it is made good.

A file for each ring, because files of their own never collide when a forge merges pull requests.
"""

import datetime
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence

import yaml
from pydantic import ValidationError

from tasks.command import printable
from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.gitops import state
from tasks.gitops.push import swap, write_commit
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit
from tasks.models import CommitId, Gate, Ledger, Name, OpenOverride, Overridden, Override, Reason, Release, Value

FOLDER = ".slipway/overrides"
PLACE = re.compile(rf"{re.escape(FOLDER)}/([0-9a-f]{{12}}-(?:freeze|soak|e2e|suites|migrations))/([a-z0-9-]+)\.yaml")
HEADER = """\
# An override that is still to be made good, written in the commit of the ring. The nightly run takes the file away once that
# has been seen; `slipway overrides clear ID --by NAME --reason WHY` does so by hand.
"""
MOST = 1000


class Entry(Value):
    """One file: what one ring got by an override."""

    gate: Gate
    reason: str
    by: str
    release: CommitId
    when: str
    ring: Name
    trees: dict[Name, str] = {}


class LedgerCommit(Value):
    """The commit that closed overrides; `created` is False when none of them was open any more."""

    commit: CommitId
    created: bool
    closed: tuple[str, ...]


def used(config: Config, release: Release, overrides: Iterable[Override], ring: Name) -> tuple[Overridden, ...]:
    """The overrides that the ring needed: gates that the release was passed by, and times that count for this ring.

    A function of configuration and request, not of the clock: a second attempt must write the same commit.
    """
    frozen = any(not f.rings or ring in f.rings for f in config.policy.freeze)
    times = {"freeze": frozen, "soak": config.ring(ring).soak > 0}
    waited = tuple(Overridden(override=o) for o in overrides if times.get(o.gate))
    return (*(o for o in release.overridden if o.override.gate not in times), *waited)


def files(
    config: Config, tip: Tip, release: Release, ring: Name, when: str, overridden: Sequence[Overridden]
) -> dict[str, bytes]:
    """Path -> content of each entry that the tip does not have yet; `when` is in seconds since 1970.

    Raises `ReleaseRefused` when something else stands in the place of one: an override is recorded, or it is none.
    """
    made = {}
    for one in overridden:
        entry = _entry(config, release, ring, when, one)
        path = f"{FOLDER}/{_id(entry)}/{ring}.yaml"
        if path not in tip.entries:
            made[path] = _written(entry)
        elif isinstance(found := _read(tip, path), Reason):
            raise ReleaseRefused(found)
    return made


def read_ledger(config: Config, commit: CommitId | None = None) -> Ledger:
    """Every open override at the tip, or at a commit; a file that cannot be read is a problem and hides no other."""
    tip = Tip.read(config, commit)
    paths = sorted(p for p in tip.entries if p.startswith(f"{FOLDER}/") and p.endswith(".yaml"))
    tip.load(paths[:MOST])
    found = {path: _read(tip, path) for path in paths[:MOST]}
    problems = [r for r in found.values() if isinstance(r, Reason)]
    if len(paths) > MOST:
        what = f"the ledger has {len(paths)} files, and {MOST} were read"
        problems.append(Reason(what=what, where=FOLDER, next_step="close some with `slipway overrides clear`"))
    entries = [e for e in found.values() if isinstance(e, Entry)]
    grouped: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda e: (e.when, _id(e), e.ring)):
        grouped.setdefault(_id(entry), []).append(entry)
    return Ledger(entries=tuple(_open(same) for same in grouped.values()), problems=tuple(problems))


def clear(config: Config, because: Mapping[str, str], by: str) -> LedgerCommit:
    """Closes these overrides in one commit: id -> why. What is closed already is left out; everything else stays as it is."""
    tip = Tip.read(config)
    when = str(int(time.time()))
    closed: tuple[str, ...] = ()

    def make(at: str) -> str | None:
        nonlocal closed
        paths = _paths(Tip.read(config, at), because)
        closed = tuple(sorted({path.split("/")[2] for path in paths}))
        message = _message(config, {i: because[i] for i in closed}, by)
        return write_commit(config, tip.mirror, at, dict.fromkeys(paths, ""), message, when) if paths else None

    commit, created = swap(config, tip.mirror, tip.commit, make)
    return LedgerCommit(commit=commit, created=created, closed=closed)


def clear_by_hand(config: Config, ids: Sequence[str], by: str, reason: str) -> LedgerCommit:
    """As `clear`, for a person. Raises `ReleaseRefused` for an id that is not in the ledger."""
    tip = Tip.read(config)
    known = {match[1] for path in tip.entries if (match := PLACE.fullmatch(path))}
    if unknown := sorted(set(ids) - known):
        raise ReleaseRefused.because(
            f"{', '.join(unknown)}: no open override",
            "the GitOps repository, " + FOLDER,
            f"open are {', '.join(sorted(known)[:20]) or 'none'}",
        )
    return clear(config, dict.fromkeys(ids, reason), by)


def _entry(config: Config, release: Release, ring: Name, when: str, overridden: Overridden) -> Entry:
    override = overridden.override
    failed = {"suites": overridden.components, "migrations": _migrating(config)}.get(override.gate, ())
    return Entry(
        gate=override.gate,
        reason=printable(override.reason),
        by=printable(override.by),
        release=release.commit,
        when=datetime.datetime.fromtimestamp(int(when), datetime.UTC).isoformat(),
        ring=ring,
        trees={i.component: i.tree for i in release.images if i.component in failed},
    )


def _migrating(config: Config) -> tuple[str, ...]:
    return (config.migrations.component,) if config.migrations else ()


def _id(entry: Entry) -> str:
    return f"{entry.release[:12]}-{entry.gate}"


def _written(entry: Entry) -> bytes:
    """One key a line, each value quoted, so that it stays what it is for every reader of YAML."""
    facts = {k: v for k, v in entry.model_dump().items() if v}
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items())
    return (HEADER + "\n".join(lines) + "\n").encode()


def _read(tip: Tip, path: str) -> Entry | Reason:
    """The entry, or why it is none."""
    try:
        if not (place := PLACE.fullmatch(path)):
            return _broken(path, "its name is none of an override")
        if (content := tip.content(path)) is None:
            return _broken(path, tip.obstacle(path) or "it is not there")
        entry = Entry.model_validate(state.plain(content))
    except ValidationError as error:
        first = error.errors()[0]
        return _broken(path, f"at {'.'.join(str(k) for k in first['loc']) or 'its beginning'}: {first['msg']}")
    except (yaml.YAMLError, ValueError, CannotEdit) as error:
        return _broken(path, " ".join(str(error).split())[:200])
    agrees = (_id(entry), entry.ring) == (place[1], place[2])
    return entry if agrees else _broken(path, "release, gate and ring are not those of its name")


def _broken(path: str, how: str) -> Reason:
    return Reason(
        what=f"an override in the ledger cannot be read: {printable(how)}",
        where=printable(path),
        next_step="restore the file as it was committed, or remove it once the override is made good",
    )


def _open(same: Sequence[Entry]) -> OpenOverride:
    """The files of one release and gate as one entry."""
    first = same[0]
    return OpenOverride(
        id=_id(first),
        override=Override.model_construct(gate=first.gate, reason=first.reason, by=first.by),
        release=first.release,
        when=first.when,
        rings=tuple(e.ring for e in same),
        trees={c: t for e in same for c, t in e.trees.items()},
    )


def _paths(tip: Tip, ids: Iterable[str]) -> list[str]:
    wanted = set(ids)
    return sorted(p for p in tip.entries if (match := PLACE.fullmatch(p)) and match[1] in wanted)


def _message(config: Config, because: Mapping[str, str], by: str) -> str:
    what = f"{len(because)} override{'s' if len(because) != 1 else ''} closed"
    lines = "".join(f"{i}: {printable(why)}\n" for i, why in because.items())
    facts = "".join(f"Slipway-Override-Closed: {i}\n" for i in because) + f"Slipway-Closed-By: {printable(by)}\n"
    return f"{config.app.name}: {what}\n\n{lines}\n{facts}"
