"""A database that records itself from here on, and what it recorded."""

from collections.abc import Sequence

import psycopg

from tasks.migrations import trace
from tasks.migrations.history import Refused, Revision, Run, recorded
from tasks.migrations.problem import problem
from tasks.migrations.writes_sql import READ_REFUSED


def watch(connection: psycopg.Connection) -> None:
    """From now on the database records what is done to it; what it holds now is what running code knows."""
    connection.execute(trace.INSTALL)


def read(connection: psycopg.Connection, start: Sequence[str], pending: Sequence[Revision]) -> Run:
    """What was recorded, and which writes of running code the database takes no more."""
    if connection.execute("SELECT to_regclass('slipway_trace.events')").fetchone() == (None,):
        step = "leave the schema slipway_trace alone"
        last = pending[-1].id if pending else ""
        lost = problem("not_watched", "the revisions removed what watches them", "", step, last)
        return Run(start=tuple(start), revisions=tuple(pending), problems=(lost,))
    seen, events = (connection.execute(q).fetchall() for q in (trace.READ_SNAPSHOTS, trace.READ_EVENTS))
    run = recorded(start, pending, seen, events)
    before, after = connection.execute(READ_REFUSED).fetchone() or ([], [])
    known, now = ({(r["oid"], r["whole"]) for r in found or ()} for found in (before, after))
    refused = tuple(Refused(**r) for r in after or () if (r["oid"], r["whole"]) not in known)
    tried = {t.oid for t in run.snapshots[0].tables if t.kind in "rp" and not t.parent} - {
        oid for oid, _ in known | now
    }
    return run.model_copy(update={"refused": refused, "takes_rows": frozenset(tried)})
