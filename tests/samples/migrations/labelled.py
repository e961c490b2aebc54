"""Migrations in the styles that people write, each labelled by hand: must it be stopped, and by which rule, or may it run.

A case is revisions after `base.py` (each the body of `upgrade`), and what is special about the customer. `stop` is the
rule that must block, or '' for a migration that is safe.
"""

from typing import Any, NamedTuple


class Case(NamedTuple):
    """One labelled migration."""

    name: str
    stop: str
    upgrades: tuple[str, ...]
    customer: dict[str, Any] = {}
    metadata: str = ""
    data: str = ""
    separate: bool = False
    deployed: tuple[str, ...] = ()
    accept: dict[str, str] = {}


def case(name: str, stop: str, *upgrades: str, **more: Any) -> Case:
    """A case, its revisions one after the other."""
    return Case(name, stop, upgrades, **more)


CONCURRENTLY = 'with op.get_context().autocommit_block():\n    op.create_index("orders_note", "orders", ["note"], postgresql_concurrently=True)'
OLD_CODE = """
from sqlalchemy import *
metadata = MetaData()
Table("customers", metadata, Column("id", Integer, primary_key=True), Column("email", String(120), nullable=False, unique=True),
    Column("name", String(50)), Column("country", String(2), nullable=False, server_default="NO"))
Table("orders", metadata, Column("id", Integer, primary_key=True), Column("customer_id", Integer, nullable=False),
    Column("note", String(50)), Column("state", Enum("open", "paid", "sent", name="order_state"), nullable=False, server_default="open"),
    Column("total", Numeric(8, 2), nullable=False, default=0), Column("created_at", DateTime, server_default=func.now()))
"""
FEW = {"rows": {"orders": 40, "customers": 12, "settings": 8, "order_lines": 90}}
MANY = {"rows": {"orders": 12_000_000, "customers": 300_000, "settings": 8}}

