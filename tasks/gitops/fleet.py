"""The fleet: every customer as the GitOps repository states it, with what is wrong with single ones."""

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from pydantic import TypeAdapter, ValidationError

from tasks.config import Config, Target
from tasks.errors import ReleaseRefused
from tasks.gitops import state
from tasks.gitops.tip import REGULAR, Tip
from tasks.gitops.yaml_bytes import CannotEdit, Document, Scalar
from tasks.models import Customer, Fleet, Name, Reason

log = logging.getLogger(__name__)
_name = TypeAdapter(Name)


def read_fleet(config: Config) -> Fleet:
    """Fetches the GitOps branch and reads every customer at its tip, in ring order, then by name.

    A customer is there when a target file or a state file of its own is. What is wrong with one becomes its
    `problem`. Raises `ReleaseRefused` when rings name customers that are not there.
    """
    tip = Tip.read(config)
    names = _names(config, tip)
    _require_known(config, names)
    rings, order = _in_rings(config, names), [r.name for r in config.rings]
    contents = tip.contents(p for n in rings for p in paths(config, n))
    ordered = sorted(rings, key=lambda n: (order.index(rings[n]), n))
    return Fleet(tip=tip.commit, customers=tuple(customer(config, tip, contents, n, rings[n]) for n in ordered))


def customer(config: Config, tip: Tip, contents: Mapping[str, bytes], name: str, ring: str) -> Customer:
    """One customer out of the contents of its files."""
    where = state.path(name)
    try:
        _require_clear(tip, where)
        stated = state.read(contents[where], name) if where in contents else state.State(customer=name)
        where = ""
        for component in config.components:
            where = target_file(config, tip, component, name)
            locate(Document(contents[where]), _target(config, tip, component, name), name)
    except CannotEdit as error:
        reason = Reason(what=f"{name}: {error.problem}", where=where or "GitOps repository", next_step=error.next_step)
        return Customer(name=name, ring=ring, problem=reason)
    done = stated.release
    return Customer(
        name=name,
        ring=ring,
        release=done.commit if done else None,
        components=done.components if done else {},
        head=done.head if done else None,
        hold=stated.hold if state.holds(stated.hold) else None,
    )


def paths(config: Config, name: str) -> list[str]:
    """Every file that may say something about a customer."""
    files = {t.file.replace("{customer}", name) for targets in config.gitops.targets.values() for t in targets}
    return [state.path(name), *sorted(files)]


def folders(config: Config, name: str) -> list[str]:
    """A customer's own folders above its files: one of them may be a link, which is named and never followed."""
    files = [t.file for targets in config.gitops.targets.values() for t in targets]
    parents = {str(p) for file in files for p in PurePosixPath(file).parents}
    return sorted(p.replace("{customer}", name) for p in parents if "{customer}" in p)


def target_file(config: Config, tip: Tip, component: str, name: str) -> str:
    """The file that holds a component's image for a customer. Raises `CannotEdit`."""
    return _target(config, tip, component, name).file.replace("{customer}", name)


def locate(document: Document, target: Target, name: str) -> Scalar:
    """The scalar of a target in its file, for this customer. Raises `CannotEdit`."""
    if target.image is not None:
        return document.kustomize_digest(target.image)
    return document.at((target.path or "").replace("{customer}", name))


def _target(config: Config, tip: Tip, component: str, name: str) -> Target:
    """The first target whose file is there counts; a link or submodule in its place is not followed."""
    for target in config.gitops.targets[component]:
        file = target.file.replace("{customer}", name)
        _require_clear(tip, file)
        if file in tip.entries:
            return target
    tried = ", ".join(t.file.replace("{customer}", name) for t in config.gitops.targets[component])
    raise CannotEdit(f"there is no file for {component}", f"add one of: {tried}")


def _require_clear(tip: Tip, file: str) -> None:
    if obstacle := tip.obstacle(file):
        raise CannotEdit(obstacle, "put a plain file of usual size there")


def target_of(config: Config, tip: Tip, component: str, name: str) -> Target:
    """The target of a component for a customer. Raises `CannotEdit`."""
    return _target(config, tip, component, name)


def _names(config: Config, tip: Tip) -> set[str]:
    patterns = {t.file for targets in config.gitops.targets.values() for t in targets if "{customer}" in t.file}
    patterns.add(state.path("{customer}"))
    found = {m[1] for p in patterns for m in _matches(p, tip.entries)}
    # A customer whose whole folder is a link would be forgotten in silence; it is found, and then refused by name.
    links = [path for path, entry in tip.entries.items() if entry.mode not in REGULAR]
    above = {str(p) for pattern in patterns for p in PurePosixPath(pattern).parents if "{customer}" in str(p)}
    found |= {m[1] for p in above for m in _matches(p, links)}
    valid = {n for n in found if _valid(n)}
    for hostile in sorted(found - valid):
        log.warning("not a customer's name, left alone: %s", ascii(hostile))
    return valid


def _matches(pattern: str, files: Iterable[str]) -> Iterable[re.Match[str]]:
    before, _, after = pattern.partition("{customer}")
    expression = re.compile(re.escape(before) + r"([^/]+)" + re.escape(after).replace(re.escape("{customer}"), r"\1"))
    return filter(None, map(expression.fullmatch, files))


def _valid(name: str) -> bool:
    try:
        _name.validate_python(name)
    except ValidationError:
        return False
    return True


def _require_known(config: Config, names: set[str]) -> None:
    missing = [(r.name, c) for r in config.rings if r.customers != "*" for c in r.customers if c not in names]
    if missing:
        raise ReleaseRefused(
            *(
                Reason(
                    what=f"ring {ring} names {name}, which is not in the GitOps repository",
                    where="release.yaml, rings",
                    next_step=f"correct the name or add the customer's files; there are {', '.join(sorted(names)) or 'none yet'}",
                )
                for ring, name in missing
            )
        )


def ring_of(config: Config, name: str) -> str | None:
    """The ring that names a customer, else the one of all others; None when it stands in none."""
    for ring in config.rings:
        if ring.customers != "*" and name in ring.customers:
            return ring.name
    return next((r.name for r in config.rings if r.customers == "*"), None)


def _in_rings(config: Config, names: set[str]) -> dict[str, str]:
    rings = {n: ring_of(config, n) for n in names}
    for name in sorted(n for n, ring in rings.items() if ring is None):
        log.warning("%s: stands in no ring and is left alone", name)
    return {n: ring for n, ring in rings.items() if ring}
