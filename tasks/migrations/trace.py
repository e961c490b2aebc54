"""The scratch database records itself: what each command did, which locks it held, what was there before and after.

Event triggers and statement triggers write in the migration's own session and transaction, so that it does not matter
which tool, driver or session runs it. What is rolled back is forgotten with it, as it is in the customer's database.
Source: PostgreSQL manual, Event Triggers, and the chapters of pg_locks, pg_class and pg_attribute.
"""

SCHEMA = "slipway_trace"

# attnum and oid stay when a name changes: a rename is not a drop. Names outside public carry their schema.
_SNAPSHOT = f"""
CREATE FUNCTION {SCHEMA}.name_of(relation oid) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;

CREATE FUNCTION {SCHEMA}.is_ours(schema_name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT schema_name IN ('pg_catalog', 'information_schema', '{SCHEMA}') OR schema_name LIKE 'pg\\_%'
$$;

CREATE FUNCTION {SCHEMA}.tables() RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'oid', c.oid::bigint, 'name', {SCHEMA}.name_of(c.oid), 'file', c.relfilenode::bigint,
    'columns', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'number', a.attnum, 'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'required', a.attnotnull,
        'filled', a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '',
        'default', pg_get_expr(d.adbin, d.adrelid), 'identity', a.attidentity::text, 'generated', a.attgenerated::text
      ) ORDER BY a.attnum), '[]')
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
    'constraints', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'oid', k.oid::bigint, 'name', k.conname, 'kind', k.contype::text, 'validated', k.convalidated,
        'definition', pg_get_constraintdef(k.oid)) ORDER BY k.oid), '[]')
      FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype <> 'n'),
    'indexes', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'oid', i.indexrelid::bigint, 'name', x.relname, 'unique', i.indisunique, 'valid', i.indisvalid) ORDER BY i.indexrelid), '[]')
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid)
    ) ORDER BY c.oid), '[]')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT {SCHEMA}.is_ours(n.nspname)
    AND NOT EXISTS (SELECT FROM {SCHEMA}.version_tables v WHERE v.relation = c.oid)
$$;
"""  # noqa: S608 - constants

_RECORD = f"""
CREATE FUNCTION {SCHEMA}.record(revision text) RETURNS void LANGUAGE sql AS $$
  INSERT INTO {SCHEMA}.snapshots (revision, tables) VALUES (revision, {SCHEMA}.tables())
$$;

CREATE FUNCTION {SCHEMA}.version_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {SCHEMA}.record(NEW.version_num);
  RETURN NEW;
END $$;

-- Every lock on a relation that was there before this transaction's revision, strongest first read by the reader.
CREATE FUNCTION {SCHEMA}.locks() RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('oid', l.relation::bigint, 'mode', l.mode)), '[]')
  FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted AND c.relkind IN ('r', 'p', 'm')
    AND NOT {SCHEMA}.is_ours(n.nspname) AND l.mode <> 'AccessShareLock'
$$;

-- Sequential scans so far: what the statistics have not been sent yet, so only the difference over a command counts.
CREATE FUNCTION {SCHEMA}.scans() RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_object_agg(relid::text, seq_scan), '{{}}') FROM pg_stat_xact_user_tables WHERE seq_scan > 0
$$;

CREATE FUNCTION {SCHEMA}.scanned() RETURNS jsonb LANGUAGE sql SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_object_agg(now.key, now.value::int - coalesce((before ->> now.key)::int, 0))
    FILTER (WHERE now.value::int > coalesce((before ->> now.key)::int, 0)), '{{}}')
  FROM (SELECT coalesce(nullif(current_setting('slipway.scans', true), ''), '{{}}')::jsonb AS before) b,
    jsonb_each_text({SCHEMA}.scans()) now
$$;

CREATE FUNCTION {SCHEMA}.add_event(kind text, tag text, objects jsonb) RETURNS void LANGUAGE sql AS $$
  INSERT INTO {SCHEMA}.events (kind, tag, query, objects, locks, scans, session, transaction)
  VALUES (kind, tag, current_query(), objects, {SCHEMA}.locks(),
    CASE kind WHEN 'command' THEN {SCHEMA}.scanned() ELSE '{{}}' END, pg_backend_pid(), pg_current_xact_id()::text)
$$;
"""  # noqa: S608 - constants

