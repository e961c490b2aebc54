"""What every case stands on: an app that has been running for years."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(120), nullable=False),
        sa.Column("name", sa.String(50)),
        sa.Column("country", sa.String(2), server_default="NO", nullable=False),
        sa.UniqueConstraint("email", name="customers_email"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("customer_id", sa.Integer),
        sa.Column("note", sa.String(50)),
        sa.Column("state", sa.Enum("open", "paid", "sent", name="order_state"), nullable=False, server_default="open"),
        sa.Column("total", sa.Numeric(8, 2), nullable=False, server_default="0"),
        sa.Column("created_at", sa.DateTime, server_default=sa.func.now()),
        sa.Column("legacy", sa.Text),
        sa.Column("extra", sa.Text),
    )
    op.create_index("orders_created_at", "orders", ["created_at"])
    op.create_table(
        "order_lines",
        sa.Column("id", sa.BigInteger, primary_key=True),
        sa.Column("order_id", sa.Integer, sa.ForeignKey("orders.id"), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("weight", sa.Numeric(8, 2)),
    )
    op.create_table("settings", sa.Column("key", sa.Text, primary_key=True), sa.Column("value", sa.Text))
    op.execute("CREATE VIEW open_orders AS SELECT id, note FROM orders WHERE state = 'open'")
    op.execute("CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id")
    op.execute("CREATE UNIQUE INDEX totals_customer ON totals (customer_id)")
    op.execute("CREATE FUNCTION slug(t text) RETURNS text LANGUAGE sql AS 'SELECT lower(t)'")
    op.execute("CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.legacy = NEW.note; RETURN NEW; END'")
    op.execute("CREATE TRIGGER orders_touch BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION touch()")
    op.execute("CREATE TABLE visits (day date NOT NULL, page text) PARTITION BY RANGE (day)")
    op.execute("CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')")
    op.execute("CREATE TABLE visits_rest PARTITION OF visits DEFAULT")


def downgrade() -> None:
    op.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
