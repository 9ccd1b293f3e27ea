"""The last checkpoint that the witness cosigned, one row for each log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "cosigned",
        sa.Column("origin", sa.Text, primary_key=True),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("timestamp", sa.BigInteger, nullable=False),
    )
