"""The state file of a customer, `.slipway/customers/NAME.yaml`: what it runs, and a hold that a person wrote there."""

import datetime
import json
from typing import Any

import yaml

from tasks.gitops.yaml_bytes import CannotEdit, Document
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


class State(Value):
    """A whole state file."""

    customer: str
    release: Released | None = None
    hold: Hold | None = None


def path(customer: str) -> str:
    """Where a customer's state file is."""
    return f"{FOLDER}/{customer}.yaml"


def read(content: bytes) -> State:
    """The state in a file. Raises `CannotEdit` for one that is broken: nothing is guessed about a customer."""
    from pydantic import ValidationError

    Document(content)  # size, encoding, depth and syntax
    try:
        return State.model_validate(_plain(yaml.safe_load(content)))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(k) for k in first["loc"])
        raise CannotEdit(
            f"the state file is broken at {key}: {first['msg']}", "restore it from the last commit that had it right"
        ) from error


def write(customer: str, release: Release) -> bytes:
    """The state file of a customer that runs the release; a hold that has run out is left out."""
    quoted = json.dumps  # a commit of digits alone must stay text
    lines = [f"customer: {quoted(customer)}", "release:", f"  commit: {quoted(release.commit)}"]
    lines += [f"  head: {quoted(release.head)}", "  components:"]
    for image in sorted(release.images, key=lambda i: i.component):
        lines += [f"    {image.component}:", f"      digest: {quoted(image.digest)}"]
        lines += [f"      revision: {quoted(image.revision)}", f"      tree: {quoted(image.tree)}"]
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
