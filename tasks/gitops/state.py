"""A customer's state file, `.slipway/customers/NAME.yaml`: the release is ours, the hold is people's."""

import json
from datetime import UTC, date, datetime
from typing import Any

import yaml
from pydantic import ValidationError

from tasks.command import printable
from tasks.gitops.document import CannotEdit, Document, parse, refuse_duplicates
from tasks.models import CommitId, Deployed, Hold, Name, Release, Value

PATTERN = ".slipway/customers/{customer}.yaml"


class Released(Value):
    """What the customer was last given."""

    commit: CommitId
    head: str | None = None
    components: dict[Name, Deployed]


class State(Value):
    """The whole file. A key that is not known is an error: a misspelled hold must not be passed over."""

    customer: Name | None = None
    release: Released | None = None
    hold: Hold | None = None

    def holding(self) -> Hold | None:
        """The hold while it lasts: through its last day, by UTC."""
        if self.hold is None or not self.hold.until:
            return self.hold
        return self.hold if _last_moment(self.hold.until) >= datetime.now(UTC) else None


def read_state(content: bytes, customer: str) -> State:
    """Reads a state file. Raises `CannotEdit` naming the key that is wrong."""
    state = _state(parse(content))
    if state.customer not in (None, customer):
        raise CannotEdit.because(
            f"the file says customer {state.customer}", "key customer", f"write {customer}, or rename the file"
        )
    return state


def write_state(content: bytes | None, customer: str, release: Release) -> bytes:
    """The file with this release in it; everything else in it stays as it is, byte for byte."""
    if content is None:
        return "\n".join([f"customer: {customer}", *_lines(release), ""]).encode()
    document = parse(content)
    text = document.text
    start, end, indent = _block(document)
    ending = "\r\n" if "\r\n" in text else "\n"
    before = text[:start] + (ending if start == len(text) and text and not text.endswith("\n") else "")
    after = text[end:] if end < len(text) else ending
    new = (before + f"{ending}{indent}".join(_lines(release)) + after).encode()
    if _state(parse(new)) != _state(document).model_copy(update={"release": _released(release)}):
        raise CannotEdit.because("the release block cannot be replaced", "key release", "write it as an indented block")
    return new


def _state(document: Document) -> State:
    if len(document.roots) > 1 or document.aliases:
        raise CannotEdit.because("several documents, or an alias", "", "keep one document without aliases")
    try:
        value = _construct(document.roots[0]) if document.roots else None
        return State.model_validate({} if value is None else value)
    except ValidationError as error:
        told = error.errors()[0]
        key = ".".join(str(part) for part in told["loc"]) or "customer"
        raise CannotEdit.because(
            f"the state file is broken: {told['msg']}", f"key {printable(key)}", "mend it; keys: customer, release, hold"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise CannotEdit.because("the state file is broken: not plain values", "", "mend it, or restore it") from error


def _construct(root: yaml.Node) -> Any:
    _refuse_all_duplicates(root)
    value = yaml.constructor.SafeConstructor().construct_document(root)
    hold = value.get("hold") if isinstance(value, dict) else None
    if isinstance(hold, dict) and "until" in hold:
        hold["until"] = hold["until"].isoformat() if isinstance(hold["until"], date) else hold["until"] or ""
        if isinstance(hold["until"], str) and hold["until"]:
            _check_date(hold["until"])
    return value


def _refuse_all_duplicates(node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        refuse_duplicates(node)
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        for part in child if isinstance(child, tuple) else (child,):
            _refuse_all_duplicates(part)


def _check_date(until: str) -> None:
    try:
        _last_moment(until)
    except ValueError as error:
        raise CannotEdit.because(
            f"{printable(until[:40])!r} is not a date", "key hold.until", "write a date such as 2026-12-24, or remove it"
        ) from error


def _last_moment(until: str) -> datetime:
    moment = datetime.fromisoformat(until)
    if len(until) <= len("2026-12-24"):
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _released(release: Release) -> Released:
    return Released(
        commit=release.commit,
        head=release.head,
        components={i.component: Deployed(digest=i.digest, revision=i.revision, tree=i.tree) for i in release.images},
    )


def _lines(release: Release) -> list[str]:
    """The release block. All values are quoted: a commit of digits only must not be read as a number."""
    lines = ["release:", f"  commit: {_quoted(release.commit)}", f"  head: {_quoted(release.head)}", "  components:"]
    for name, deployed in sorted(_released(release).components.items()):
        lines.append(f"    {name}:")
        lines += [f"      {key}: {_quoted(value)}" for key, value in deployed.model_dump().items()]
    return lines


def _quoted(value: str | None) -> str:
    return json.dumps(value, ensure_ascii=False)


def _block(document: Document) -> tuple[int, int, str]:
    """Where the release block begins and ends, and its indent; the end of the file when there is none yet."""
    root = document.roots[0] if document.roots else None
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "release":
            return key.start_mark.index, _end(value), " " * key.start_mark.column
    return len(document.text), len(document.text), ""


def _end(node: yaml.Node) -> int:
    """The end of a node's last character: a block's own mark lies behind the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return node.end_mark.index
