"""Orders can be ticked off, and say how many."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("orders", sa.Column("done", sa.Boolean, server_default="false", nullable=False))
    op.add_column("orders", sa.Column("quantity", sa.Integer, server_default="1", nullable=False))


def downgrade() -> None:
    op.drop_column("orders", "quantity")
    op.drop_column("orders", "done")
