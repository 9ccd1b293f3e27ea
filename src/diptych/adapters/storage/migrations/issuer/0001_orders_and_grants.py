"""Sealed orders, hashes of tokens with the keys wrapped under them, values used once, incidents."""

import sqlalchemy as sa
from alembic import op

revision = "issuer_0001"
down_revision = None


def upgrade() -> None:
    """Create the tables of `adapters/storage/issuer.py`."""
    op.create_table(
        "orders",
        sa.Column("order_id", sa.LargeBinary, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("code_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("sealed_full", sa.LargeBinary),
        sa.Column("sealed_renewal", sa.LargeBinary),
        sa.Column("code_wrap_full", sa.LargeBinary),
        sa.Column("code_wrap_renewal", sa.LargeBinary),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("redeemed_by", sa.Text),
        sa.Column("renewable_until", sa.BigInteger),
    )
    op.create_table(
        "access_grants",
        sa.Column("token_hash", sa.LargeBinary, primary_key=True),
        sa.Column("order_id", sa.LargeBinary, sa.ForeignKey("orders.order_id"), nullable=False, index=True),
        sa.Column("jkt", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("refresh_hash", sa.LargeBinary, nullable=False, index=True),
        sa.Column("wrap_full", sa.LargeBinary),
        sa.Column("wrap_renewal", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "refresh_grants",
        sa.Column("token_hash", sa.LargeBinary, primary_key=True),
        sa.Column("order_id", sa.LargeBinary, sa.ForeignKey("orders.order_id"), nullable=False, index=True),
        sa.Column("jkt", sa.Text, nullable=False),
        sa.Column("predecessor", sa.LargeBinary, index=True),
        sa.Column("wrap_renewal", sa.LargeBinary),
    )
    op.create_table(
        "used_once",
        sa.Column("value", sa.LargeBinary, primary_key=True),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "incidents",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("order_id", sa.LargeBinary, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