CASES = (
    # compatibility
    case("drop column", "drop_column", 'op.drop_column("orders", "legacy")'),
    case("drop column in a loop of raw SQL", "drop_column", 'for c in ("note", "legacy"):\n    op.execute(f"ALTER TABLE orders DROP COLUMN {c} CASCADE")'),
    case("drop column by batch", "drop_column", 'with op.batch_alter_table("customers") as b:\n    b.drop_column("country")', metadata=OLD_CODE),
    case("drop column that no code maps", "", 'op.drop_column("orders", "extra")', metadata=OLD_CODE),
    case("drop column in a DO block", "drop_column", "op.execute(\"DO $$ BEGIN EXECUTE 'ALTER TABLE customers DROP COLUMN name'; END $$\")"),
    case("drop column that this release adds", "", 'op.add_column("orders", sa.Column("x", sa.Text))', 'op.drop_column("orders", "x")'),
    case("drop table by helper", "drop_table", 'def gone(t):\n    op.drop_table(t)\ngone("settings")'),
    case("drop table of this release", "", 'op.create_table("tmp", sa.Column("id", sa.Integer))', 'op.drop_table("tmp")'),
    case("drop table if it exists, and it does not", "", 'op.execute("DROP TABLE IF EXISTS nothing_like_it")'),
    case("rename table", "rename_table", 'op.rename_table("settings", "options")'),
    case("rename table, leave a view", "", 'op.rename_table("settings", "options")\nop.execute("CREATE VIEW settings AS SELECT * FROM options")'),
    case("rename table, leave a view without a column", "rename_table",
         'op.rename_table("settings", "options")\nop.execute("CREATE VIEW settings AS SELECT key FROM options")'),
    case("rename there and back", "", 'op.rename_table("settings", "options")', 'op.rename_table("options", "settings")'),
    case("rename column", "rename_column", 'op.alter_column("orders", "note", new_column_name="remark")'),
    case("rename column that no code maps", "", 'op.alter_column("orders", "extra", new_column_name="older")', metadata=OLD_CODE),
    case("required column", "add_required_column", 'op.add_column("orders", sa.Column("weight", sa.Integer, nullable=False))'),
    case("required column in two steps", "add_required_column", 'op.add_column("orders", sa.Column("weight", sa.Integer))',
         'op.alter_column("orders", "weight", nullable=False)'),
    case("required column, default dropped again", "add_required_column",
         'op.add_column("orders", sa.Column("weight", sa.Integer, nullable=False, server_default="1"))\nop.alter_column("orders", "weight", server_default=None)'),
    case("required column with a default", "", 'op.add_column("orders", sa.Column("weight", sa.Integer, nullable=False, server_default="1"))'),
    case("nullable column", "", 'op.add_column("orders", sa.Column("weight", sa.Integer))'),
    case("columns, several statements in one execute", "", 'op.execute("ALTER TABLE orders ADD a int; ALTER TABLE orders ADD b text; COMMENT ON COLUMN orders.a IS \'x\'")'),
    case("column only if it is not there", "",
         'found = [c["name"] for c in sa.inspect(op.get_bind()).get_columns("orders")]\nif "weight" not in found:\n    op.add_column("orders", sa.Column("weight", sa.Integer))'),
    case("NOT NULL on a small table that old code fills", "", 'op.alter_column("orders", "customer_id", nullable=False)', metadata=OLD_CODE, customer=FEW),
    case("NOT NULL on a small table that old code leaves empty", "set_not_null", 'op.alter_column("orders", "note", nullable=False)', metadata=OLD_CODE, customer=FEW),
    case("CHECK of NOT NULL that old code does not obey", "forbid_null",
         'op.execute("ALTER TABLE orders ADD CONSTRAINT c CHECK (note IS NOT NULL) NOT VALID")', metadata=OLD_CODE),
    case("default dropped that old code leaves to the server", "drop_default", 'op.alter_column("customers", "country", server_default=None)', metadata=OLD_CODE),
    case("default dropped that old code never needed", "", 'op.alter_column("orders", "total", server_default=None)', metadata=OLD_CODE),
    case("default changed", "", 'op.alter_column("customers", "country", server_default="SE")'),
    case("text to number", "type_change", 'op.execute("ALTER TABLE settings ALTER value TYPE int USING value::int")', customer=FEW),
    case("naive to aware time", "type_change", 'op.alter_column("orders", "created_at", type_=sa.DateTime(timezone=True))', customer=FEW),
    case("longer varchar", "", 'op.alter_column("customers", "name", type_=sa.String(200))'),
    case("shorter varchar", "type_change", 'op.alter_column("customers", "name", type_=sa.String(20))', customer=FEW),
    case("varchar to text in raw SQL", "", 'op.get_bind().exec_driver_sql("ALTER TABLE customers ALTER COLUMN name TYPE text")'),
    case("wider numeric", "", 'op.alter_column("order_lines", "weight", type_=sa.Numeric(12, 2))'),
    case("enum value added", "", "with op.get_context().autocommit_block():\n    op.execute(\"ALTER TYPE order_state ADD VALUE 'lost'\")"),
    case("enum value renamed", "enum_value_gone", "op.execute(\"ALTER TYPE order_state RENAME VALUE 'paid' TO 'settled'\")"),
    case("enum value added and used at once", "upgrade_fails",
         "op.execute(\"ALTER TYPE order_state ADD VALUE 'lost'\")\nop.execute(\"ALTER TABLE orders ALTER state SET DEFAULT 'lost'\")"),
    case("identity always", "generated_always", 'op.execute("CREATE SEQUENCE s; ALTER TABLE customers ALTER id DROP DEFAULT; ALTER TABLE customers ALTER id ADD GENERATED ALWAYS AS IDENTITY")', customer=FEW),
    case("view dropped", "drop_table", 'op.execute("DROP VIEW open_orders")'),
    case("view made anew with one column more", "", 'op.execute("DROP VIEW open_orders; CREATE VIEW open_orders AS SELECT id, note, total FROM orders WHERE state = \'open\'")'),
    case("view made anew without a column", "drop_column", 'op.execute("DROP VIEW open_orders; CREATE VIEW open_orders AS SELECT id FROM orders")'),
    case("function replaced", "", "op.execute(\"CREATE OR REPLACE FUNCTION slug(t text) RETURNS text LANGUAGE sql AS 'SELECT upper(t)'\")"),
    case("function dropped", "drop_object", 'op.execute("DROP FUNCTION slug(text)")'),
    case("function wants one argument more", "drop_object",
         "op.execute(\"DROP FUNCTION slug(text); CREATE FUNCTION slug(t text, n int) RETURNS text LANGUAGE sql AS 'SELECT t'\")"),
    case("trigger dropped", "drop_trigger", 'op.execute("DROP TRIGGER orders_touch ON orders")'),
    case("unique constraint dropped that code names", "drop_unique", 'op.drop_constraint("customers_email", "customers")', metadata=OLD_CODE),
    case("foreign key dropped", "", 'op.drop_constraint("order_lines_order_id_fkey", "order_lines")'),
    case("table emptied", "rows_lost", 'op.execute("TRUNCATE settings")', customer=FEW),
    case("row security", "row_security", 'op.execute("ALTER TABLE orders ENABLE ROW LEVEL SECURITY")'),
    case("partition detached", "detach_partition", 'op.execute("ALTER TABLE visits DETACH PARTITION visits_2025")'),
    case("accepted drop", "", 'op.drop_column("orders", "extra")', accept={"drop_column": "orders.extra unused since 1f3a9c2"}),
    case("index of a table of this release", "", 'op.create_table("parcels", sa.Column("id", sa.Integer, primary_key=True), sa.Column("code", sa.Text, index=True))'),
    # locks and rewrites
    case("index", "index_not_concurrent", 'op.create_index("orders_note", "orders", ["note"])'),
    case("index on a table with few rows", "", 'op.create_index("orders_note", "orders", ["note"])', customer=FEW),
    case("index on a table with many rows", "index_not_concurrent", 'op.create_index("orders_note", "orders", ["note"])', customer=MANY),
    case("index by Table construct", "index_not_concurrent", 't = sa.Table("orders", sa.MetaData(), autoload_with=op.get_bind())\nsa.Index("orders_total", t.c.total).create(op.get_bind())'),
    case("index concurrently", "", CONCURRENTLY),
    case("index concurrently in a transaction", "upgrade_fails", 'op.execute("CREATE INDEX CONCURRENTLY x ON orders (note)")'),
    case("index on only the parent of partitions", "", 'op.execute("CREATE INDEX visits_page ON ONLY visits (page)")'),
    case("index on the parent of partitions", "index_not_concurrent", 'op.execute("CREATE INDEX visits_page ON visits (page)")'),
    case("index dropped", "drop_index_not_concurrent", 'op.drop_index("orders_created_at")'),
    case("index dropped concurrently", "", 'with op.get_context().autocommit_block():\n    op.drop_index("orders_created_at", postgresql_concurrently=True)'),
    case("unique constraint", "unique_constraint_builds_index", 'op.create_unique_constraint("u", "orders", ["note"])'),
    case("unique constraint using an index", "", 'with op.get_context().autocommit_block():\n    op.execute("CREATE UNIQUE INDEX CONCURRENTLY u ON orders (note)")\n'
         'op.execute("ALTER TABLE orders ADD CONSTRAINT u UNIQUE USING INDEX u")'),
    case("foreign key", "fk_validating", 'op.create_foreign_key("f", "orders", "customers", ["customer_id"], ["id"])'),
    case("foreign key of a new column", "fk_validating", 'op.add_column("orders", sa.Column("c2", sa.Integer, sa.ForeignKey("customers.id")))'),
    case("foreign key not valid, validated on its own", "", 'op.create_foreign_key("f", "orders", "customers", ["customer_id"], ["id"], postgresql_not_valid=True)',
         'op.execute("ALTER TABLE orders VALIDATE CONSTRAINT f")', separate=True),
    case("foreign key not valid, validated in the same transaction", "fk_validating",
         'op.create_foreign_key("f", "orders", "customers", ["customer_id"], ["id"], postgresql_not_valid=True)', 'op.execute("ALTER TABLE orders VALIDATE CONSTRAINT f")'),
    case("foreign key of a new table", "", 'op.create_table("parcels", sa.Column("id", sa.Integer, primary_key=True), sa.Column("order_id", sa.Integer, sa.ForeignKey("orders.id")))'),
    case("check", "check_validating", 'op.create_check_constraint("positive", "orders", "total >= 0")'),
    case("check not valid", "", 'op.create_check_constraint("positive", "orders", "total >= 0", postgresql_not_valid=True)'),
    case("check inline in a new column", "check_validating", 'op.execute("ALTER TABLE orders ADD COLUMN size int CHECK (size > 0)")'),
    case("NOT NULL", "set_not_null_scan", 'op.alter_column("orders", "customer_id", nullable=False)', metadata=OLD_CODE),
    case("NOT NULL proven by a check", "", 'op.execute("ALTER TABLE orders ADD CONSTRAINT c CHECK (customer_id IS NOT NULL) NOT VALID")',
         'op.execute("ALTER TABLE orders VALIDATE CONSTRAINT c")', 'op.alter_column("orders", "customer_id", nullable=False)\nop.drop_constraint("c", "orders")',
         metadata=OLD_CODE, separate=True),
    case("int to bigint", "table_rewrite", 'op.alter_column("order_lines", "quantity", type_=sa.BigInteger)'),
    case("random default", "table_rewrite", 'op.execute("ALTER TABLE orders ADD COLUMN token uuid DEFAULT gen_random_uuid()")'),
    case("now as default", "", 'op.add_column("orders", sa.Column("seen", sa.DateTime, server_default=sa.func.now()))'),
    case("stored column", "table_rewrite", 'op.execute("ALTER TABLE orders ADD COLUMN gross numeric GENERATED ALWAYS AS (total * 1.25) STORED")'),
    case("cluster", "table_rewrite", 'op.execute("CLUSTER orders USING orders_created_at")'),
    case("backfill in the transaction that added the column", "backfill_under_lock", 'op.add_column("orders", sa.Column("size", sa.Integer))\nop.execute("UPDATE orders SET size = 1")'),
    case("backfill in the next revision of the same transaction", "backfill_under_lock", 'op.add_column("orders", sa.Column("size", sa.Integer))',
         'orders = sa.table("orders", sa.column("size"))\nop.execute(orders.update().values(size=1))'),
    case("backfill of many rows at once", "unbatched_backfill", 'op.execute("UPDATE orders SET note = lower(note)")', customer=MANY),
    case("backfill of few rows", "", 'op.execute("UPDATE settings SET value = lower(value)")', customer=FEW),
    case("backfill in batches", "",
         'with op.get_context().autocommit_block():\n    while op.get_bind().execute(sa.text("UPDATE orders SET note = \'\' WHERE id IN (SELECT id FROM orders WHERE note IS NULL LIMIT 1000)")).rowcount:\n        pass'),
    case("one row by key", "", "op.execute(\"UPDATE settings SET value = 'x' WHERE key = 'theme'\")"),
    case("rows of a new lookup table", "", 't = op.create_table("kinds", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))\n'
         'op.bulk_insert(t, [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}])\nop.add_column("orders", sa.Column("kind_id", sa.Integer))'),
    case("copy under the lock of a foreign key", "backfill_under_lock",
         'op.create_table("parcels", sa.Column("id", sa.Integer, primary_key=True), sa.Column("order_id", sa.Integer, sa.ForeignKey("orders.id")))\n'
         'op.execute("INSERT INTO parcels (order_id) SELECT id FROM orders")'),
    case("explicit lock", "explicit_lock", 'op.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")'),
    case("materialized view refreshed", "matview_refresh_blocking", 'op.execute("REFRESH MATERIALIZED VIEW totals")'),
    case("materialized view refreshed concurrently", "", 'op.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY totals")'),
    case("partition with a default partition that may hold rows", "scan_under_lock", "op.execute(\"CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')\")"),
    # data and graph
    case("unique index over duplicates", "upgrade_fails", CONCURRENTLY.replace('["note"]', '["note"], unique=True'), data="INSERT INTO orders (id, note) VALUES (1, 'a'), (2, 'a')"),
    case("unique index without duplicates", "", CONCURRENTLY.replace('["note"]', '["note"], unique=True'), data="INSERT INTO orders (id, note) VALUES (1, 'a'), (2, 'b')"),
    case("invalid index taken for the real one", "invalid_index_masked", 'with op.get_context().autocommit_block():\n    op.execute("CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_note ON orders (note)")',
         data="INSERT INTO orders (id, note) VALUES (1, 'a'), (2, 'a');; CREATE UNIQUE INDEX CONCURRENTLY orders_note ON orders (note)"),
    case("revision that fails", "upgrade_fails", 'op.execute("ALTER TABLE nothing ADD x int")'),
    case("deployed revision edited", "revision_edited", "op.execute('SELECT 1')", deployed=("SELECT 2",)),
    case("deployed revision only reformatted", "", "op.execute('SELECT 1')", deployed=("SELECT 1",)),
    # what a review by other eyes found
    case("table dropped and made anew", "drop_table", 'op.drop_table("settings")\nop.execute("CREATE TABLE settings (key text PRIMARY KEY, value text)")'),
    case("table swapped for a copy", "rename_table", 'op.execute("CREATE TABLE s2 (LIKE settings INCLUDING ALL); INSERT INTO s2 SELECT * FROM settings")\n'
         'op.rename_table("settings", "s1")\nop.rename_table("s2", "settings")', customer=FEW),
    case("view of another table under the old name", "drop_table",
         'op.drop_table("settings")\nop.execute("CREATE TABLE s2 (key text, value text); CREATE VIEW settings AS SELECT * FROM s2")'),
    case("view under the old name that cannot be written", "rename_table",
         'op.rename_table("settings", "s2")\nop.execute("CREATE VIEW settings AS SELECT DISTINCT * FROM s2")'),
    case("batches in one transaction", "unbatched_backfill",
         'last = op.get_bind().execute(sa.text("SELECT max(id) FROM orders")).scalar() or 0\nfor start in range(0, last + 1, 1000):\n'
         '    op.get_bind().execute(sa.text("UPDATE orders SET note = \'\' WHERE id >= :a AND id < :b"), {"a": start, "b": start + 1000})', customer=MANY),
    case("batches in a procedure that commits", "", """op.execute('''CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ DECLARE n int := 1; BEGIN WHILE n > 0 LOOP
UPDATE orders SET note = 'x' WHERE id IN (SELECT id FROM orders WHERE note IS NULL LIMIT 1000); GET DIAGNOSTICS n = ROW_COUNT; COMMIT; END LOOP; END $$''')
with op.get_context().autocommit_block():
    op.execute("CALL fill()")
op.execute("DROP PROCEDURE fill")""", customer=MANY),
    case("rows read by the client under a lock", "backfill_under_lock",
         'op.add_column("orders", sa.Column("x", sa.Text))\nop.get_bind().execute(sa.text("SELECT id, note FROM orders")).fetchall()'),
    case("a small table read under the short lock of a large one", "",
         'op.add_column("orders", sa.Column("x", sa.Text))\nop.get_bind().execute(sa.text("SELECT * FROM settings")).fetchall()', customer=MANY),
    case("trigger made anew for fewer events", "drop_trigger", 'op.execute("DROP TRIGGER orders_touch ON orders; '
         'CREATE TRIGGER orders_touch BEFORE UPDATE OF note ON orders FOR EACH ROW EXECUTE FUNCTION touch()")'),
    case("column that a trigger fills", "old_insert_fails", 'op.drop_column("orders", "legacy")', metadata=OLD_CODE),
    case("rule that swallows writes", "instead_rule", 'op.execute("CREATE RULE r AS ON INSERT TO settings DO INSTEAD NOTHING")'),
    case("unique column with a constant default", "old_insert_fails",
         'op.add_column("settings", sa.Column("slot", sa.Integer, server_default="1"))\nop.create_unique_constraint("u", "settings", ["slot"])', customer=FEW),
    case("check over new columns that old rows cannot obey", "old_insert_fails",
         'op.execute("ALTER TABLE settings ADD a text, ADD b text, ADD CONSTRAINT k CHECK (num_nonnulls(a, b) = 1) NOT VALID")', customer=FEW),
    case("longer varchar under a unique constraint", "", 'op.alter_column("customers", "email", type_=sa.String(200))'),
    case("value that the old Enum does not know", "value_unknown", "op.execute(\"UPDATE orders SET note = 'c' WHERE id = 1\")",
         metadata=OLD_CODE.replace('Column("note", String(50))', 'Column("note", Enum("a", "b", native_enum=False))'), data="INSERT INTO orders (id, note) VALUES (1, 'a')"),
    case("one row more in a small table", "", "op.execute(\"INSERT INTO settings VALUES ('theme', 'dark') ON CONFLICT DO NOTHING\")"),
    case("comment and statistics", "", 'op.execute("COMMENT ON TABLE orders IS \'x\'; ALTER TABLE orders ALTER note SET STATISTICS 500")'),
    case("foreign key made anew, not valid", "", 'op.drop_constraint("order_lines_order_id_fkey", "order_lines")\n'
         'op.create_foreign_key("f", "order_lines", "orders", ["order_id"], ["id"], postgresql_not_valid=True)'),
    case("column renamed there and back", "", 'op.execute("DROP VIEW open_orders")\nop.alter_column("customers", "name", new_column_name="n2")\n'
         'op.execute("CREATE VIEW open_orders AS SELECT id, note FROM orders WHERE state = \'open\'")', 'op.alter_column("customers", "n2", new_column_name="name")'),
    case("index made and dropped while pending", "",
         'with op.get_context().autocommit_block():\n    op.create_index("i", "orders", ["note"], postgresql_concurrently=True)',
         'with op.get_context().autocommit_block():\n    op.drop_index("i", postgresql_concurrently=True)'),
    case("rights for everyone", "", 'op.execute("GRANT SELECT ON orders TO PUBLIC")'),
    case("view made writable by a trigger", "", 'op.execute("CREATE VIEW names AS SELECT DISTINCT name FROM customers")'),
    case("loop over rows that an empty table does not have", "unbatched_backfill",
         'bind = op.get_bind()\nfor row in bind.execute(sa.text("SELECT id, note FROM orders")).fetchall():\n'
         '    bind.execute(sa.text("UPDATE orders SET note = :n WHERE id = :i"), {"n": (row.note or "").strip(), "i": row.id})'),
    case("backfill by the ORM's Session", "unbatched_backfill",
         'from sqlalchemy.orm import Session, declarative_base\nBase = declarative_base()\nclass Order(Base):\n    __tablename__ = "orders"\n'
         '    id = sa.Column(sa.Integer, primary_key=True)\n    note = sa.Column(sa.Text)\n'
         'session = Session(bind=op.get_bind())\nfor order in session.query(Order):\n    order.note = "x" + (order.note or "")\nsession.flush()'),
    case("loop over the rows of a small table", "",
         'bind = op.get_bind()\nfor row in bind.execute(sa.text("SELECT key, value FROM settings")).fetchall():\n'
         '    bind.execute(sa.text("UPDATE settings SET value = :v WHERE key = :k"), {"v": row.value, "k": row.key})', customer=FEW),
    case("look before, as some are careful", "", 'if not op.get_bind().execute(sa.text("SELECT count(*) FROM settings")).scalar():\n'
         '    op.execute("INSERT INTO settings VALUES (\'a\', \'b\')")'),
    case("backfill where an index hides that all rows change", "unbatched_backfill", 'op.execute("UPDATE orders SET note = \'x\' WHERE created_at IS NOT NULL")'),
)
