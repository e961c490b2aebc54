"""Rollback: customers put back to the release they ran before, and held there so that the next release does not undo it."""

import time
from collections.abc import Sequence

from tasks.command import printable
from tasks.config import Config
from tasks.errors import ReleaseRefused
from tasks.git import Mirror
from tasks.gitops import state
from tasks.gitops.edit import rewritten
from tasks.gitops.fleet import customer as read_customer
from tasks.gitops.fleet import paths, read_fleet, ring_of
from tasks.gitops.hold import with_hold
from tasks.gitops.push import swap, write_commit
from tasks.gitops.state import Released
from tasks.gitops.tip import Tip
from tasks.gitops.yaml_bytes import CannotEdit
from tasks.models import Deployed, Hold, Image, Reason, Release, Value

CONTRACT = "Slipway-Contract"
HISTORY = 200


class Back(Value):
    """Where one customer goes back to."""

    customer: str
    from_commit: str
    to_commit: str


class RollbackCommit(Value):
    """The commit that put customers back and holds them there."""

    commit: str
    created: bool
    customers: tuple[Back, ...]


def rollback(config: Config, customers: Sequence[str], wanted: Hold) -> RollbackCommit:
    """Puts exactly these customers back to the release before, in ONE commit, each with this hold.

    The databases stay as they are: migrations are not taken back, so a contract that has run in between refuses it,
    and so do files that a person has changed since. All customers are put back, or none: raises `ReleaseRefused`
    with what is wrong at each.
    """
    fleet, mirror = read_fleet(config), Mirror.open(config.gitops.repository)
    known = {c.name for c in fleet.customers}
    if unknown := sorted(set(customers) - known):
        raise ReleaseRefused.because(
            f"{', '.join(unknown)}: not in the GitOps repository",
            "the command line",
            f"customers are {', '.join(sorted(known))}",
        )
    when, done = str(int(time.time())), []

    def make(tip: str) -> str:
        nonlocal done
        files, done = _files(config, mirror, tip, sorted(set(customers)), wanted)
        return write_commit(config, mirror, tip, files, _message(config, done, wanted), when)

    commit, created = swap(config, mirror, fleet.tip, make)
    return RollbackCommit(commit=commit, created=created, customers=tuple(done))


def _files(
    config: Config, mirror: Mirror, tip: str, names: Sequence[str], wanted: Hold
) -> tuple[dict[str, str], list[Back]]:
    at = Tip.read(config, tip, [p for n in names for p in paths(config, n)])
    files: dict[str, str] = {}
    done, reasons = [], []
    for name in names:
        try:
            back, changed = _one(config, mirror, at, name, wanted)
        except CannotEdit as error:
            reasons.append(Reason(what=f"{name}: {error.problem}", where=state.path(name), next_step=error.next_step))
            continue
        done.append(back)
        files |= {path: at.mirror.run("hash-object", "-w", "--stdin", stdin=new) for path, new in changed.items()}
    if reasons:
        raise ReleaseRefused(*reasons)
    return files, done


def _one(config: Config, mirror: Mirror, at: Tip, name: str, wanted: Hold) -> tuple[Back, dict[str, bytes]]:
    contents = at.contents(paths(config, name))
    customer = read_customer(config, at, contents, name, ring_of(config, name) or "")
    if customer.problem:
        raise CannotEdit(customer.problem.what, customer.problem.next_step)
    if customer.release is None:
        raise CannotEdit("it has no release yet", "there is nothing to go back to")
    before = _before(mirror, at.commit, name, customer.release)
    images = tuple(_image(config, component, deployed) for component, deployed in before.components.items())
    # The database is where the newer release left it.
    release = Release(commit=before.commit, subject="rollback", images=images, head=customer.head)
    files, _ = rewritten(config, at, contents, release, customer)
    changed = {path: new for path, (_, new) in files.items()}
    changed[state.path(name)] = with_hold(state.write(name, release), name, wanted)
    return Back(customer=name, from_commit=customer.release, to_commit=before.commit), changed


def _before(mirror: Mirror, tip: str, name: str, current: str) -> Released:
    """The release that the state file said before the current one. Raises `CannotEdit` when a contract has run since."""
    contracts: list[str] = []
    log = mirror.run("log", f"--max-count={HISTORY}", "--format=%H", tip, "--", state.path(name))
    for commit in log.splitlines():
        found = _released(mirror, commit, name)
        if found and found.commit != current:
            if contracts:
                said = ", ".join(sorted(set(contracts)))
                raise CannotEdit(
                    f"the contract {said} has run since: the release before cannot live with it",
                    "mend it forward: release a correction",
                )
            return found
        contracts += mirror.run("show", "--no-patch", f"--format=%(trailers:key={CONTRACT},valueonly)", commit).split()
    raise CannotEdit("there is no release before this one in its history", "release a correction instead")


def _released(mirror: Mirror, commit: str, name: str) -> Released | None:
    try:
        return state.read(mirror.run_bytes("cat-file", "blob", f"{commit}:{state.path(name)}"), name).release
    except CannotEdit:
        return None


def _image(config: Config, component: str, deployed: Deployed) -> Image:
    if component not in config.components:
        raise CannotEdit(f"it ran {component}, which release.yaml no longer has", "release a correction instead")
    repository = config.components[component].image
    return Image(component=component, repository=repository, built=False, seconds=0, **deployed.model_dump())


def _message(config: Config, done: Sequence[Back], wanted: Hold) -> str:
    lines = "".join(f"{b.customer}: {b.from_commit[:7]} -> {b.to_commit[:7]}\n" for b in done)
    facts = [("Slipway-Rollback-By", wanted.owner), ("Slipway-Rollback-Reason", wanted.reason)]
    trailers = "".join(f"{key}: {printable(value)}\n" for key, value in facts)
    return f"{config.app.name}: {', '.join(b.customer for b in done)} back\n\n{lines}\n{trailers}"
