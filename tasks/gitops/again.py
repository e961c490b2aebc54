"""The edits of a ring made again, because the branch moved before they were pushed, or another machine goes on."""

from collections.abc import Sequence

from tasks.config.model import Config
from tasks.git import Mirror
from tasks.gitops import state
from tasks.gitops.edit import edit_customers
from tasks.gitops.layout import Layout
from tasks.gitops.tip import Entry, Tip
from tasks.models import Edit, Edits, Promotion, Release

MOVES = ("promote", "unchanged")


def again(config: Config, release: Release, tip: str, before: Edits, present: bool = True) -> Edits:
    """The edits from another tip, in the same order; with `present` those whose files nobody has touched stay as they are.

    A customer that the plan left alone stays so: nobody has seen it moving. One whose files are gone is not made again.
    """
    moving = {e.customer: e for e in before.edits if e.promotion.standing in MOVES}
    old, new = (Layout.of(config, Tip.read(config, t)) for t in (before.tip, tip))
    there = [name for name in moving if name in new.with_files]
    touched = [name for name in there if not present or _read(old, name) != _read(new, name)]
    made = {e.customer: _kept(new, moving[e.customer], e) for e in edit_customers(config, tip, release, touched).edits}
    gone = {name: _gone(e.promotion) for name, e in moving.items() if name not in new.with_files}
    return Edits(tip=tip, edits=tuple((made | gone).get(e.customer, e) for e in before.edits))


def are_present(mirror: Mirror, edits: Sequence[Edit]) -> bool:
    """Whether the blobs of the edits are on this machine: a retried run may go on at another one."""
    blobs = [blob for e in edits for blob in e.files.values()]
    if not blobs:
        return True
    told = mirror.run("cat-file", "--batch-check", stdin="".join(f"{b}\n" for b in blobs).encode())
    return not any(line.endswith(" missing") for line in told.splitlines())


def _read(layout: Layout, name: str) -> dict[str, Entry]:
    """Everything in a commit that a customer's edit is made from."""
    return {path: layout.tip.entries[path] for path in layout.paths(name)}


def _kept(layout: Layout, before: Edit, now: Edit) -> Edit:
    """The edit, or a conflict: before a component's first release no state tells that a person put another value there."""
    if now.promotion.standing != "promote":
        return now
    done, ours = state.of(layout.tip, now.customer).release, now.promotion.coming
    new = {c: v for c, v in now.promotion.current.items() if not done or c not in done.components}
    changed = {c: v for c, v in new.items() if v not in (ours.get(c), before.promotion.current.get(c, v))}
    if not changed:
        return now
    told = ", ".join(f"{c} to {v[:19] or 'something else'}" for c, v in sorted(changed.items()))
    because = f"somebody changed {told} since the plan was made; make a new plan, or add a hold if it must stay"
    return Edit(
        promotion=now.promotion.model_copy(
            update={"standing": "conflict", "because": because, "coming": {}, "diff": "", "migrations": ()}
        )
    )


def _gone(before: Promotion) -> Edit:
    because = "somebody took its files out of the GitOps repository since the plan was made"
    return Edit(promotion=Promotion(customer=before.customer, ring=before.ring, standing="gone", because=because))
