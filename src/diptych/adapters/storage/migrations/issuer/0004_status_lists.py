"""Status lists as they are published, which index belongs to which order, and how orders stand."""

import sqlalchemy as sa
from alembic import op

revision = "issuer_0004"
down_revision = "issuer_0003"


def upgrade() -> None:
    """Create the tables of `adapters/storage/issuer_status.py`."""
    op.create_table(
        "status_lists",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("cwt", sa.LargeBinary, nullable=False),
        sa.Column("jwt", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "status_entries",
        sa.Column("list_number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("order_id", sa.LargeBinary, index=True),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "order_standings",
        sa.Column("order_id", sa.LargeBinary, primary_key=True),
        sa.Column("standing", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("said_at", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("counter", sa.Integer),
        sa.Column("is_in_force", sa.Boolean, nullable=False),
    )
