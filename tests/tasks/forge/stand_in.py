"""A forge with a memory: one repository, its branches and pull requests, and faults that a test orders.

What the three have in common; `github_stand_in.py` and its sisters say how each one speaks. None checks a request's
form: `tests.contracts.ContractServer` has done that by the published document before they see it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.contracts import Answer, Request, Response

TOKEN = "t0ken-of-the-forge"
NAME = "acme/gitops"
OTHER = "stranger/gitops"


@dataclass
class Pull:
    """One pull request as the forge has it. `waits_for`: what stands before its merge, in the forge's own word."""

    number: int
    branch: str
    base: str
    head: str
    title: str = "t"
    body: str = "b"
    state: str = "open"
    merged_as: str = ""
    waits_for: str = ""
    scheduled: bool = False
    repository: str = NAME
    comments: list[str] = field(default_factory=list)


@dataclass
class Fault:
    """The next request that this operation's name begins with fails; `after`: once it was carried out."""

    operation: str
    answer: Answer
    after: bool
    times: int


class Stopped(Exception):
    """A no of the stand-in itself."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class StandIn:
    """The repository `acme/gitops`."""

    ways = ("merge",)
    """How its merge commits come about, for tests of `merged_as`."""

    def __init__(self) -> None:
        self.pulls: list[Pull] = []
        self.branches: dict[str, str] = {"main": "0" * 40}
        self.statuses: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.before: Callable[[Request], None] = lambda _: None
        self.url = ""
        self._lock = threading.Lock()

    def push(self, branch: str, commit: str) -> None:
        """As git would: the branch and its open pull request move."""
        self.branches[branch] = commit
        for pull in self.pulls:
            if (pull.branch, pull.repository, pull.state) == (branch, NAME, "open"):
                pull.head = commit

    def add(self, branch: str, commit: str, **more: Any) -> Pull:
        """A pull request that is there already, and its branch."""
        pull = Pull(len(self.pulls) + 1, branch, "main", commit, **more)
        self.pulls.append(pull)
        if pull.repository == NAME:
            self.branches[branch] = commit
        return pull

    def fail(self, operation: str, answer: Answer, *, after: bool = False, times: int = 1) -> None:
        """Orders a fault; `after` loses the answer of what was done."""
        self.faults.append(Fault(operation, answer, after, times))

    def answer(self, request: Request) -> Answer:
        """One request at a time, as a database would have it."""
        self.before(request)
        with self._lock:
            if self.credential(request) != TOKEN:
                return self.refusal(401, "Unauthorized")
            fault = next((f for f in self.faults if f.times and request.operation.startswith(f.operation)), None)
            if fault:
                fault.times -= 1
                if not fault.after:
                    return fault.answer
            answer = self._answered(request)
            return fault.answer if fault else answer

    def _answered(self, request: Request) -> Response:
        try:
            return self.routes()[request.operation](request)
        except Stopped as stopped:
            return self.refusal(stopped.status, stopped.text)

    def pull(self, request: Request, name: str) -> Pull:
        """The one that the path names."""
        number = int(request.path_parameters[name])
        found = next((p for p in self.pulls if p.number == number), None)
        if found is None:
            raise Stopped(404, "Not Found")
        return found

    def create(self, branch: str, base: str, title: str, body: str, taken: int) -> Pull:
        """A new one; `taken` is the status when there is an open one already."""
        if branch not in self.branches or self.branches[branch] == self.branches[base]:
            raise Stopped(422, f"No commits between {base} and {branch}")
        if any((p.branch, p.base, p.state, p.repository) == (branch, base, "open", NAME) for p in self.pulls):
            raise Stopped(taken, f"A pull request already exists for {branch}.")
        pull = Pull(len(self.pulls) + 1, branch, base, self.branches[branch], title, body)
        self.pulls.append(pull)
        return pull

    def merge(self, pull: Pull, head: str | None, how: str) -> None:
        """Merges when the head is the expected one."""
        if head is not None and head != pull.head:
            raise Stopped(409, "Head branch was modified. Review and try the merge again.")
        pull.state, pull.scheduled = "merged", False
        pull.merged_as = {"merge": "1" * 40, "squash": "2" * 40, "rebase": "3" * 40, "fast-forward": pull.head}[how]
        self.branches["main"] = pull.merged_as

    def checks_passed(self) -> None:
        """Whatever was waited for is there; what was scheduled is merged now, whichever head it has."""
        for pull in self.pulls:
            pull.waits_for = ""
            if pull.scheduled:
                self.merge(pull, None, "merge")

    def routes(self) -> dict[str, Callable[[Request], Response]]:
        raise NotImplementedError

    def credential(self, request: Request) -> str:
        raise NotImplementedError

    def refusal(self, status: int, text: str) -> Response:
        return Response(status, {"message": text})


def page(items: list[Any], request: Request, size: str) -> list[Any]:
    """One page of a list, as `page` and a parameter for its size ask for."""
    number, each = int(request.query.get("page", ["1"])[0]), int(request.query.get(size, ["30"])[0])
    return items[(number - 1) * each : number * each]
