"""What a GitOps repository's history must be when many have written: every commit is replayed against a model of the fleet."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.gitops.state import HEADER
from tests.reliability.world import COMPONENTS, World, digest, files_of, path_of, state_path

OWNER = re.compile(r"^Slipway-(?:Run|Hold-Owner|Hold-Released-By|Rollback-By): (.+)$", re.MULTILINE)
RELEASED = re.compile(r'^  commit: "([0-9a-f]{40})"$', re.MULTILINE)


@dataclass
class Customer:
    """One customer as the model has it."""

    name: str
    number: int | None = None
    hold: tuple[str, str] | None = None
    numbers: list[int | None] = field(default_factory=list)
    """The release that each version of its state file says, oldest first."""

    @property
    def before(self) -> int | None:
        """The release that it ran before this one; never a newer one, which is what it was put back from."""
        return next((n for n in reversed(self.numbers) if n is not None and n < (self.number or 0)), None)


@dataclass(frozen=True)
class Commit:
    """One commit of the history, with the files that it changes; None where one is removed."""

    id: str
    parents: tuple[str, ...]
    message: str
    files: Mapping[str, bytes | None]


def problems(world: World, base: str, reports: Iterable[dict[str, Any]]) -> list[str]:
    """Everything that is wrong with what was written since `base`, when the writers said these reports."""
    reports, commits = list(reports), list(_commits(world, base))
    checked = _Replay(world)
    checked.wrong += [f"{r['id']} {r['kind']}: {r['because']}" for r in reports if r["ended"] == "error"]
    checked.wrong += _each_once(commits, reports)
    owners = {r["commit"]: r for r in reports if r["created"]}
    previous = base
    for commit in commits:
        if commit.parents != (previous,):
            checked.wrong.append(f"{commit.id[:7]}: not one parent, the commit before")
        previous = commit.id
        if commit.id in owners:
            checked.apply(commit, owners[commit.id])
    checked.names_what_is_newer(reports)
    checked.wrong += _fsck(world)
    return checked.wrong


def _each_once(commits: list[Commit], reports: list[dict[str, Any]]) -> Iterator[str]:
    """Nothing lost, nothing twice, nothing that nobody reported."""
    there, created = {c.id for c in commits}, Counter(r["commit"] for r in reports if r["created"])
    yield from (f"lost: {commit[:7]}" for commit in created if commit not in there)
    yield from (f"reported {n} times: {commit[:7]}" for commit, n in created.items() if n > 1)
    yield from (f"reported by nobody: {commit[:7]}" for commit in there - set(created))
    written = Counter(name for c in commits for name in OWNER.findall(c.message))
    yield from (f"twice in history: {name}" for name, n in written.items() if n > 1)
    wrote = {r["id"] for r in reports if r["created"]}
    yield from (f"in history, but not reported as made: {name}" for name in set(written) - wrote)


class _Replay:
    """The fleet's model, brought from commit to commit."""

    def __init__(self, world: World) -> None:
        self.world, self.wrong = world, list[str]()
        self.fleet = {name: Customer(name) for name in world.customers}
        self.held = set[str]()

    def apply(self, commit: Commit, report: dict[str, Any]) -> None:
        """Does what was reported to the model, and compares every byte that the commit changed with it."""
        before = {n: c.number for n, c in self.fleet.items()}
        touched = list(getattr(self, "_" + report["kind"].replace("-", "_"))(report))
        expected: dict[str, bytes | None] = {}
        for customer in touched:
            customer.numbers.append(customer.number)
            expected[state_path(customer.name)] = _state(self.world, customer)
            if before[customer.name] != customer.number:
                expected[path_of(customer.name)] = files_of(customer.name, customer.number).encode()
        if dict(commit.files) != expected:
            self.wrong.append(f"{commit.id[:7]} {report['kind']}: the tree is another one than the model's")
        if report["kind"] != "rollback":
            self.wrong += _steps_back(self.world, commit, before)

    def _release(self, report: dict[str, Any]) -> Iterator[Customer]:
        for name, (standing, because) in report["standing"].items():
            customer = self.fleet[name]
            if standing == "promote":
                if customer.hold or (customer.number is not None and customer.number >= report["number"]):
                    self.wrong.append(f"{report['id']} {name}: promoted although held, or over a newer one")
                customer.number, customer.hold = report["number"], None
                yield customer
            elif standing == "held" and name not in self.held:
                self.wrong.append(f"{report['id']} {name}: {because}, which it never was")

    def _hold(self, report: dict[str, Any], reason: str = "audit") -> Iterator[Customer]:
        self.held |= set(report["customers"])
        for name in report["customers"]:
            self.fleet[name].hold = (reason, report["id"])
            yield self.fleet[name]

    def _rollback(self, report: dict[str, Any]) -> Iterator[Customer]:
        for customer in self._hold(report, "it failed"):
            customer.number = customer.before
            yield customer

    def _release_hold(self, report: dict[str, Any]) -> Iterator[Customer]:
        for customer in (self.fleet[name] for name in report["customers"]):
            if customer.hold:
                customer.hold = None
                yield customer

    def names_what_is_newer(self, reports: Iterable[dict[str, Any]]) -> None:
        """Every customer that a release left alone is held, has it already, or runs a newer one, which is named."""
        for report in (r for r in reports if r["kind"] == "release" and r["ended"] == "done"):
            for name, (standing, because) in report["standing"].items():
                ran = {n for n in self.fleet[name].numbers if n is not None}
                newer = any(self.world.commits[n][:7] in because for n in ran if n > report["number"])
                if standing not in ("promote", "held", "unchanged") and not (standing == "superseded" and newer):
                    self.wrong.append(f"{report['id']} {name}: {standing}, {because}")


