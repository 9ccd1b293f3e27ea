"""What was signed by the fast suite: a commitment and a revocation id for each order and type."""

import sqlalchemy as sa
from alembic import op

revision = "issuer_0003"
down_revision = "issuer_0002"


def upgrade() -> None:
    """Create the table. It outlives its orders: a credential is valid for longer than it can be renewed."""
    op.create_table(
        "enrolments",
        sa.Column("order_id", sa.LargeBinary, primary_key=True),
        sa.Column("type_id", sa.Text, primary_key=True),
        sa.Column("commitment", sa.LargeBinary, nullable=False),
        sa.Column("revocation_id", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("valid_until", sa.BigInteger, nullable=False, index=True),
        sa.Column("is_revoked", sa.Boolean, nullable=False),
    )
