"""Holds: a customer kept where it is, with reason, owner and an end; written where every release looks before it writes."""

import contextlib
import json
import time
from collections.abc import Sequence

import yaml

from tasks.command import printable
from tasks.config.model import Config
from tasks.errors import ReleaseRefused
from tasks.gitops import state
from tasks.gitops.fleet import require_customers
from tasks.gitops.layout import Layout
from tasks.gitops.push import swap, write_blobs, write_commit
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit
from tasks.models import Hold, Reason, Value


class HoldCommit(Value):
    """The commit that holds customers or lets them go; `created` is False when all of them already were as asked."""

    commit: str
    created: bool
    customers: tuple[str, ...]


def hold(config: Config, customers: Sequence[str], wanted: Hold) -> HoldCommit:
    """Holds these customers in one commit; one that is held already gets the new reason, owner and end."""
    what = f"hold {', '.join(sorted(set(customers)))}: {wanted.reason}"
    return _write(
        config, customers, wanted, what, {"Slipway-Hold-Owner": wanted.owner, "Slipway-Hold-Until": wanted.until}
    )


def release_hold(config: Config, customers: Sequence[str], owner: str) -> HoldCommit:
    """Lets these customers move again with the next release."""
    return _write(
        config,
        customers,
        None,
        f"let {', '.join(sorted(set(customers)))} move again",
        {"Slipway-Hold-Released-By": owner},
    )


def read_holds(config: Config, tip: str, customers: Sequence[str]) -> dict[str, Hold]:
    """Customer -> the hold in its state file, also one that has run out. A file that is broken tells of none."""
    at = Tip.read(config, tip)
    at.load(state.path(c) for c in customers)
    found = {}
    for name in customers:
        with contextlib.suppress(CannotEdit):
            if stated := state.of(at, name).hold:
                found[name] = stated
    return found


def with_hold(content: bytes, customer: str, wanted: Hold | None) -> bytes:
    """A state file with this hold, or without any; everything else in it stays byte for byte.

    Raises `CannotEdit` for a file that is broken.
    """
    before = state.read(content, customer)
    text = content.decode("utf-8")
    end = "\r\n" if "\r\n" in text else "\n"
    root = yaml.compose(text, Loader=yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader)
    for key, value in root.value if root else ():
        if key.value == "hold":
            text = text[: key.start_mark.index] + _after(text, value)
    if wanted:
        facts = ", ".join(f"{k}: {json.dumps(v)}" for k, v in wanted.model_dump().items() if v)
        text = text.rstrip("\r\n") + f"{end}hold: {{{facts}}}{end}"
    new = text.encode()
    if state.read(new, customer) != before.model_copy(update={"hold": wanted}):
        raise CannotEdit("the hold cannot be written without touching something else", "edit the file by hand")
    return new


def _after(text: str, value: yaml.Node) -> str:
    """What follows a hold: the lines after its last value, with comments that stand before the next key."""
    while isinstance(value, yaml.CollectionNode) and not value.flow_style and value.value:
        last = value.value[-1]
        value = last[1] if isinstance(last, tuple) else last
    return text[value.end_mark.index :].partition("\n")[2]


def _write(
    config: Config, customers: Sequence[str], wanted: Hold | None, what: str, trailers: dict[str, str]
) -> HoldCommit:
    tip = Tip.read(config)
    require_customers(customers, Layout.of(config, tip).names)
    when = str(int(time.time()))
    facts = "".join(f"{key}: {printable(value)}\n" for key, value in trailers.items() if value)
    message = f"{config.app.name}: {printable(what)}\n\n{facts}"

    def make(at: str) -> str | None:
        contents = _contents(Tip.read(config, at), customers, wanted)
        blobs = write_blobs(tip.mirror, list(contents.values()))
        files = dict(zip(contents, blobs, strict=True))
        return write_commit(config, tip.mirror, at, files, message, when) if files else None

    commit, created = swap(config, tip.mirror, tip.commit, make)
    return HoldCommit(commit=commit, created=created, customers=tuple(sorted(set(customers))))


def _contents(tip: Tip, customers: Sequence[str], wanted: Hold | None) -> dict[str, bytes]:
    """State file -> new content, of the customers that are not as asked yet. Raises `ReleaseRefused` with what is wrong at each."""
    contents, reasons = {}, []
    tip.load(state.path(c) for c in customers)
    for name in sorted(set(customers)):
        where = state.path(name)
        try:
            if state.of(tip, name).hold != wanted:
                old = tip.content(where) or f"customer: {json.dumps(name)}\n".encode()
                contents[where] = with_hold(old, name, wanted)
        except CannotEdit as error:
            reasons.append(Reason(what=f"{name}: {error.problem}", where=where, next_step=error.next_step))
    if reasons:
        raise ReleaseRefused(*reasons)
    return contents
