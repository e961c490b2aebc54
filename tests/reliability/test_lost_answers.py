"""A push that was taken and whose answer was lost, a push that was not taken, a server that dies: one commit, told as it is."""

import os
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tasks.errors import ReleaseRefused, ServiceUnavailable
from tasks.gitops import push
from tasks.gitops.hold import hold
from tasks.gitops.rollback import rollback
from tasks.models import Edits, Hold, RingCommit
from tests.reliability.server import GitServer
from tests.reliability.size import some
from tests.reliability.world import World, files_of, path_of, state_path

ALWAYS = 99
TIMES = some((1, 2, 3), 1)
AUDIT = Hold(reason="audit", owner="kari")
LIVING = "unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES; "


@dataclass(frozen=True)
class Push:
    """One ring's commit on its way: run once or again, as a retried run does, always with the same edits."""

    world: World
    number: int
    edits: Edits
    base: str
    name: str

    @classmethod
    def of(cls, world: World, number: int = 0) -> "Push":
        return cls(world, number, world.edits(number, *world.customers), world.tip, uuid.uuid4().hex)

    def run(self) -> RingCommit:
        return self.world.write(self.number, self.edits, self.name)

    def ends_well(self, others: int = 0) -> None:
        """One commit, reported as made; run again, it is the same one."""
        done = self.run()
        assert done.created
        assert {p.standing for p in done.promotions} == {"promote"}
        assert self.world.since(self.base)[others:] == [done.commit]
        self.is_whole()
        assert self.run().commit == done.commit
        assert len(self.world.since(self.base)) == others + 1

    def is_unavailable(self) -> None:
        """An error that says where, and that may be tried again; the branch is as it was."""
        with pytest.raises(ServiceUnavailable) as caught:
            self.run()
        assert self.world.config.gitops.repository in str(caught.value)
        assert self.world.tip == self.base

    def is_whole(self) -> None:
        files = self.world.files()
        for name in self.world.customers:
            assert files[path_of(name)].decode() == files_of(name, self.number)
            assert self.world.commits[self.number] in files[state_path(name)].decode()
        assert self.world.git("fsck", "--strict", "--no-dangling") == ""


def counted(action: str, times: int) -> str:
    """A script that acts the first times it is run, and lets everything pass from then on."""
    return f'n=$(cat met 2>/dev/null || echo 0); echo $((n+1)) > met; [ "$n" -lt {times} ] || exit 0; {action}'


TRANSIENT = {
    "server killed before it looks at the push": ("pre-receive", "kill -9 $PPID"),
    "server killed before the branch moves": ("update", "kill -9 $PPID"),
    "push declined": ("pre-receive", "echo 'try later' >&2; exit 1"),
    "branch declined": ("update", "echo 'not this branch' >&2; exit 1"),
    "branch locked": ("pre-receive", "touch refs/heads/main.lock"),
}
TAKEN = {
    "server killed after the branch moved": ("post-receive", "kill -9 $PPID"),
    "server killed in the moment after": ("reference-transaction", '[ "$1" = committed ] && kill -9 $PPID; exit 0'),
    "server stops the client, too": ("post-receive", "kill -9 $(ps -o ppid= -p $PPID)"),
}


def over(transport: str, world: World, server: GitServer) -> World:
    """The world with its GitOps repository as a path, or over HTTP."""
    if transport == "path":
        return world
    return world.over(server.url(world.gitops))


@pytest.fixture(params=["path", "http"])
def reached(request: pytest.FixtureRequest, world: World, server: GitServer) -> World:
    """The world, both ways."""
    return over(request.param, world, server)


BOTH = [(fault, transport) for fault in TRANSIENT for transport in ("path", "http")]
TAKEN_BOTH = [(fault, transport) for fault in TAKEN for transport in ("path", "http")]


