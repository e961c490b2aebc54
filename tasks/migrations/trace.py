"""The scratch database records itself: what each command did, which locks it held, what was there before and after.

Event triggers and statement triggers write in the migration's own session and transaction, so that it does not matter
which tool, driver or session runs it. What is rolled back is forgotten with it, as it is in the customer's database.
All of it runs as the superuser who installed it: a migration that switches its role is watched too.
Source: PostgreSQL manual, Event Triggers, Overview of Trigger Behavior, pg_locks, and System Catalogs.
"""

from tasks.migrations.catalogue_sql import CATALOGUE, SCHEMA
from tasks.migrations.writes_sql import WRITES

# Where migration tools write down what has run: table, column, and the condition under which a row means that it ended.
VERSION_TABLES = (
    ("_prisma_migrations", "migration_name", "finished_at"),
    ("flyway_schema_history", "version", ""),
    ("schema_migrations", "version", ""),
    ("knex_migrations", "name", ""),
    ("django_migrations", "name", ""),
    ("_sqlx_migrations", "version", ""),
    ("pgmigrations", "name", ""),
    ("databasechangelog", "id", ""),
    ("slipway_files", "name", ""),
)
_VERSION_ROWS = ", ".join(f"('{table}', '{column}', '{ended}')" for table, column, ended in VERSION_TABLES)

_TABLES = f"""
CREATE SCHEMA {SCHEMA};
CREATE SEQUENCE {SCHEMA}.moment;
CREATE TABLE {SCHEMA}.version_tables (relation oid PRIMARY KEY);
CREATE TABLE {SCHEMA}.snapshots (
  number bigint PRIMARY KEY DEFAULT nextval('{SCHEMA}.moment'), revision text NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp());
-- What differs from the snapshot before, NULL for what is gone; and what there is now.
CREATE TABLE {SCHEMA}.differences (number bigint, what text, value jsonb, PRIMARY KEY (number, what));
CREATE TABLE {SCHEMA}.present (what text PRIMARY KEY, value jsonb NOT NULL);
CREATE TABLE {SCHEMA}.events (
  number bigint PRIMARY KEY DEFAULT nextval('{SCHEMA}.moment'), kind text NOT NULL, tag text NOT NULL, query text,
  objects jsonb, locks jsonb, scans jsonb, changed bigint, inner_query text, lock_timeout text, session int, transaction text);
"""  # noqa: S608 - constants

_RECORD = f"""
CREATE FUNCTION {SCHEMA}.record(of text) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE taken bigint;
BEGIN
  INSERT INTO {SCHEMA}.snapshots (revision) VALUES (of) RETURNING number INTO taken;
  INSERT INTO {SCHEMA}.differences
    SELECT taken, coalesce(n.what, p.what), n.value FROM {SCHEMA}.catalogue() n FULL JOIN {SCHEMA}.present p ON n.what = p.what
    WHERE n.value IS DISTINCT FROM p.value;
  DELETE FROM {SCHEMA}.present WHERE what IN (SELECT what FROM {SCHEMA}.differences WHERE number = taken);
  INSERT INTO {SCHEMA}.present SELECT what, value FROM {SCHEMA}.differences WHERE number = taken AND value IS NOT NULL;
END $$;

-- Locks that others may have to wait for, on whatever holds rows.
CREATE FUNCTION {SCHEMA}.locks() RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('oid', l.relation::bigint, 'mode', l.mode)), '[]')
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND c.relkind IN ('r', 'p', 'm')
    AND NOT {SCHEMA}.is_ours(n.nspname) AND l.mode <> 'AccessShareLock'
$$;

-- Sequential scans so far: what the statistics have not been sent yet, so only the difference over a command counts.
CREATE FUNCTION {SCHEMA}.scans() RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_object_agg(relid::text, seq_scan), '{{}}') FROM pg_stat_xact_user_tables
  WHERE seq_scan > 0 AND schemaname <> '{SCHEMA}' AND relid NOT IN (SELECT relation FROM {SCHEMA}.version_tables)
$$;

CREATE FUNCTION {SCHEMA}.scanned(since text) RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_object_agg(now.key, now.value::int - coalesce((before ->> now.key)::int, 0))
    FILTER (WHERE now.value::int > coalesce((before ->> now.key)::int, 0)), '{{}}')
  FROM (SELECT coalesce(nullif(current_setting(since, true), ''), '{{}}')::jsonb AS before) b,
    jsonb_each_text({SCHEMA}.scans()) now
$$;

CREATE FUNCTION {SCHEMA}.add_event(
  kind text, tag text, objects jsonb, scans jsonb DEFAULT '{{}}', changed bigint DEFAULT 0, inside text DEFAULT NULL
) RETURNS void LANGUAGE sql AS $$
  INSERT INTO {SCHEMA}.events (kind, tag, query, objects, locks, scans, changed, inner_query, lock_timeout, session, transaction)
  VALUES (kind, tag, current_query(), objects, {SCHEMA}.locks(), scans, changed, inside, current_setting('lock_timeout'),
    pg_backend_pid(), pg_current_xact_id()::text);
  SELECT set_config('slipway.seen', {SCHEMA}.scans()::text, false);
$$;

-- What SELECT, which fires no trigger, has read since the last event.
CREATE FUNCTION {SCHEMA}.note_reads() RETURNS void LANGUAGE plpgsql AS $$
DECLARE scans jsonb := {SCHEMA}.scanned('slipway.seen');
BEGIN
  IF scans <> '{{}}' THEN
    PERFORM {SCHEMA}.add_event('read', 'SELECT', '[]', scans);
  END IF;
END $$;
"""  # noqa: S608 - constants

