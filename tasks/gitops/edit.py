"""What one release changes in one customer's files, computed from the bytes of one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tasks.config.model import Config
from tasks.gitops import state
from tasks.gitops.diff import diff
from tasks.gitops.fleet import ring_of
from tasks.gitops.layout import Layout, runs_now
from tasks.gitops.order import Order
from tasks.gitops.push import write_blobs
from tasks.gitops.state import State
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit, Scalar
from tasks.models import Edit, Edits, Hold, PendingMigration, Promotion, Release, Standing

Files = dict[str, tuple[bytes | None, bytes]]
"""Path -> content before (None: not there) and after."""

BACK = "`slipway rollback {0}`, then `slipway release-hold {0}`, and release again"


class Conflict(CannotEdit):
    """A person put another value there, and knew why; it is kept."""


@dataclass(frozen=True)
class Change:
    """A customer's standing in a release, what its images say now, and its files before and after."""

    standing: Standing
    because: str = ""
    current: dict[str, str] = field(default_factory=dict)
    files: Files = field(default_factory=dict)
    head: str | None = None


def edit_customers(config: Config, tip: str, release: Release, customers: Sequence[str]) -> Edits:
    """The edits of these customers at one commit, each for itself: all of a customer's files, or none.

    Writes blobs to the mirror, by one process, and nothing else; the same commit and release give the same blobs.
    """
    layout, order = Layout.of(config, Tip.read(config, tip)), Order(config, release.commit)
    layout.load(customers)
    changes = {name: compute(layout, order, release, name) for name in customers}
    blobs = iter(write_blobs(layout.tip.mirror, [new for c in changes.values() for _, new in c.files.values()]))
    edits = tuple(
        Edit(promotion=promotion(config, release, name, change), files={path: next(blobs) for path in change.files})
        for name, change in changes.items()
    )
    return Edits(tip=tip, edits=edits)


def promotion(config: Config, release: Release, name: str, change: Change) -> Promotion:
    """A change as people read it."""
    moves = change.standing == "promote"
    return Promotion(
        customer=name,
        ring=ring_of(config, name) or "none",
        standing=change.standing,
        because=change.because,
        current=change.current,
        coming={i.component: i.digest for i in release.images} if moves else {},
        diff="".join(diff(path, old, new) for path, (old, new) in sorted(change.files.items())),
        migrations=pending(release, change.head) if moves else (),
    )


def pending(release: Release, head: str | None) -> tuple[PendingMigration, ...]:
    """What the database of a customer at this head is still to run."""
    return release.pending.get(head or "", ())


def compute(layout: Layout, order: Order, release: Release, name: str) -> Change:
    """A pure function of a commit and a release. What stands against the promotion is its standing, not an error."""
    if ring_of(layout.config, name) is None:
        return Change("refused", f"{name} stands in no ring of release.yaml any more")
    try:
        stated = state.of(layout.tip, name)
        return _against(order, stated) or _change(layout, order, release, stated)
    except CannotEdit as error:
        where = f" ({error.where})" if error.where else ""
        standing: Standing = "conflict" if isinstance(error, Conflict) else "refused"
        return Change(standing, f"{error.problem}{where}; {error.next_step}")


def _against(order: Order, stated: State) -> Change | None:
    """What keeps a customer where it is: a hold, or a release that is not older."""
    if stated.hold == Hold.after_failure(order.commit):
        return Change("failed", f"{order.commit[:7]} failed here before, and was taken back")
    if stated.hold and state.holds(stated.hold):
        until = f" until {stated.hold.until}" if stated.hold.until else ""
        return Change("held", f"held by {stated.hold.owner}{until}: {stated.hold.reason}")
    runs = stated.release.commit if stated.release else order.commit
    match order.of(runs):
        case "newer":
            return Change("superseded", f"runs {runs[:7]}, which is newer")
        case "aside":
            return Change("refused", f"runs {runs[:7]}, which is on another line; {BACK.format(stated.customer)}")
        case "unknown":
            return Change(
                "refused",
                f"runs {runs[:7]}, which main no longer has, so order cannot be told; {BACK.format(stated.customer)}",
            )
    return None


def _change(layout: Layout, order: Order, release: Release, stated: State) -> Change:
    changed, current = rewritten(layout, release, stated)
    done = stated.release
    same = done is not None and done.head == release.head and _digests(done.components) == _digests(release.deployed)
    # What takes an earlier commit back has the images of the one before: that it is newer must be written all the same.
    if done and same and not changed and not order.overtakes(done.commit):
        return Change("unchanged", "runs these images already", current)
    where = state.path(stated.customer)
    new = state.write(stated.customer, release)
    return Change(
        "promote", "", current, {**changed, where: (layout.tip.content(where), new)}, done.head if done else None
    )


def _digests(components: Mapping[str, object]) -> dict[str, str]:
    return {name: deployed.digest for name, deployed in components.items()}  # type: ignore[attr-defined]


def rewritten(layout: Layout, release: Release, stated: State) -> tuple[Files, dict[str, str]]:
    """The files that name the release's images, before and after where they differ, and what each component ran until now.

    Raises `CannotEdit`; nothing but the images' values ever differs.
    """
    values: dict[str, dict[Scalar, str]] = {}
    current: dict[str, str] = {}
    for image in release.images:
        found = layout.values(image.component, stated.customer, image)
        current[image.component] = runs_now(found)
        with state.named(", ".join(found)):
            _require_ours(stated, image.component, current[image.component], set(image.names))
            for file, scalars in found.items():
                join(values.setdefault(file, {}), scalars, image.component)
    files: Files = {}
    for file, scalars in values.items():
        with state.named(file):
            before, after = layout.tip.content(file), layout.tip.document(file).replaced(scalars)
            files |= {file: (before, after)} if before != after else {}
    return files, current


def join(values: dict[Scalar, str], found: Mapping[Scalar, str], component: str) -> None:
    """Adds what a component sets. Raises `CannotEdit` when another one sets the same value to something else."""
    for scalar, text in found.items():
        if values.setdefault(scalar, text) != text:
            raise CannotEdit(f"{component} and another component name the same value", "correct gitops.targets")


def _require_ours(stated: State, component: str, found: str, wanted: set[str]) -> None:
    """A value that no release of ours wrote was put there by a person: newer or not, it is kept and told."""
    known = stated.release.components.get(component) if stated.release else None
    if known and found not in wanted | {known.digest, known.tag}:
        raise Conflict(
            f"{component} was changed by hand to {found[:19] or 'something else'}",
            f"put {known.digest[:19]} back, or write the new digest into {state.path(stated.customer)} too; "
            "add a hold there if it must stay",
        )
