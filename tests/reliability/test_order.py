"""In whatever order releases end, the newest stays; a step back is only ever a person's rollback."""

import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator

import pytest

from tasks.errors import ReleaseRefused, Superseded
from tasks.gitops.fleet import read_fleet
from tasks.gitops.hold import release_hold
from tasks.gitops.plan import make_plan
from tasks.gitops.rollback import rollback
from tasks.models import Hold, ReleaseRequest, Source
from tasks.source.checkout import check_out
from tests.reliability.history import RELEASED
from tests.reliability.size import some
from tests.reliability.world import World, digest, files_of, git, path_of, state_path

AUDIT = Hold(reason="audit", owner="kari")
RELEASES = 5


def steps(world: World, name: str, base: str) -> Iterator[tuple[int, int]]:
    """From which release to which every commit took a customer, as the state file says."""
    before = -1
    for commit in world.since(base):
        found = RELEASED.search((world.content(state_path(name), commit) or b"").decode())
        now = world.commits.index(found[1]) if found else before
        if now != before:
            yield before, now
        before = now


def back_to(world: World, tip: str) -> None:
    """The GitOps branch where it was, for the next order."""
    world.git("update-ref", "refs/heads/main", tip)


def test_in_every_order_of_five_releases_the_newest_stays(
    make: Callable[..., World], record_property: Callable
) -> None:
    world = make(customers=1, commits=RELEASES)
    tip, name = world.tip, world.customers[0]
    early = {n: world.edits(n, name) for n in range(RELEASES)}
    orders = some(itertools.permutations(range(RELEASES)), 12)
    for order in orders:
        back_to(world, tip)
        # The one in the middle was paused: its edits are from before all others. The rest plan when it is their turn.
        for n in order:
            edits = early[n] if n == order[2] else world.edits(n, name)
            standing = world.write(n, edits, run=f"run-{n}").promotions[0].standing
            newer = max((o for o in order[: order.index(n)]), default=-1) > n
            assert standing == ("superseded" if newer else "promote"), order
        assert (world.content(path_of(name)) or b"").decode() == files_of(name, RELEASES - 1), order
        assert all(before < now for before, now in steps(world, name, tip)), order
    record_property("cases", len(orders))


def test_a_hold_and_a_rollback_in_between_are_kept_in_every_order(
    make: Callable[..., World], record_property: Callable
) -> None:
    world = make(customers=1, commits=RELEASES)
    name = world.customers[0]
    for n in (0, 1):
        world.promote(n, name)
    tip = world.tip
    early = {n: world.edits(n, name) for n in range(RELEASES)}
    orders = some(itertools.permutations((2, 3, 4)), 2)
    for order in orders:
        back_to(world, tip)
        world.write(order[0], early[order[0]])
        back = rollback(world.config, [name], AUDIT).customers[0].to.commit
        for n in order[1:]:
            assert world.write(n, early[n]).promotions[0].standing == "held", order
        assert world.commits.index(back) == 1
        release_hold(world.config, [name], "ola")
        for n in order:
            world.promote(n, name)
        assert (world.content(path_of(name)) or b"").decode() == files_of(name, RELEASES - 1), order
        down = [(before, now) for before, now in steps(world, name, tip) if before > now]
        assert down == [(order[0], 1)], order
    record_property("cases", len(orders))


MOMENTS = ("before the checkout", "after the checkout", "after the plan", "after the edits", "after the first try")


@pytest.mark.parametrize("how", ["rewound", "rewritten"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_commit_that_main_no_longer_has_is_superseded_whenever_that_happens(
    world: World, moment: str, how: str
) -> None:
    to = _other_line(world) if how == "rewritten" else world.commits[1]
    with pytest.raises(ReleaseRefused) as caught:
        _release(world, moment, to)
    assert digest(3).encode() not in (world.content(path_of(world.customers[0])) or b"")
    assert world.content(state_path(world.customers[0])) is None
    if moment != MOMENTS[0]:
        assert isinstance(caught.value, Superseded)
        assert f"no longer has {world.commits[3][:7]}" in str(caught.value)


def _release(world: World, moment: str, to: str) -> None:
    """The newest commit's way, and main taken back at a moment of it."""

    def lose(now: str) -> None:
        if now == moment:
            git(world.app, "update-ref", "refs/heads/main", to)

    lose(MOMENTS[0])
    assert _checked_out(world).commit == world.commits[3]
    lose(MOMENTS[1])
    plan = make_plan(world.config, world.release(3), read_fleet(world.config))
    assert plan.rings[0].moving == world.customers
    lose(MOMENTS[2])
    edits = world.edits(3, *world.customers)
    lose(MOMENTS[3])
    if moment == MOMENTS[4]:
        _lose_in_mid_push(world, to)
    world.write(3, edits)


def _lose_in_mid_push(world: World, to: str) -> None:
    """While the server looks at the first push, somebody else's comes first, and main is taken back."""
    other = world.person({"README.md": "theirs\n"}, onto="other")
    living = "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_DIR; "
    moves = (
        f"git -C {world.gitops} update-ref refs/heads/main {other}; git -C {world.app} update-ref refs/heads/main {to}"
    )
    world.hook("pre-receive", f"cd {world.gitops}; [ -e met ] && exit 0; touch met; {living}{moves}")


def _other_line(world: World) -> str:
    author = ["-c", "user.name=Ola", "-c", "user.email=ola@example.no"]
    tree = f"{world.commits[1]}^{{tree}}"
    return git(world.app, *author, "commit-tree", "-p", world.commits[1], "-m", "another", tree).decode().strip()


def test_a_branch_with_a_name_like_mains_is_not_taken_for_it(world: World) -> None:
    edits = world.edits(3, *world.customers)
    git(world.app, "update-ref", "refs/heads/a/refs/heads/main", world.commits[-1])
    git(world.app, "update-ref", "refs/heads/main", world.commits[1])
    with pytest.raises(Superseded):
        world.write(3, edits)
    git(world.app, "update-ref", "-d", "refs/heads/a/refs/heads/main")


def _checked_out(world: World) -> Source:
    return check_out(world.config, ReleaseRequest(commit=world.commits[3]))


def _write_at(world: World, number: int, shift: float, name: str) -> None:
    """A writer whose clock is wrong."""
    real, real_ns = time.time, time.time_ns
    time.time = lambda: real() + shift
    time.time_ns = lambda: real_ns() + int(shift * 1e9)
    world.promote(number, name)


YEAR = 365 * 86400


@pytest.mark.parametrize("shifts", [(YEAR, -YEAR), (-YEAR, YEAR)], ids=str)
def test_clocks_that_are_a_year_wrong_change_nothing(world: World, shifts: tuple[float, float]) -> None:
    name, base = world.customers[0], world.tip
    context = multiprocessing.get_context("fork")
    for number, shift in zip((2, 1), shifts, strict=True):
        process = context.Process(target=_write_at, args=(world, number, shift, name))
        process.start()
        process.join()
        assert process.exitcode == 0
    assert (world.content(path_of(name)) or b"").decode() == files_of(name, 2)
    assert len(world.since(base)) == 1


def test_a_second_rollback_goes_further_back_and_never_forward(world: World) -> None:
    name = world.customers[0]
    for n in (0, 1, 2):
        world.promote(n, name)
    holds = [
        AUDIT,
        AUDIT.model_copy(update={"reason": "broken, too"}),
        AUDIT.model_copy(update={"reason": "broken, too"}),
    ]
    back = [world.commits.index(rollback(world.config, [name], hold).customers[0].to.commit) for hold in holds]
    assert back == [1, 0, 0], "the same rollback again is the same run, retried"
