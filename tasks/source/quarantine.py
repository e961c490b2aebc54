"""Tests in quarantine: `.slipway/quarantine.yaml` in the app's repository at the commit, within what the operator allows.

It is read through git and never checked out. It can forgive a named test its failure until a day, and nothing else.
"""

import datetime
import logging
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import ValidationError

from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.git import GitFailed, Mirror
from tasks.models import Quarantine, QuarantineEntry, Reason, Source
from tasks.output import printable

log = logging.getLogger(__name__)
FILE = ".slipway/quarantine.yaml"
MAX_BYTES = 100_000
SHOWN = 20
KEYS = "test, suite, owner, reason and until, such as 2026-12-24"
FORM = f"a list of mappings with {KEYS}"


def read_quarantine(config: Config, source: Source, day: datetime.date | None = None) -> Quarantine:
    """The entries at the commit; `day` is in UTC, without it the clock is asked.

    Raises `ReleaseRefused` with everything that is wrong at once: each with its line and what is allowed.
    """
    day = day or datetime.datetime.now(datetime.UTC).date()
    mirror = Mirror.holding(config.app.repository, config.app.branch, source.commit)
    if mirror.tree(source.commit, FILE) is None:
        return Quarantine(day=day)
    entries, wrong = [], []
    for line, found in _listed(mirror, source.commit):
        try:
            entries.append((line, QuarantineEntry.model_validate(found)))
        except ValidationError as error:
            wrong += [_reason(line, _words(e), f"an entry has {KEYS}") for e in error.errors()]
    if wrong := [*wrong, *_not_allowed(config, entries, day)]:
        raise ReleaseRefused(*wrong[:SHOWN])
    for _, entry in entries:
        log.info("quarantine: %s", entry)
    return Quarantine(day=day, entries=tuple(entry for _, entry in entries))


def _listed(mirror: Mirror, commit: str) -> Iterator[tuple[int, Any]]:
    """(line, what stands there) of each entry. Raises `ReleaseRefused` for a file that is no list."""
    try:
        if int(mirror.run("cat-file", "-s", f"{commit}:{FILE}")) > MAX_BYTES:
            raise ReleaseRefused(_reason(1, f"it is larger than {MAX_BYTES} bytes", "mend some of these tests"))
        text = mirror.run_bytes("cat-file", "blob", f"{commit}:{FILE}").decode()
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is not None and not isinstance(node, yaml.SequenceNode):
            raise ReleaseRefused(_reason(node.start_mark.line + 1, "it is no list", FORM))
        for item in node.value if node else ():
            _no_duplicates(item)
            yield item.start_mark.line + 1, loader.construct_object(item, deep=True)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ReleaseRefused(_reason(mark.line + 1 if mark else 1, "it is not YAML", FORM)) from error
    except (GitFailed, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ReleaseRefused(_reason(1, f"it cannot be read: {printable(str(error))[:200]}", FORM)) from error


def _no_duplicates(item: yaml.Node) -> None:
    """PyYAML lets the last of two equal keys win in silence."""
    keys = [key.value for key, _ in item.value] if isinstance(item, yaml.MappingNode) else []
    if twice := sorted({str(key) for key in keys if keys.count(key) > 1}):
        raise ReleaseRefused(
            _reason(item.start_mark.line + 1, f"{printable(twice[0])} stands twice", "keep one of them")
        )


def _not_allowed(config: Config, entries: list[tuple[int, QuarantineEntry]], day: datetime.date) -> Iterator[Reason]:
    """What the operator's cap, or the configuration's names, say against entries that are well-formed."""
    allowed, known = config.policy.quarantine, _suites(config)
    if len(entries) > allowed.most:
        yield _reason(
            1,
            f"{len(entries)} entries, and policy.quarantine.most in release.yaml allows {allowed.most}",
            "mend tests and take their entries away",
        )
    latest, seen = day + datetime.timedelta(seconds=allowed.longest), set()
    for line, entry in entries:
        told = printable(entry.test)
        if entry.until > latest:
            yield _reason(line, f"{told}: until {entry.until} is too long", f"end it on {latest} at the latest")
        if entry.suite not in known:
            yield _reason(line, f"{told}: there is no suite {printable(entry.suite)}", f"suites are {', '.join(known)}")
        if (entry.suite, entry.test) in seen:
            yield _reason(line, f"{told} stands twice", "keep one entry")
        seen.add((entry.suite, entry.test))


def _suites(config: Config) -> list[str]:
    named = [f"{name}/{suite}" for name, component in config.components.items() for suite in component.suites]
    return [*named, *(["e2e"] if config.e2e else [])]


def _words(error: Any) -> str:
    key = ".".join(map(str, error["loc"])) or "the entry"
    said = {"missing": "is missing", "extra_forbidden": "is not known"}.get(error["type"])
    return printable(f"{key} {said}" if said else f"{key}: {error['msg']}")[:200]


def _reason(line: int, what: str, next_step: str) -> Reason:
    return Reason(what=f"quarantine: {what}", where=f"{FILE}, line {line}", next_step=next_step)
