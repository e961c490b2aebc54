"""The matrix: every customer with what it runs, how far that is from the newest release, and what keeps it there."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from pydantic import Field

from deployments.dashboard.main_line import MainLine
from deployments.dashboard.sight import Seen
from deployments.status import note
from tasks.config.model import Config
from tasks.gitops.history import Event
from tasks.models import CommitId, Customer, Hold, Value
from tasks.reports.release import short

State = Literal["problem", "changed by hand", "held", "behind", "never released", "newest"]
STATES: tuple[State, ...] = get_args(State)
"""Most urgent first."""

SORTS = ("ring", "customer", "state", "since")
SMALL = 30
QUIET = ("newest", "behind")
CROWD = 12


class Cell(Value):
    """One component of one customer. `shown` is its commit in short, or the image that a person put there."""

    component: str
    shown: str
    by_hand: bool = False
    revision: CommitId | None = None
    committed: int | None = None
    subject: str = ""


class Row(Value):
    """One customer. Times are seconds since 1970; `behind` counts commits of main up to the newest release."""

    customer: str
    ring: str
    state: State
    release: CommitId | None
    since: int | None = Field(description="when it was given this release; None when that is not known")
    behind: int | None
    head: str | None
    hold: Hold | None
    note: str
    next_step: str
    cells: tuple[Cell, ...]


class Version(Value):
    """One release that customers run."""

    commit: CommitId
    customers: int
    subject: str = ""
    committed: int | None = None
    behind: int | None = None


class Group(Value):
    """One ring."""

    ring: str
    rows: tuple[Row, ...]

    @property
    def counts(self) -> dict[State, int]:
        """State -> customers, in order of urgency."""
        return counts(self.rows)

    @property
    def urgent(self) -> tuple[Row, ...]:
        """Rows that somebody should look at, and those that too few others are like to be put together."""
        quiet = {r.customer for crowd in self.crowds for r in crowd.rows}
        return tuple(r for r in self.rows if r.customer not in quiet)

    @property
    def crowds(self) -> tuple["Crowd", ...]:
        """Many customers that wait for nobody's look and run the same release."""
        alike: dict[tuple[State, str], list[Row]] = {}
        for row in self.rows:
            if row.state in QUIET and row.release:
                alike.setdefault((row.state, row.release), []).append(row)
        found = [Crowd(state=s, release=c, rows=tuple(r)) for (s, c), r in alike.items() if len(r) >= CROWD]
        return tuple(sorted(found, key=lambda c: (c.rows[0].behind or 0, c.release)))

    @property
    def is_small(self) -> bool:
        """Whether every row is shown at once."""
        return len(self.rows) <= SMALL


class Crowd(Value):
    """Customers of one ring that are alike."""

    state: State
    release: CommitId
    rows: tuple[Row, ...]


class Matrix(Value):
    """The whole fleet."""

    components: tuple[str, ...]
    newest: Version | None
    unreleased: int | None = Field(description="commits of main that came after the newest release")
    versions: tuple[Version, ...]
    rows: tuple[Row, ...]

    @property
    def counts(self) -> dict[State, int]:
        """State -> customers."""
        return counts(self.rows)

    @property
    def headline(self) -> str:
        """`42 of 50 customers run ac0ffee`."""
        if not self.rows:
            return "No customers yet"
        if self.newest is None:
            return f"{len(self.rows):,} customer{'s' if len(self.rows) != 1 else ''}, nothing released yet"
        share = f"{self.newest.customers:,} of {len(self.rows):,} customer{'s' if len(self.rows) != 1 else ''}"
        return f"{share} run{'s' if self.newest.customers == 1 else ''} {self.newest.commit[:7]}"


def make_matrix(config: Config, seen: Seen) -> Matrix:
    """The matrix of what is known. Rows are in ring order, the urgent ones of a ring first."""
    fleet = seen.fleet.customers if seen.fleet else ()
    events = seen.history.events if seen.history else ()
    versions = _versions(fleet, events, seen.main)
    newest = versions[0] if versions else None
    since = _since(events)
    rows = [_row(config, c, seen.main, newest, since.get(c.name)) for c in fleet]
    ahead = seen.main.between(newest.commit, seen.main.tip) if newest else None
    order = [r.name for r in config.rings]
    return Matrix(
        components=tuple(config.components),
        newest=newest,
        unreleased=ahead,
        versions=versions,
        rows=tuple(sorted(rows, key=lambda r: (order.index(r.ring), STATES.index(r.state), r.customer))),
    )