@pytest.mark.parametrize("fault, transport", some(BOTH, 4))
def test_a_push_that_is_not_taken_a_few_times_is_made_in_the_end(
    world: World, server: GitServer, fault: str, transport: str, record_property: Callable
) -> None:
    reached = over(transport, world, server)
    name, action = TRANSIENT[fault]
    after = "rm -f refs/heads/main.lock" if "lock" in fault else "true"
    for number, times in enumerate(TIMES):
        reached.hook(name, counted(action, times).replace("|| exit 0", f"|| {{ {after}; exit 0; }}"))
        Path(reached.gitops, "met").unlink(missing_ok=True)
        Push.of(reached, number).ends_well()
    record_property("cases", len(TIMES))


@pytest.mark.parametrize("fault, transport", some(BOTH, 3))
def test_a_push_that_is_never_taken_leaves_the_branch_alone_and_is_made_when_run_again(
    world: World, server: GitServer, fault: str, transport: str
) -> None:
    reached = over(transport, world, server)
    name, action = TRANSIENT[fault]
    reached.hook(name, action)
    pushed = Push.of(reached)
    pushed.is_unavailable()
    reached.hook(name, "exit 0")
    Path(reached.gitops, "refs/heads/main.lock").unlink(missing_ok=True)
    pushed.ends_well()


@pytest.mark.parametrize("fault, transport", some(TAKEN_BOTH, 4))
def test_a_push_that_was_taken_is_found_although_the_server_died(
    world: World, server: GitServer, fault: str, transport: str
) -> None:
    reached = over(transport, world, server)
    reached.hook(*TAKEN[fault])
    Push.of(reached).ends_well()


def test_a_lock_that_a_dead_server_left_is_named_and_the_run_goes_on_once_it_is_gone(world: World) -> None:
    world.hook("reference-transaction", counted('[ "$1" = prepared ] && kill -9 $PPID; exit 0', 1))
    pushed = Push.of(world)
    pushed.is_unavailable()
    for lock in Path(world.gitops).rglob("*.lock"):
        lock.unlink()
    pushed.ends_well()


def test_who_comes_first_after_the_server_has_looked_is_kept(reached: World) -> None:
    """The server has told us the branch, somebody else moves it, and the server finds another value than it told."""
    pushed = Push.of(reached)
    other = reached.person({"README.md": "theirs\n"}, onto="other")
    reached.hook("pre-receive", counted(f"{LIVING}git update-ref refs/heads/main {other}", 1))
    pushed.ends_well(others=1)
    assert reached.content("README.md") == b"theirs\n"


HTTP = {
    f"{fault} at {kind}": [{kind: [fault] * n} for n in TIMES]
    for kind, faults in {"push": ("reset", "500", "503", "429", "full"), "refs": ("reset", "503", "half")}.items()
    for fault in faults
}
HTTP |= {
    f"answer lost, then {fault} for who looks": [{"push": ["lost"], "fetch": [fault] * n} for n in TIMES]
    for fault in ("reset", "503", "half")
}
HTTP |= {"answer lost": [{"push": ["lost"]}, {"push": ["half"]}, {"push": ["reset", "reset", "lost"]}]}


@pytest.mark.parametrize("case", some(HTTP, 6))
def test_a_connection_that_is_cut_a_few_times_ends_well(
    world: World, server: GitServer, case: str, record_property: Callable
) -> None:
    for number, round_ in enumerate(HTTP[case]):
        pushed = Push.of(world.over(server.url(world.gitops)), number)
        for kind, faults in round_.items():
            server.fail(kind, faults)
        pushed.ends_well()
    assert len(server.met) == sum(len(faults) for round_ in HTTP[case] for faults in round_.values())
    record_property("cases", len(HTTP[case]))


@pytest.mark.parametrize(
    "kind, fault", some([(k, f) for k in ("refs", "push") for f in ("reset", "503", "403", "full")], 2)
)
def test_a_server_that_stays_broken_is_told_and_the_run_goes_on_later(
    world: World, server: GitServer, kind: str, fault: str
) -> None:
    if (kind, fault) == ("refs", "full"):
        pytest.skip("nothing is written to tell the branches")
    pushed = Push.of(world.over(server.url(world.gitops)))
    server.fail(kind, [fault] * ALWAYS)
    pushed.is_unavailable()
    server.fail(kind, [])
    pushed.ends_well()


