"""How many rows, and how much room, each customer's tables have: from a file, or asked of a database that is only read."""

from collections.abc import Mapping
from pathlib import Path

import psycopg
import yaml
from pydantic import TypeAdapter, ValidationError

from tasks.errors import ReleaseRefused, ServiceUnavailable

# Estimates of the last ANALYZE, as the planner uses them (PostgreSQL manual, pg_class): -1 is unknown, counted as no answer.
QUERY = """SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, c.reltuples::bigint, pg_total_relation_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND c.reltuples >= 0"""


def read(place: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Rows and bytes by table, from a YAML or JSON file (`table: rows`) or a PostgreSQL URL, which is opened read only.

    Raises `ReleaseRefused` for a file that is none, `ServiceUnavailable` for a database that does not answer.
    """
    if place.startswith(("postgres://", "postgresql://")):
        return _asked(place)
    try:
        rows = TypeAdapter(dict[str, int]).validate_python(yaml.safe_load(Path(place).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ReleaseRefused.because(
            f"no statistics: {error}", place, "write `table: number of rows`, a line each"
        ) from error
    return rows, {}


def _asked(url: str) -> tuple[Mapping[str, int], Mapping[str, int]]:
    try:
        with psycopg.connect(
            url, connect_timeout=10, options="-c default_transaction_read_only=on -c statement_timeout=10s"
        ) as connection:
            found = connection.execute(QUERY).fetchall()
    except psycopg.Error as error:
        where = url.rpartition("@")[2]
        raise ServiceUnavailable.because(
            f"no statistics: {error}", where, "correct migrations.statistics in release.yaml"
        ) from error
    return {name: rows for name, rows, _ in found}, {name: size for name, _, size in found}
