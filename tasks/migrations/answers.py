"""What the probe answered, as findings: what was raised where, what the models have beyond the database."""

from collections.abc import Sequence
from typing import Any

from tasks.migrations.history import History
from tasks.migrations.problem import problem
from tasks.models import Finding

NEXT = {
    "graph": ("missing_parent", "restore the revision that is missing, or correct down_revision"),
    "cycle": ("revision_cycle", "let one of them follow a revision that comes before all of them"),
    "duplicate": ("duplicate_revision", "give one of the two files another revision id"),
    "import": ("not_importable", "mend what cannot be imported"),
    "start": ("env_fails", "mend env.py, or what it needs; the check runs it on an empty database of its own"),
    "upgrade": ("upgrade_fails", "mend the revision; it was run on PostgreSQL, from the first revision on"),
}


def failure(answer: dict[str, Any], revision: str, when: str) -> Finding:
    """What was raised, or how long it took, with the last lines that were printed."""
    told = answer["problem"]
    kind = (
        told["kind"]
        if told["kind"] != "start" or not revision or "sqlalchemy" not in told.get("module", "")
        else "upgrade"
    )
    rule, next_step = NEXT[kind]
    said = "; ".join(part for part in (told["where"], when, *(answer.get("tail") or [])[-3:]) if part)
    if "extension" in told["what"] and "is not available" in told["what"]:
        next_step = "give --postgres URL of a server that has the extension (in release.yaml: an image that has it); the embedded one does not"
    return problem(
        rule, told["what"], said, next_step, told.get("revision") or (revision if rule == "upgrade_fails" else "")
    )


def missing(answers: Sequence[dict[str, Any]], history: History) -> list[Finding]:
    """What the models have and the migrated database lacks: new code would fail on it."""
    lacking = [m for answer in answers for m in answer["missing"]]
    found = []
    for kind, table, column in lacking:
        name = f"{table}.{column}" if column else table
        if kind == "unknown":
            found.append(
                problem(
                    "model_drift",
                    "the models could not be compared with the database",
                    table,
                    "see env.py's target_metadata",
                    blocking=False,
                )
            )
            continue
        what = f"the models have the {kind} {name}, and the migrated database does not"
        step = f'write the revision that adds it: alembic revision --autogenerate -m "add {name}"'
        found.append(
            problem("model_drift", what, "compare_metadata", step, history.head or "").model_copy(
                update={"object": name}
            )
        )
    return found