def test_a_server_that_is_away_is_told_and_the_run_goes_on_when_it_is_back(world: World) -> None:
    away = GitServer(Path(world.gitops).parent)
    pushed = Push.of(world.over(away.url(world.gitops)))
    away.stop()
    pushed.is_unavailable()
    back = GitServer(Path(world.gitops).parent, away.port)
    pushed.ends_well()
    back.stop()


def test_a_taken_push_that_nobody_can_ask_about_is_found_when_run_again(world: World, server: GitServer) -> None:
    pushed = Push.of(world.over(server.url(world.gitops)))
    server.fail("push", ["lost"])
    server.fail("fetch", ["reset"] * ALWAYS)
    with pytest.raises(ServiceUnavailable):
        pushed.run()
    server.fail("fetch", [])
    pushed.ends_well()


def test_a_taken_push_is_found_under_what_others_have_pushed_since(world: World) -> None:
    pushed = Push.of(world)
    next_one = (
        f"{LIVING}export GIT_AUTHOR_NAME=k GIT_AUTHOR_EMAIL=k GIT_COMMITTER_NAME=k GIT_COMMITTER_EMAIL=k; "
        "git update-ref refs/heads/main $(git commit-tree -p main -m more 'main^{tree}'); kill -9 $PPID"
    )
    world.hook("post-receive", counted(next_one, 1))
    done = pushed.run()
    assert done.created
    assert world.since(pushed.base)[0] == done.commit
    assert len(world.since(pushed.base)) == 2


def test_a_slow_push_that_lands_after_all_is_found_when_run_again(
    world: World, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed, gate = Push.of(over("http", world, server)), Path(world.gitops, "gate")
    os.mkfifo(gate)
    world.hook("pre-receive", "read _ < gate")
    world.hook("post-receive", "echo > landed")
    landed = Path(world.gitops, "landed")
    os.mkfifo(landed)
    monkeypatch.setattr("tasks.git.TIMEOUT_SECONDS", 2)
    monkeypatch.setattr(push, "REFUSED_LIMIT", 1)
    pushed.is_unavailable()
    gate.write_text("go\n")
    assert landed.read_text() == "\n"
    world.hook("pre-receive", "exit 0")
    world.hook("post-receive", "exit 0")
    assert len(world.since(pushed.base)) == 1
    pushed.ends_well()


def filled(folder: Path) -> Path:
    """A file that takes all the room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"0" * 4096)
        except OSError:
            pass
    return filler


def test_a_full_disk_at_the_server_writes_nothing_and_the_run_goes_on_when_there_is_room(
    world: World, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        there = str(disk / "gitops.git")
        subprocess.run(["git", "clone", "--quiet", "--bare", "--template=", world.gitops, there], check=True)
        small = World(world.config, world.app, there, world.commits, world.customers).over(there)
        pushed = Push.of(small)
        filler = filled(disk)
        pushed.is_unavailable()
        assert small.git("fsck", "--strict", "--no-dangling") == ""
        filler.unlink()
        pushed.ends_well()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("fault, transport", some(TAKEN_BOTH, 1))
def test_a_hold_and_a_rollback_whose_answers_are_lost_are_made_once(
    world: World, server: GitServer, fault: str, transport: str
) -> None:
    reached = over(transport, world, server)
    reached.promote(0, *reached.customers)
    reached.promote(1, *reached.customers)
    before = reached.tip
    reached.hook(*TAKEN[fault])
    held = hold(reached.config, ["c000"], AUDIT)
    back = rollback(reached.config, ["c001"], AUDIT, release=reached.commits[1])
    assert (held.created, back.created) == (True, True)
    assert reached.since(before) == [held.commit, back.commit]
    assert not hold(reached.config, ["c000"], AUDIT).created
    assert not rollback(reached.config, ["c001"], AUDIT, release=reached.commits[1]).created


def test_a_branch_that_somebody_deleted_is_told_and_not_made_again(reached: World) -> None:
    pushed = Push.of(reached)
    reached.git("update-ref", "-d", "refs/heads/main")
    with pytest.raises(ReleaseRefused, match="there is no branch main"):
        pushed.run()
    assert reached.git("for-each-ref") == ""