_ROWS = f"""
CREATE FUNCTION {SCHEMA}.before_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM {SCHEMA}.note_reads();
  PERFORM set_config('slipway.row_scans', {SCHEMA}.scans()::text, true);
  RETURN NULL;
END $$;

CREATE FUNCTION {SCHEMA}.on_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE amount bigint := 0; stack text;
BEGIN
  GET DIAGNOSTICS stack = PG_CONTEXT;
  IF tg_op <> 'TRUNCATE' THEN
    SELECT count(*) INTO amount FROM changed;
  END IF;
  PERFORM {SCHEMA}.add_event('rows', tg_op, jsonb_build_array(jsonb_build_object('oid', tg_relid::bigint)),
    {SCHEMA}.scanned('slipway.row_scans'), amount, substring(stack FROM 'SQL statement "(.*?)"\s+PL/pgSQL function'));
  RETURN NULL;
END $$;

CREATE FUNCTION {SCHEMA}.version_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE seen jsonb := to_jsonb(coalesce(NEW, OLD)); amount bigint;
BEGIN
  IF tg_op = 'DELETE' THEN  -- a merge deletes all but one; the last one goes with a downgrade to nothing
    EXECUTE format('SELECT count(*) FROM %s', tg_relid::regclass) INTO amount;
    IF amount > 0 THEN
      RETURN OLD;
    END IF;
  END IF;
  IF tg_argv[1] = '' OR seen ->> tg_argv[1] IS NOT NULL THEN
    PERFORM {SCHEMA}.note_reads();
    PERFORM {SCHEMA}.add_event('end', tg_op, '[]');
    PERFORM {SCHEMA}.record(CASE tg_op WHEN 'DELETE' THEN '' ELSE seen ->> tg_argv[0] END);
  END IF;
  RETURN coalesce(NEW, OLD);
END $$;

CREATE FUNCTION {SCHEMA}.watch(made oid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE version text; ended text; kind "char"; short text; op text;
BEGIN
  SELECT relkind, relname INTO kind, short FROM pg_class WHERE oid = made;
  IF kind NOT IN ('r', 'p') OR EXISTS (SELECT FROM pg_trigger WHERE tgrelid = made AND tgname LIKE 'slipway\\_%') THEN
    RETURN;
  END IF;
  SELECT v.version, v.ended INTO version, ended FROM (VALUES {_VERSION_ROWS}) AS v (name, version, ended) WHERE v.name = short;
  IF version IS NULL AND (SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = made AND attnum > 0) = ARRAY['version_num'] THEN
    SELECT 'version_num', '' INTO version, ended;
  END IF;
  IF version IS NOT NULL THEN
    INSERT INTO {SCHEMA}.version_tables VALUES (made);
    EXECUTE format('CREATE TRIGGER slipway_version AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW
      EXECUTE FUNCTION {SCHEMA}.version_changed(%L, %L)', made::regclass, version, ended);
    RETURN;
  END IF;
  FOREACH op IN ARRAY ARRAY['INSERT', 'UPDATE', 'DELETE'] LOOP
    EXECUTE format('CREATE TRIGGER slipway_rows_%s AFTER %s ON %s REFERENCING %s TABLE AS changed
      EXECUTE FUNCTION {SCHEMA}.on_rows()', lower(op), op, made::regclass, CASE op WHEN 'DELETE' THEN 'OLD' ELSE 'NEW' END);
  END LOOP;
  EXECUTE format('CREATE TRIGGER slipway_emptied AFTER TRUNCATE ON %s EXECUTE FUNCTION {SCHEMA}.on_rows()', made::regclass);
  EXECUTE format('CREATE TRIGGER slipway_before BEFORE INSERT OR UPDATE OR DELETE ON %s EXECUTE FUNCTION {SCHEMA}.before_rows()', made::regclass);
END $$;
"""  # noqa: S608 - constants

