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
    return run.model_copy(update={"refused": _refused(connection)})


def _refused(connection: psycopg.Connection) -> tuple[Refused, ...]:
    """Only tables that took the same rows at the start."""
    before, after = connection.execute(READ_REFUSED).fetchone() or ([], [])
    known = {r["oid"] for r in before or ()}
    return tuple(Refused(**r) for r in after or () if r["oid"] not in known)
