"""The schema as PostgreSQL's own catalogue states it, after each revision, and what a revision changed.

The scratch database records itself: a trigger on the migration tool's version table writes a snapshot in the
revision's own transaction, whatever driver and session the revision uses.
"""

from collections.abc import Sequence
from typing import Any, Literal

from tasks.models import Value

SCHEMA = "slipway_trace"

# attnum and oid stay when a name changes (PostgreSQL manual, pg_attribute and pg_class): a rename is not a drop.
INSTALL = f"""
CREATE SCHEMA {SCHEMA};
CREATE TABLE {SCHEMA}.snapshots (number serial PRIMARY KEY, revision text NOT NULL, tables jsonb NOT NULL);

CREATE FUNCTION {SCHEMA}.tables() RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'oid', c.oid::bigint, 'name', CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname,
    'columns', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'required', a.attnotnull,
        'filled', a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '') ORDER BY a.attnum), '[]')
      FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) ORDER BY c.oid), '[]')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema', '{SCHEMA}')
    AND n.nspname NOT LIKE 'pg\\_%'
$$;

CREATE FUNCTION {SCHEMA}.record(revision text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO {SCHEMA}.snapshots (revision, tables) VALUES (revision, {SCHEMA}.tables())
$$;

CREATE FUNCTION {SCHEMA}.version_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {SCHEMA}.record(NEW.version_num);
  RETURN NEW;
END $$;

CREATE FUNCTION {SCHEMA}.watch_version_table() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE made record;
BEGIN
  FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP
    IF (SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = made.objid AND attnum > 0) = ARRAY['version_num'] THEN
      EXECUTE format('CREATE TRIGGER slipway AFTER INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION {SCHEMA}.version_changed()',
        made.object_identity);
    END IF;
  END LOOP;
END $$;
CREATE EVENT TRIGGER slipway_version_table ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
  EXECUTE FUNCTION {SCHEMA}.watch_version_table();
"""  # noqa: S608 - constants
READ = f"SELECT revision, tables FROM {SCHEMA}.snapshots ORDER BY number"  # noqa: S608 - a constant
RECORD = f"SELECT {SCHEMA}.record(%s)"  # noqa: S608 - a constant


class Column(Value):
    """One column; `filled` means that an INSERT may leave it out: default, identity or generated."""

    number: int
    name: str
    type: str
    required: bool
    filled: bool


class Table(Value):
    """One table; names outside the schema public carry their schema."""

    oid: int
    name: str
    columns: tuple[Column, ...]

    def column(self, number: int) -> Column | None:
        """The column with this attnum."""
        return next((c for c in self.columns if c.number == number), None)


class Snapshot(Value):
    """Every table after one revision; revision '' is the empty database."""

    revision: str = ""
    tables: tuple[Table, ...] = ()

    def table(self, oid: int) -> Table | None:
        """The table with this oid."""
        return next((t for t in self.tables if t.oid == oid), None)


class Change(Value):
    """One difference that a revision made to something that was there before it."""

    kind: Literal["table dropped", "table renamed", "column dropped", "column renamed", "column added"]
    revision: str
    oid: int
    table: str
    number: int = 0
    before: Column | None = None
    after: Column | None = None
    new_name: str = ""


def snapshots(rows: Sequence[tuple[str, Any]]) -> list[Snapshot]:
    """Rows of `READ` as values, the empty database first."""
    return [
        Snapshot(),
        *(Snapshot(revision=revision, tables=tuple(Table(**t) for t in tables)) for revision, tables in rows),
    ]


def compare(before: Snapshot, after: Snapshot) -> list[Change]:
    """What the revision `after` did to the tables of `before`; new tables are no change to anyone."""
    changes = []
    for table in before.tables:
        now, place = after.table(table.oid), {"revision": after.revision, "oid": table.oid, "table": table.name}
        if now is None:
            changes.append(Change(kind="table dropped", **place))
            continue
        if now.name != table.name:
            changes.append(Change(kind="table renamed", new_name=now.name, **place))
        changes += _columns(table, now, place)
    return changes


def _columns(table: Table, now: Table, place: dict[str, Any]) -> list[Change]:
    changes = []
    for column in table.columns:
        after = now.column(column.number)
        if after is None:
            changes.append(Change(kind="column dropped", number=column.number, before=column, **place))
        elif after.name != column.name:
            changes.append(Change(kind="column renamed", number=column.number, before=column, after=after, **place))
    added = [c for c in now.columns if table.column(c.number) is None]
    return changes + [Change(kind="column added", number=c.number, after=c, **place) for c in added]