_TRIGGERS = f"""
CREATE FUNCTION {SCHEMA}.on_command_start() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  IF tg_tag LIKE 'DROP%' AND current_query() ILIKE '%{SCHEMA}%' THEN
    RAISE EXCEPTION 'the schema {SCHEMA} belongs to the migration check';
  END IF;
  IF current_query() NOT ILIKE '%CONCURRENTLY%' THEN  -- which must be the first to write in its transaction
    PERFORM {SCHEMA}.note_reads();
  END IF;
  PERFORM set_config('slipway.scans', {SCHEMA}.scans()::text, true);
END $$;

CREATE FUNCTION {SCHEMA}.on_command_end() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE made record; objects jsonb; scans jsonb := {SCHEMA}.scanned('slipway.scans');  -- before commands of our own
BEGIN
  IF current_query() LIKE '%slipway\\_%' AND EXISTS (
    SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity LIKE '%slipway\\_%') THEN
    RETURN;  -- our own triggers
  END IF;
  FOR made IN SELECT objid FROM pg_event_trigger_ddl_commands()
    WHERE object_type = 'table' AND tg_tag IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO') LOOP
    PERFORM {SCHEMA}.watch(made.objid);
  END LOOP;
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'oid', c.objid::bigint, 'type', c.object_type, 'name', c.object_identity, 'command', c.command_tag,
    'table', (SELECT i.indrelid::bigint FROM pg_index i WHERE i.indexrelid = c.objid))), '[]')
  INTO objects FROM pg_event_trigger_ddl_commands() c
  WHERE c.schema_name IS DISTINCT FROM '{SCHEMA}' AND c.object_identity !~ '^slipway_\\w+ on '
    AND c.objid NOT IN (SELECT relation FROM {SCHEMA}.version_tables)
    AND c.objid NOT IN (SELECT indexrelid FROM pg_index JOIN {SCHEMA}.version_tables ON indrelid = relation);
  IF objects <> '[]' OR tg_tag NOT IN ('CREATE TABLE', 'CREATE TRIGGER') THEN
    PERFORM {SCHEMA}.add_event('command', tg_tag, objects, scans);
  END IF;
END $$;

CREATE FUNCTION {SCHEMA}.on_rewrite() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM {SCHEMA}.add_event('rewrite', tg_tag, jsonb_build_array(jsonb_build_object(
    'oid', pg_event_trigger_table_rewrite_oid()::bigint, 'reason', pg_event_trigger_table_rewrite_reason())));
END $$;

CREATE FUNCTION {SCHEMA}.on_drop() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM {SCHEMA}.add_event('drop', tg_tag, (
    SELECT coalesce(jsonb_agg(jsonb_build_object('type', o.object_type, 'name', o.object_identity)), '[]')
    FROM pg_event_trigger_dropped_objects() o
    WHERE o.original AND NOT {SCHEMA}.is_ours(coalesce(o.schema_name, ''))));
END $$;
"""  # noqa: S608 - constants

_WATCH = f"""
SELECT {SCHEMA}.watch(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT {SCHEMA}.is_ours(n.nspname) ORDER BY c.oid;
SELECT {SCHEMA}.record('');
SELECT set_config('slipway.seen', {SCHEMA}.scans()::text, false);
CREATE EVENT TRIGGER slipway_start ON ddl_command_start EXECUTE FUNCTION {SCHEMA}.on_command_start();
CREATE EVENT TRIGGER slipway_command ON ddl_command_end EXECUTE FUNCTION {SCHEMA}.on_command_end();
CREATE EVENT TRIGGER slipway_rewrite ON table_rewrite EXECUTE FUNCTION {SCHEMA}.on_rewrite();
CREATE EVENT TRIGGER slipway_drop ON sql_drop EXECUTE FUNCTION {SCHEMA}.on_drop();
"""  # noqa: S608 - constants

# Watches a database from now on, with all that it holds: its first snapshot is what running code knows.
INSTALL = f"{_TABLES}{CATALOGUE}{WRITES}{_RECORD}{_ROWS}{_TRIGGERS}{_WATCH}"

# Where a copied database says at which revision it is.
VERSION_TABLES_THERE = f"SELECT relation::regclass::text FROM {SCHEMA}.version_tables"  # noqa: S608
READ_SNAPSHOTS = (
    "SELECT number, revision, at, (SELECT coalesce(jsonb_object_agg(what, value), '{}') "  # noqa: S608
    f"FROM {SCHEMA}.differences d WHERE d.number = s.number) FROM {SCHEMA}.snapshots s ORDER BY number"
)
READ_EVENTS = (
    "SELECT number, kind, tag, query, objects, locks, scans, changed, inner_query, lock_timeout, session, transaction "  # noqa: S608
    f"FROM {SCHEMA}.events ORDER BY number"
)
# What happened after the last snapshot, beside the end of a revision.
SOMETHING_SINCE = f"SELECT count(*) FROM {SCHEMA}.events WHERE kind <> 'end' AND number > (SELECT max(number) FROM {SCHEMA}.snapshots)"  # noqa: S608
RECORD = f"SELECT {SCHEMA}.note_reads(), {SCHEMA}.add_event('end', 'END', '[]'), {SCHEMA}.record(%s)"
