"""Any other tool that takes DATABASE_URL: the release that runs at a customer makes the start, the new one what is pending.

Where the tool writes down which migration has run (`trace.VERSION_TABLES`), each is judged by itself; otherwise all
that a run does counts as one revision.
"""

from collections.abc import Callable, Sequence

from tasks.migrations import trace, watched
from tasks.migrations.history import History, Revision, Run
from tasks.migrations.judge import Standing
from tasks.migrations.problem import problem
from tasks.migrations.scratch import Server
from tasks.models import Finding, Value

WHOLE = "upgrade"  # the revision's name when the tool keeps no list


class Ran(Value):
    """How the upgrade command ended, with its last lines."""

    failed: str = ""
    tail: tuple[str, ...] = ()


Upgrade = Callable[[str], Ran]
Release = Callable[[Standing], Upgrade | None]


def run(scratch: Server, upgrade: Upgrade, released: Release, standings: Sequence[Standing]) -> History:
    """Upgrades from each distinct start. `released` knows the upgrade of the release that runs at a customer, None when it cannot be had:
    then all that the tool knows is run from nothing, and what comes after the customer's revision is pending."""
    starts: dict[tuple, list[Standing]] = {}
    for standing in standings:
        starts.setdefault((standing.heads, standing.source, standing.database), []).append(standing)
    runs = [_run(scratch, upgrade, released, here) for here in starts.values()]
    known = {r.id: r for run in runs for r in run.revisions}
    return History(revisions=tuple(known.values()), heads=tuple(known)[-1:], runs=tuple(runs))


def _run(scratch: Server, upgrade: Upgrade, released: Release, here: Sequence[Standing]) -> Run:
    standing, customers = here[0], tuple(s.customer for s in here)
    name = scratch.clone(standing.database) if standing.database else scratch.create()
    base = released(standing) if standing.heads or standing.source else None
    if base and not standing.database and (ended := base(scratch.inside(name))).failed:
        return Run(
            start=standing.heads, customers=customers, problems=(_failure(ended, "the release that runs there"),)
        )
    with scratch.connect(name) as connection:
        watched.watch(connection)
        ended = upgrade(scratch.inside(name))
        if connection.execute(trace.SOMETHING_SINCE).fetchone() != (0,) and not ended.failed:
            connection.execute(trace.RECORD, [WHOLE])
        run = watched.read(connection, standing.heads if base or standing.database else (), ())
    run = run.model_copy(update={"customers": customers})
    if standing.heads and not base and not standing.database:
        run = _after(run, standing)
    run = run.model_copy(update={"revisions": tuple(Revision(id=s.revision) for s in run.snapshots[1:])})
    return run.model_copy(update={"problems": (*run.problems, _failure(ended, ""))}) if ended.failed else run


def _after(run: Run, standing: Standing) -> Run:
    """The part of a run from nothing that a customer has not run yet."""
    ids = [s.revision for s in run.snapshots]
    if standing.heads[0] not in ids:
        what = f"{standing.customer} stands at {standing.heads[0]}, and the tool wrote down no migration of that name"
        step = "give `source`, a checkout of the release that runs there, or `database`, a copy of its database"
        return run.model_copy(update={"problems": (problem("revision_vanished", what, ", ".join(ids[-3:]), step),)})
    return run.model_copy(update={"start": standing.heads, "snapshots": run.snapshots[ids.index(standing.heads[0]) :]})


def _failure(ended: Ran, which: str) -> Finding:
    said = "; ".join(part for part in (which, *ended.tail[-5:]) if part)
    return problem(
        "upgrade_fails",
        f"the upgrade command failed: {ended.failed}",
        said,
        "mend the migration; it was run on PostgreSQL",
    )
