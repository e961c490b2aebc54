"""Judges what was recorded for the customers who stand there: what it does, and whose running code it would break."""

from collections.abc import Iterator, Sequence

from tasks.migrations.code import Code
from tasks.migrations.history import History, Run, Step
from tasks.migrations.problem import problem
from tasks.migrations.rules.every import COMPATIBILITY, LOCKS
from tasks.migrations.rules.rule import Hit, Rule
from tasks.models import Finding, MigrationReport, Phase, Value

# A table of this size is read, copied or indexed in the time of a query; nobody notices the wait.
FEW_ROWS = 10_000
# Weakest first. Source: PostgreSQL manual, Explicit Locking, Table-Level Locks.
STRENGTH = (
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
# What other rules of the family say depends on what cannot be seen; it does not make a revision a contract.
TAKING = {rule.name for rule in COMPATIBILITY if rule.blocks == "yes"}


class Standing(Value):
    """Where one customer is: the heads of its database, the code there (None: not known), its tables' rows."""

    customer: str
    heads: tuple[str, ...] = ()
    metadata: str = ""
    code: Code | None = None
    rows: dict[str, int] = {}
    sizes: dict[str, int] = {}
    database: str | None = None
    source: str | None = None  # a checkout of the release that runs there
    digest: str = ""  # the image that runs there
    note: str = ""  # why it is still there: 'held at 1f3a9c2 until 3 December'


def judge(history: History, standings: Sequence[Standing], seconds: float = 0.0) -> MigrationReport:
    """The report for these customers; what is found at several starting points is told once, with all who are in the way."""
    found: dict[tuple[str, str, str], Finding] = {}
    for finding in [*history.problems, *(f for run in history.runs for f in _run(run, _here(run, standings)))]:
        key = (finding.revision, finding.rule, finding.object)
        found[key] = _joined(found[key], finding) if key in found else finding
    starts = sorted({s.heads for s in standings})
    return MigrationReport(
        head=history.head,
        starts=tuple(" ".join(s) or None for s in starts),
        seconds=seconds,
        findings=tuple(found.values()),
        phases={s.revision.id: _phase(s, list(found.values())) for run in history.runs for s in run.steps},
        locks={s.revision.id: locks(s) for run in history.runs for s in run.steps},
        pending={" ".join(s): tuple(r.id for r in history.pending(s)) for s in starts},
    )


def locks(step: Step) -> tuple[str, ...]:
    """The strongest lock that a revision takes on each table that was there before, strongest first: `ShareLock on orders`."""
    held = {(k.oid, k.mode) for e in step.events for k in e.locks} - {
        (k.oid, k.mode) for e in step.earlier for k in e.locks
    }
    strongest = {t.name: max((_strength(m) for oid, m in held if oid == t.oid), default=-1) for t in step.old_tables}
    taken = sorted((-strength, name) for name, strength in strongest.items() if strength >= 0)
    return tuple(f"{STRENGTH[-strength]} on {name}" for strength, name in taken)


def _strength(mode: str) -> int:
    return STRENGTH.index(mode) if mode in STRENGTH else -1


def _phase(step: Step, findings: Sequence[Finding]) -> Phase:
    """A revision that takes something from code that may run is a contract, whether or not anybody is in its way."""
    takes = any(f.revision == step.revision.id and f.rule in TAKING for f in findings)
    return "contract" if takes else "expand" if any(e.kind != "end" for e in step.events) else "none"


def _here(run: Run, standings: Sequence[Standing]) -> list[Standing]:
    return [s for s in standings if s.customer in run.customers]


def _run(run: Run, here: Sequence[Standing]) -> Iterator[Finding]:
    yield from run.problems
    steps, whole = run.steps, run.whole
    alone = [s.model_copy(update={"start": s.before}) for s in steps if any(e.kind != "end" for e in s.events)]
    for rule in COMPATIBILITY if whole else ():
        if hits := list(rule.find(whole)):  # type: ignore[arg-type]
            said = [(s, {h.object for h in rule.find(s)}) for s in alone]
            for hit in hits:
                yield _compatibility(rule, hit, _doer(steps, said, hit), here)
    for step in steps:
        for rule in LOCKS:
            for hit in rule.find(step):
                yield _lock(rule, hit, step, here)


def _doer(steps: Sequence[Step], said: Sequence[tuple[Step, set[str]]], hit: Hit) -> Step:
    """The revision that did it: the last of which the rule says the same, or that touched the table, or the last."""
    saying = [s for s, objects in said if hit.object in objects]
    touching = [] if saying else [s for s, _ in said if any(c.oid == hit.oid for c in s.changes)]
    return (saying or touching or steps)[-1]


def _compatibility(rule: Rule, hit: Hit, step: Step, here: Sequence[Standing]) -> Finding:
    """Names who is in the way; nobody is: it may run."""
    harmed = [s for s in here if s.code is None or rule.harms(hit, s.code)]
    blockers = {"yes": harmed, "known code": [s for s in harmed if s.code], "no": []}[rule.blocks]
    names = ", ".join(sorted(f"{s.customer}: {s.note}" if s.note else s.customer for s in blockers))
    said = f"blocked by {names}" if blockers else "" if harmed else "no customer's running code uses it"
    return _finding(rule, hit, step, bool(blockers), said)


def _lock(rule: Rule, hit: Hit, step: Step, here: Sequence[Standing]) -> Finding:
    """A lock is long only where the table has many rows; where nobody said how many, there are."""
    table = hit.sized_by or hit.table
    rows = {s.customer: s.rows.get(table) for s in here}
    waiting = [c for c, n in rows.items() if not rule.sized or n is None or n >= FEW_ROWS]
    sizes = [_size(table, s) for s in here if table in s.rows]
    return _finding(rule, hit, step, rule.blocks == "yes" and bool(waiting or not here), ", ".join(sizes))


def _size(table: str, standing: Standing) -> str:
    size = standing.sizes.get(table)
    return (
        f"{table} at {standing.customer}: {amount(standing.rows[table])} rows{f', {size / 1e9:.1f} GB' if size else ''}"
    )


def _finding(rule: Rule, hit: Hit, step: Step, blocking: bool, said: str) -> Finding:
    accepted = step.revision.accepts.get(rule.name, "")
    return Finding(
        rule=rule.name,
        family=rule.family,
        blocking=blocking and not accepted,
        revision=step.revision.id,
        object=hit.object,
        effect=rule.effect.format(table=hit.table),
        evidence="; ".join(part for part in (hit.evidence, said) if part),
        next_step=rule.next_step.format(table=hit.table, column=hit.column, new=hit.new),
        accepted_because=accepted,
    )


def _joined(one: Finding, other: Finding) -> Finding:
    """The same from two starting points: it blocks if it blocks one of them."""
    first, second = (one, other) if one.blocking else (other, one)
    said = [*first.evidence.split("; "), *second.evidence.split("; ")]
    wanted = [s for s in dict.fromkeys(said) if s != "no customer's running code uses it" or not first.blocking]
    return first.model_copy(update={"evidence": "; ".join(wanted)})


def amount(number: int) -> str:
    """A number as people say it: 12 million, 4,100."""
    return f"{number / 1e6:.3g} million" if number >= 1_000_000 else f"{number:,}"


def vanished(history: History, standings: Sequence[Standing]) -> list[Finding]:
    """Customers at a revision that the commit does not have."""
    known = {r.id for r in history.revisions}
    heads = sorted({h for s in standings for h in s.heads if h not in known}) if known else []
    return [
        problem(
            "revision_vanished",
            f"{', '.join(s.customer for s in standings if h in s.heads)} at revision {h}, which this commit does not have",
            "",
            f"restore revision {h}; a revision that has run anywhere must stay as it is",
        )
        for h in heads
    ]
