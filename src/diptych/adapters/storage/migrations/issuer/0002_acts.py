"""What was done about an order and stands, or shall stand, in the public log; batches whose answer may be lost."""

import sqlalchemy as sa
from alembic import op

revision = "issuer_0002"
down_revision = "issuer_0001"


def upgrade() -> None:
    """Create the tables and columns of `adapters/storage/issuer.py`."""
    op.add_column("orders", sa.Column("chain", sa.LargeBinary))
    op.add_column("orders", sa.Column("chain_counter", sa.BigInteger))
    op.create_table(
        "acts",
        sa.Column("order_id", sa.LargeBinary, nullable=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("is_recorded", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "counter"),
    )
    op.create_index(
        "acts_waiting",
        "acts",
        ["order_id"],
        sqlite_where=sa.text("is_recorded IS 0"),
        postgresql_where=sa.text("is_recorded IS false"),
    )
    op.create_table(
        "batches",
        sa.Column("order_id", sa.LargeBinary, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "request"),
    )