_TRIGGERS = f"""
CREATE FUNCTION {SCHEMA}.on_command_start() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('slipway.scans', {SCHEMA}.scans()::text, true);
END $$;

CREATE FUNCTION {SCHEMA}.on_command_end() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE made record; objects jsonb;
BEGIN
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'oid', c.objid::bigint, 'type', c.object_type, 'name', c.object_identity, 'command', c.command_tag,
    'table', (SELECT i.indrelid::bigint FROM pg_index i WHERE i.indexrelid = c.objid))), '[]')
  INTO objects FROM pg_event_trigger_ddl_commands() c
  WHERE c.schema_name IS DISTINCT FROM '{SCHEMA}' AND c.object_identity !~ '^slipway_(rows|version) on '
    AND c.objid NOT IN (SELECT relation FROM {SCHEMA}.version_tables)
    AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.objid AND attnum > 0 HAVING array_agg(attname::text) = ARRAY['version_num']);
  IF tg_tag = 'CREATE TRIGGER' AND objects = '[]' OR tg_tag = 'CREATE TABLE' AND objects = '[]' THEN
    NULL;  -- our own triggers, and the migration tool's version table
  ELSE
  PERFORM {SCHEMA}.add_event('command', tg_tag, objects);
  END IF;
  IF tg_tag = 'CREATE TABLE' THEN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' AND command_tag = 'CREATE TABLE' LOOP
      IF (SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = made.objid AND attnum > 0) = ARRAY['version_num'] THEN
        INSERT INTO {SCHEMA}.version_tables VALUES (made.objid);
        EXECUTE format('CREATE TRIGGER slipway_version AFTER INSERT OR UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION {SCHEMA}.version_changed()',
          made.object_identity);
      ELSE
        EXECUTE format('CREATE TRIGGER slipway_rows AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s EXECUTE FUNCTION {SCHEMA}.on_rows()',
          made.object_identity);
      END IF;
    END LOOP;
  END IF;
END $$;

CREATE FUNCTION {SCHEMA}.on_rewrite() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {SCHEMA}.add_event('rewrite', tg_tag, jsonb_build_array(jsonb_build_object(
    'oid', pg_event_trigger_table_rewrite_oid()::bigint, 'reason', pg_event_trigger_table_rewrite_reason())));
END $$;

CREATE FUNCTION {SCHEMA}.on_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {SCHEMA}.add_event('drop', tg_tag, (
    SELECT coalesce(jsonb_agg(jsonb_build_object('type', o.object_type, 'name', o.object_identity)), '[]')
    FROM pg_event_trigger_dropped_objects() o
    WHERE o.original AND NOT {SCHEMA}.is_ours(coalesce(o.schema_name, ''))));
END $$;

CREATE FUNCTION {SCHEMA}.on_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM {SCHEMA}.add_event('rows', tg_op, jsonb_build_array(jsonb_build_object('oid', tg_relid::bigint)));
  RETURN NULL;
END $$;
"""  # noqa: S608 - constants

INSTALL = f"""
CREATE SCHEMA {SCHEMA};
CREATE SEQUENCE {SCHEMA}.moment;
CREATE TABLE {SCHEMA}.version_tables (relation oid PRIMARY KEY);
CREATE TABLE {SCHEMA}.snapshots (
  number bigint PRIMARY KEY DEFAULT nextval('{SCHEMA}.moment'), revision text NOT NULL, tables jsonb NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE TABLE {SCHEMA}.events (
  number bigint PRIMARY KEY DEFAULT nextval('{SCHEMA}.moment'), kind text NOT NULL, tag text NOT NULL, query text,
  objects jsonb, locks jsonb, scans jsonb, session int, transaction text);
{_SNAPSHOT}{_RECORD}{_TRIGGERS}
CREATE EVENT TRIGGER slipway_start ON ddl_command_start EXECUTE FUNCTION {SCHEMA}.on_command_start();
CREATE EVENT TRIGGER slipway_command ON ddl_command_end EXECUTE FUNCTION {SCHEMA}.on_command_end();
CREATE EVENT TRIGGER slipway_rewrite ON table_rewrite EXECUTE FUNCTION {SCHEMA}.on_rewrite();
CREATE EVENT TRIGGER slipway_drop ON sql_drop EXECUTE FUNCTION {SCHEMA}.on_drop();
"""  # noqa: S608 - constants

READ_SNAPSHOTS = f"SELECT number, revision, tables, at FROM {SCHEMA}.snapshots ORDER BY number"  # noqa: S608
READ_EVENTS = (
    f"SELECT number, kind, tag, query, objects, locks, scans, session, transaction FROM {SCHEMA}.events ORDER BY number"  # noqa: S608
)
RECORD = f"SELECT {SCHEMA}.record(%s)"  # noqa: S608
