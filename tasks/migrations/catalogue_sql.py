"""The SQL that writes PostgreSQL's own catalogue down as JSON, a value each thing; read by `catalogue.snapshots`.

attnum and oid stay when a name changes: a rename is not a drop. Names outside the schema public carry their schema,
and nothing depends on the session's search_path.
Source: PostgreSQL manual, System Catalogs and System Information Functions.
"""

SCHEMA = "slipway_trace"

_NAMES = f"""
CREATE FUNCTION {SCHEMA}.name_of(relation oid) RETURNS text LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
$$;

CREATE FUNCTION {SCHEMA}.is_ours(schema_name text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
  SELECT schema_name IN ('pg_catalog', 'information_schema', '{SCHEMA}') OR schema_name LIKE 'pg\\_%'
$$;

CREATE FUNCTION {SCHEMA}.grants_of(acl aclitem[], of text) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_agg(coalesce(r.rolname, 'PUBLIC') || ' ' || g.privilege_type || of ORDER BY 1), '[]')
  FROM aclexplode(acl) g LEFT JOIN pg_roles r ON r.oid = g.grantee
$$;
"""  # noqa: S608 - constants

_TABLES = f"""
CREATE FUNCTION {SCHEMA}.tables() RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_object(
    'oid', c.oid::bigint, 'name', {SCHEMA}.name_of(c.oid), 'kind', c.relkind::text, 'file', c.relfilenode::bigint,
    'secured', c.relrowsecurity,
    'grants', {SCHEMA}.grants_of(coalesce(c.relacl, acldefault('r', c.relowner)), '') || (
      SELECT coalesce(jsonb_agg(g.value), '[]') FROM pg_attribute a, jsonb_array_elements({SCHEMA}.grants_of(a.attacl, ' ' || a.attname)) g
      WHERE a.attrelid = c.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped),
    'reads', (
      SELECT coalesce(jsonb_agg(DISTINCT d.refobjid::bigint), '[]') FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass
        AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> c.oid
      WHERE w.ev_class = c.oid AND c.relkind IN ('v', 'm')),
    'writable', c.relkind <> 'v' OR pg_relation_is_updatable(c.oid, true) & 28 = 28,
    'instead', (
      SELECT coalesce(jsonb_agg(w.rulename ORDER BY w.rulename), '[]') FROM pg_rewrite w
      WHERE w.ev_class = c.oid AND w.is_instead AND w.rulename <> '_RETURN'),
    'parent', (SELECT h.inhparent::bigint FROM pg_inherits h WHERE h.inhrelid = c.oid AND c.relispartition),
    'definition', CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END,
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
        'columns', coalesce(to_jsonb(k.conkey), '[]'), 'definition', pg_get_constraintdef(k.oid)) ORDER BY k.oid), '[]')
      FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')),
    'indexes', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'oid', i.indexrelid::bigint, 'name', x.relname, 'unique', i.indisunique, 'valid', i.indisvalid, 'kind', x.relkind::text,
        'file', x.relfilenode::bigint,
        'columns', (SELECT jsonb_agg(n ORDER BY n) FROM unnest(i.indkey::int[]) n), 'condition', pg_get_expr(i.indpred, i.indrelid)
      ) ORDER BY i.indexrelid), '[]')
      FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid WHERE i.indrelid = c.oid),
    'triggers', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'oid', t.oid::bigint, 'name', t.tgname, 'active', t.tgenabled <> 'D', 'definition', pg_get_triggerdef(t.oid)) ORDER BY t.oid), '[]')
      FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgname NOT LIKE 'slipway\\_%'),
    'policies', (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'oid', p.oid::bigint, 'name', p.polname, 'permissive', p.polpermissive, 'command', p.polcmd::text,
        'condition', pg_get_expr(p.polqual, p.polrelid), 'writes', pg_get_expr(p.polwithcheck, p.polrelid),
        'roles', (SELECT jsonb_agg(r::regrole::text ORDER BY 1) FROM unnest(p.polroles) r)) ORDER BY p.oid), '[]')
      FROM pg_policy p WHERE p.polrelid = c.oid)
    ) ORDER BY c.oid), '[]')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT {SCHEMA}.is_ours(n.nspname)
    AND NOT EXISTS (SELECT FROM {SCHEMA}.version_tables v WHERE v.relation = c.oid)
    AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
$$;
"""  # noqa: S608 - constants

# What an extension brought is the extension's, not the app's.
_OBJECTS = f"""
CREATE FUNCTION {SCHEMA}.objects() RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
  SELECT coalesce(jsonb_agg(to_jsonb(o) ORDER BY o.kind, o.oid), '[]') FROM (
    SELECT p.oid::bigint, CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END AS kind,
      CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || p.proname AS name,
      pg_get_function_identity_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result,
      p.pronargs - p.pronargdefaults AS needed, ARRAY(SELECT format_type(t, NULL) FROM unnest(p.proargtypes) t) AS labels
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE NOT {SCHEMA}.is_ours(n.nspname)
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
    UNION ALL
    SELECT t.oid::bigint, CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'type' END,
      CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || t.typname, NULL, NULL, 0,
      ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder)
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE NOT {SCHEMA}.is_ours(n.nspname) AND (t.typtype IN ('e', 'd') OR t.typtype = 'c' AND c.relkind = 'c')
      AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_type'::regclass AND e.objid = t.oid AND e.deptype = 'e')
    UNION ALL
    SELECT c.oid::bigint, 'sequence', {SCHEMA}.name_of(c.oid), NULL, NULL, 0, ARRAY[]::text[]
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND NOT {SCHEMA}.is_ours(n.nspname)
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
    UNION ALL
    SELECT n.oid::bigint, 'schema', n.nspname, NULL, NULL, 0, ARRAY[]::text[] FROM pg_namespace n
    WHERE NOT {SCHEMA}.is_ours(n.nspname)
    UNION ALL
    SELECT e.oid::bigint, 'extension', e.extname, NULL, NULL, 0, ARRAY[]::text[] FROM pg_extension e WHERE e.extname <> 'plpgsql'
  ) o
$$;

CREATE FUNCTION {SCHEMA}.catalogue() RETURNS TABLE (what text, value jsonb) LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT 'table ' || (t ->> 'oid'), t FROM jsonb_array_elements({SCHEMA}.tables()) t
  UNION ALL SELECT concat_ws(' ', o ->> 'kind', o ->> 'oid'), o FROM jsonb_array_elements({SCHEMA}.objects()) o
$$;
"""  # noqa: S608 - constants

CATALOGUE = f"{_NAMES}{_TABLES}{_OBJECTS}"
