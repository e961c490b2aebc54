"""Judges a history for customers: what is pending there, what it does, and whose running code it would break."""

from collections.abc import Sequence

from tasks.migrations.history import History
from tasks.migrations.problem import problem
from tasks.migrations.rules.every import RULES
from tasks.models import Finding, MigrationReport, Value

# A contract takes something away; it harms nobody whose code does not use it.
CONTRACT = ("drop_table", "drop_column", "rename_table", "rename_column")


class Standing(Value):
    """Where one customer is: the revision of its database, what the code there maps (None: not known), its tables' rows."""

    customer: str
    revision: str | None
    uses: dict[str, tuple[str, ...]] | None = None
    rows: dict[str, int] = {}

    def may_use(self, finding: Finding) -> bool:
        """Whether the code that runs there may use the object of a finding; what is not known may be used."""
        if self.uses is None:
            return True
        table, _, column = (
            finding.object.rpartition(".") if finding.object not in self.uses else (finding.object, "", "")
        )
        return table in self.uses and (not column or column in self.uses[table])


def judge(history: History, standings: Sequence[Standing], seconds: float = 0.0) -> MigrationReport:
    """The report for these customers; each distinct starting point is judged once."""
    starts = tuple(sorted({s.revision for s in standings}, key=lambda r: r or ""))
    problems = [*history.problems, *_unseen(history), *_vanished(history, standings)]
    judged = [f for start in starts for f in _at(history, start, standings)]
    found: dict[tuple[str, str, str], Finding] = {}
    for finding in [*problems, *judged]:
        key = (finding.revision, finding.rule, finding.object)
        if key not in found or finding.blocking:
            found[key] = finding
    return MigrationReport(
        head=history.head,
        starts=starts,
        seconds=seconds,
        findings=tuple(found.values()),
        pending={s or "": tuple(r.id for r in history.pending(s)) for s in starts},
    )


def _at(history: History, start: str | None, standings: Sequence[Standing]) -> list[Finding]:
    here = [s for s in standings if s.revision == start]
    found = [f for step in history.steps(start) for rule in RULES for f in rule.findings(step)]
    return [_for_customers(f, here) for f in found]


def _for_customers(finding: Finding, here: Sequence[Standing]) -> Finding:
    """Names who is in the way of a contract; nobody is: it may run. Locks are named with the rows that they wait for."""
    evidence = [finding.evidence] if finding.evidence else []
    update: dict[str, object] = {}
    if finding.rule in CONTRACT:
        blockers = [s.customer for s in here if s.may_use(finding)]
        evidence.append(
            f"blocked by {', '.join(sorted(blockers))}" if blockers else "no customer's running code uses it"
        )
        update["blocking"] = finding.blocking and bool(blockers)
    table = finding.object.split(".")[0]
    evidence += [f"{table} at {s.customer}: {s.rows[table]} rows" for s in here if table in s.rows]
    return finding.model_copy(update={**update, "evidence": "; ".join(evidence)})


def _unseen(history: History) -> list[Finding]:
    """Revisions whose end the database did not record: judging them would be a guess."""
    seen = {s.revision for s in history.snapshots}
    lost = [r.id for r in history.revisions if r.id not in seen]
    if history.problems or not lost:
        return []
    next_step = "let Alembic keep its usual version table (one column, version_num)"
    return [problem("not_watched", f"revision {', '.join(lost)} could not be watched", "", next_step)]


def _vanished(history: History, standings: Sequence[Standing]) -> list[Finding]:
    known = {r.id for r in history.revisions}
    heads = {s.revision for s in standings if s.revision and s.revision not in known} if known else set()
    at = {h: ", ".join(s.customer for s in standings if s.revision == h) for h in heads}
    return [
        problem(
            "revision_vanished",
            f"{at[head]} stand at revision {head}, which this commit does not have",
            "",
            f"restore revision {head}; a revision that has run anywhere must stay as it is",
        )
        for head in sorted(heads)
    ]
