"""The SQL that writes as running code does: a row into every table, by the columns that there were at the start.

What the code writes cannot be known, so the values are made up and only a difference counts: a table that took the rows at the
start and refuses them afterwards. Foreign keys are left out, and everything is taken back.
"""

from tasks.migrations.catalogue_sql import SCHEMA

_VALUE = f"""
CREATE FUNCTION {SCHEMA}.made_up(relation oid, number int, turn int) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT CASE
    WHEN t.typtype = 'e' THEN (SELECT quote_literal(enumlabel) FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder LIMIT 1)
    WHEN t.typname = 'int2' THEN (32000 + turn)::text
    WHEN t.typname IN ('int4', 'int8') THEN (2000000000 + turn)::text
    WHEN t.typcategory = 'N' THEN '1'
    WHEN t.typcategory = 'S' THEN quote_literal(left(turn || 'x', CASE WHEN a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 10 END))
    WHEN t.typcategory = 'B' THEN 'true'
    WHEN t.typcategory = 'D' THEN CASE t.typname WHEN 'time' THEN '''12:00''' WHEN 'timetz' THEN '''12:00+00''' ELSE 'now()' END
    WHEN t.typcategory = 'T' THEN '''1 day'''
    WHEN t.typcategory = 'A' THEN '''{{}}'''
    WHEN t.typcategory = 'I' THEN '''10.0.0.' || turn || ''''
    WHEN t.typcategory = 'R' THEN '''empty'''
    WHEN t.typname = 'uuid' THEN 'gen_random_uuid()'
    WHEN t.typname IN ('json', 'jsonb') THEN '''{{}}'''
    ELSE 'NULL' END
  FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid WHERE a.attrelid = relation AND a.attnum = number
$$;
"""  # noqa: S608 - constants

_TRY = f"""
CREATE FUNCTION {SCHEMA}.refused(known jsonb[]) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE one jsonb; whole boolean; place oid; columns text; vals text; said jsonb; result jsonb := '[]'; code text; message text; what text;
BEGIN
  FOR one IN SELECT t FROM unnest(known) t WHERE t ->> 'kind' IN ('r', 'p') AND t ->> 'parent' IS NULL LOOP
    SELECT c.oid INTO place FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v') AND {SCHEMA}.name_of(c.oid) = one ->> 'name';
    CONTINUE WHEN place IS NULL;
    FOREACH whole IN ARRAY ARRAY[true, false] LOOP BEGIN  -- all columns, or those alone that must be filled
      IF (SELECT relkind FROM pg_class WHERE oid = place) <> 'v' THEN
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', place::regclass);
        EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', place::regclass);
      END IF;
      FOR turn IN 1..2 LOOP
        SELECT string_agg(quote_ident(k ->> 'name'), ', '), string_agg({SCHEMA}.made_up(place, a.attnum, turn), ', ') INTO columns, vals
        FROM jsonb_array_elements(one -> 'columns') k JOIN pg_attribute a ON a.attrelid = place AND a.attname = k ->> 'name'
        WHERE NOT (k ->> 'filled')::boolean AND (whole OR (k ->> 'required')::boolean);
        IF columns IS NULL THEN
          EXECUTE format('INSERT INTO %s DEFAULT VALUES', place::regclass);
        ELSE
          EXECUTE format('INSERT INTO %s (%s) VALUES (%s)', place::regclass, columns, vals);
        END IF;
      END LOOP;
      IF columns IS NOT NULL AND (SELECT relkind FROM pg_class WHERE oid = place) <> 'v' THEN
        EXECUTE format('UPDATE %s SET %s WHERE ctid = (SELECT max(ctid) FROM %s)', place::regclass, (
          SELECT string_agg(format('%1$I = %1$I', k ->> 'name'), ', ')
          FROM jsonb_array_elements(one -> 'columns') k JOIN pg_attribute a ON a.attrelid = place AND a.attname = k ->> 'name'
          WHERE NOT (k ->> 'filled')::boolean), place::regclass);
        EXECUTE format('DELETE FROM %s WHERE ctid = (SELECT max(ctid) FROM %s)', place::regclass, place::regclass);
      END IF;
      RAISE EXCEPTION 'all well' USING ERRCODE = 'SLIP1';
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, what = CONSTRAINT_NAME;
      IF code <> 'SLIP1' THEN
        result := result || jsonb_build_array(
          jsonb_build_object('oid', (one ->> 'oid')::bigint, 'whole', whole, 'code', code, 'message', message, 'constraint', what));
      END IF;
    END; END LOOP;
  END LOOP;
  RETURN result;
END $$;
-- One row in every table that takes one, written past all triggers.
CREATE FUNCTION {SCHEMA}.fill() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE one record; columns text; vals text;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOR one IN SELECT (value ->> 'oid')::bigint::oid AS place FROM {SCHEMA}.catalogue() WHERE what LIKE 'table %' AND value ->> 'kind' = 'r' LOOP
    BEGIN
      SELECT string_agg(quote_ident(attname), ', '), string_agg({SCHEMA}.made_up(one.place, attnum, 1), ', ') INTO columns, vals
      FROM pg_attribute WHERE attrelid = one.place AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'
        AND (NOT atthasdef OR attidentity <> '');
      EXECUTE format('INSERT INTO %s (%s) VALUES (%s)', one.place::regclass, columns, vals);
    EXCEPTION WHEN OTHERS THEN
      NULL;  -- it stays empty
    END;
  END LOOP;
END $$;
CREATE TABLE {SCHEMA}.refused_before AS
  SELECT {SCHEMA}.refused((SELECT coalesce(array_agg(value), '{{}}') FROM {SCHEMA}.catalogue() WHERE what LIKE 'table %')) AS found;
"""  # noqa: S608 - constants

FILL = f"SELECT {SCHEMA}.fill()"
WRITES = f"{_VALUE}{_TRY}"
READ_REFUSED = (
    f"SELECT (SELECT found FROM {SCHEMA}.refused_before), "  # noqa: S608
    f"{SCHEMA}.refused((SELECT coalesce(array_agg(value), '{{}}') FROM {SCHEMA}.differences "
    f"WHERE what LIKE 'table %' AND number = (SELECT min(number) FROM {SCHEMA}.snapshots)))"
)
