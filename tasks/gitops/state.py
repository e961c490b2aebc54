"""The state file of a customer, `.slipway/customers/NAME.yaml`: what it runs, and a hold that a person wrote there."""

import datetime
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit, Document, children
from tasks.models import CommitId, Deployed, Hold, Release, Value

FOLDER = ".slipway/customers"
HEADER = """\
# Written by Slipway in the same commit as the images. People may add a hold, which is obeyed from then on:
#   hold: {reason: why, owner: who, until: 2030-01-31}
"""


class Released(Value):
    """The `release` part of a state file."""

    commit: CommitId
    head: str | None
    components: dict[str, Deployed]
    contracts: tuple[str, ...] = ()


class State(Value):
    """A whole state file."""

    customer: str
    release: Released | None = None
    hold: Hold | None = None


def path(customer: str) -> str:
    """Where a customer's state file is."""
    return f"{FOLDER}/{customer}.yaml"


@contextmanager
def named(file: str) -> Iterator[None]:
    """What cannot be edited in this block cannot be edited in this file."""
    try:
        yield
    except CannotEdit as error:
        error.where = error.where or file
        raise


def of(tip: Tip, name: str) -> State:
    """The state of a customer at a commit; without a state file nothing is known of it. Raises `CannotEdit`."""
    where = path(name)
    with named(where):
        if obstacle := tip.obstacle(where):
            raise CannotEdit(obstacle, "put a plain file there")
        content = tip.content(where)
        return State(customer=name) if content is None else read(content, name)


def read(content: bytes, name: str) -> State:
    """The state of this customer. Raises `CannotEdit` for a file that is broken: nothing is guessed about a customer."""
    from pydantic import ValidationError

    try:
        found = State.model_validate(plain(content))
    except ValidationError as error:
        first = error.errors()[0]
        raise _broken(f"at {'.'.join(str(k) for k in first['loc'])}: {first['msg']}") from error
    # PyYAML lets ValueError through for a date such as 2026-13-45 and for a number of 5,000 digits.
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, CannotEdit):
            raise
        raise _broken(f": {' '.join(str(error).split())[:200]}") from error
    if found.customer != name:
        raise _broken(f"at customer: it is another's, {found.customer[:63]!r}")
    return found


def plain(content: bytes) -> Any:
    """The values of a small file that people may edit, as plain data; dates are text. Raises `CannotEdit`, `yaml.YAMLError`, `ValueError`."""
    return _plain(_values(Document(content)))


def _values(document: Document) -> Any:
    """The file's plain values. An alias or a key that stands twice could hide a hold, so neither is read."""
    if len(document.roots) > 1 or document.shared:
        raise _broken(": it has aliases, or several documents")
    waiting = list(document.roots)
    while waiting:
        node = waiting.pop()
        document.require_single_keys(node)
        waiting += children(node)
    try:
        return yaml.constructor.SafeConstructor().construct_document(document.roots[0]) if document.roots else None
    except RecursionError as error:
        raise _broken(": it is nested too deeply") from error


def _broken(how: str) -> CannotEdit:
    colon = "" if how.startswith(":") else " "
    return CannotEdit(f"the state file is broken{colon}{how}", "restore it from the last commit that had it right")


def write(customer: str, release: Release) -> bytes:
    """The state file of a customer that runs the release; a hold that has run out is left out."""
    quoted = json.dumps  # a commit of digits alone must stay text
    lines = [f"customer: {quoted(customer)}", "release:", f"  commit: {quoted(release.commit)}"]
    lines += [f"  head: {quoted(release.head)}"]
    # Beside the commit's trailers, which do not outlive a pull request that is squashed.
    lines += [f"  contracts: {quoted(release.contracts)}"] if release.contracts else []
    lines += ["  components:"]
    for image in sorted(release.images, key=lambda i: i.component):
        lines += [f"    {image.component}:", f"      digest: {quoted(image.digest)}"]
        lines += [f"      revision: {quoted(image.revision)}", f"      tree: {quoted(image.tree)}"]
        lines += [f"      key: {quoted(image.key)}"] if image.key else []
    return (HEADER + "\n".join(lines) + "\n").encode()


def holds(hold: Hold | None, today: datetime.date | None = None) -> bool:
    """Whether a hold is in force; on its last day it still is. An `until` that is no date holds for safety."""
    if hold is None or not hold.until:
        return hold is not None
    try:
        return datetime.date.fromisoformat(hold.until) >= (today or datetime.datetime.now(datetime.UTC).date())
    except ValueError:
        return True


def _plain(value: Any) -> Any:
    """YAML reads 2030-01-31 as a date and 0002 as a number; a commit of digits only must stay text."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    return value.isoformat() if isinstance(value, datetime.date) else value