def _state(world: World, customer: Customer) -> bytes:
    text = f'customer: "{customer.name}"\n'
    if customer.number is not None:
        commit = world.commits[customer.number]
        text = f'{HEADER}{text}release:\n  commit: "{commit}"\n  head: "0001"\n  components:\n'
        for c in COMPONENTS:
            text += f'    {c}:\n      digest: "{digest(customer.number, c)}"\n'
            text += f'      revision: "{commit}"\n      tree: "{commit}"\n'
    if customer.hold:
        text += 'hold: {{reason: "{}", owner: "{}"}}\n'.format(*customer.hold)
    return text.encode()


def _steps_back(world: World, commit: Commit, before: Mapping[str, int | None]) -> Iterator[str]:
    """Customers whose state file says an older release than before, read from its bytes."""
    for name in world.customers:
        found = RELEASED.search((commit.files.get(state_path(name)) or b"").decode())
        number = world.commits.index(found[1]) if found else None
        if number is not None and (before[name] or 0) > number:
            yield f"{commit.id[:7]} {name}: a step back"


def _commits(world: World, base: str) -> Iterator[Commit]:
    shape = ["--reverse", "--raw", "--no-abbrev", "--no-renames", "--format=%x01%H%x00%P%x00%B%x00"]
    found = []
    for block in world.git("log", *shape, f"{base}..refs/heads/main").split("\x01")[1:]:
        commit, parents, message, changes = block.split("\0")
        lines = [line.split("\t") for line in changes.split("\n") if line.startswith(":")]
        found.append((commit, parents, message, {path: meta.split()[3] for meta, path in lines}))
    contents = _contents(world, {blob for *_, files in found for blob in files.values()})
    for commit, parents, message, files in found:
        yield Commit(commit, tuple(parents.split()), message, {p: contents.get(blob) for p, blob in files.items()})


def _contents(world: World, blobs: set[str]) -> dict[str, bytes]:
    wanted = sorted(b for b in blobs if b.strip("0"))
    request = "".join(f"{b}\n" for b in wanted).encode()
    command = ["git", "-C", world.gitops, "cat-file", "--batch"]
    answer = subprocess.run(command, input=request, check=True, stdout=subprocess.PIPE).stdout
    contents, position = {}, 0
    for blob in wanted:
        end = answer.index(b"\n", position)
        size = int(answer[position:end].split()[2])
        contents[blob] = answer[end + 1 : end + 1 + size]
        position = end + size + 2
    return contents


def _fsck(world: World) -> list[str]:
    command = ["git", "-C", world.gitops, "fsck", "--strict", "--no-dangling"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return [f"git fsck: {done.stdout}{done.stderr}"] if done.returncode else []