def chosen(rows: Iterable[Row], ring: str = "", state: str = "", name: str = "", sort: str = "ring") -> list[Row]:
    """The rows that a person asked for, in the order asked for."""
    found = [
        r
        for r in rows
        if ring in ("", r.ring) and state in ("", r.state) and name.lower() in f"{r.customer} {r.release or ''}"
    ]
    keys = {
        "customer": lambda r: (r.customer,),
        "state": lambda r: (STATES.index(r.state), r.customer),
        "since": lambda r: (r.since or 0, r.customer),
    }
    return sorted(found, key=keys[sort]) if sort in keys else found


def grouped(rows: Iterable[Row]) -> tuple[Group, ...]:
    """Rows by ring, in their order."""
    rings: dict[str, list[Row]] = {}
    for row in rows:
        rings.setdefault(row.ring, []).append(row)
    return tuple(Group(ring=ring, rows=tuple(rows)) for ring, rows in rings.items())


def counts(rows: Iterable[Row]) -> dict[State, int]:
    """State -> how many rows, in order of urgency; states that nobody is in are left out."""
    found = Counter(r.state for r in rows)
    return {s: found[s] for s in STATES if found[s]}


def _versions(fleet: Sequence[Customer], events: Sequence[Event], main: MainLine) -> tuple[Version, ...]:
    """The releases that run, newest first: by main, and those that main does not know by when they came last."""
    running = Counter(c.release for c in fleet if c.release)
    came = {e.release: n for n, e in enumerate(events) if e.release and e.kind == "release"}
    told = {e.release: e for e in events if e.release and e.kind == "release"}

    def order(commit: CommitId) -> tuple[float, int]:
        made = main.made(commit)
        return (made.place if made else float("inf"), -came.get(commit, -1))

    ordered = sorted(running, key=order)
    found = []
    for commit in ordered:
        made, event = main.made(commit), told.get(commit)
        found.append(
            Version(
                commit=commit,
                customers=running[commit],
                subject=made.subject if made else event.subject if event else "",
                committed=made.when if made else event.committed if event else None,
                behind=main.between(commit, ordered[0]),
            )
        )
    return tuple(found)


def _since(events: Sequence[Event]) -> Mapping[str, int]:
    """Customer -> when it got what it has."""
    return {c.customer: e.when for e in events if e.timed for c in e.moves}


def _row(config: Config, customer: Customer, main: MainLine, newest: Version | None, since: int | None) -> Row:
    return Row(
        customer=customer.name,
        ring=customer.ring,
        state=_state(customer, newest),
        release=customer.release,
        since=since if customer.release else None,
        behind=main.between(customer.release, newest.commit) if newest else None,
        head=customer.head,
        hold=customer.hold,
        note=note(customer),
        next_step=customer.problem.next_step if customer.problem else "",
        cells=tuple(_cell(customer, name, main) for name in config.components),
    )


def _state(customer: Customer, newest: Version | None) -> State:
    if customer.problem:
        return "problem"
    if any(customer.is_by_hand(name) for name in customer.runs):
        return "changed by hand"
    if customer.hold:
        return "held"
    if customer.release is None:
        return "never released"
    return "newest" if newest and customer.release == newest.commit else "behind"


def _cell(customer: Customer, component: str, main: MainLine) -> Cell:
    done, runs = customer.components.get(component), customer.runs.get(component)
    if done is None or customer.is_by_hand(component):
        return Cell(component=component, shown=short(runs) if runs else "", by_hand=bool(done))
    made = main.made(done.revision)
    return Cell(
        component=component,
        shown=done.revision[:7],
        revision=done.revision,
        committed=made.when if made else None,
        subject=made.subject if made else "",
    )
