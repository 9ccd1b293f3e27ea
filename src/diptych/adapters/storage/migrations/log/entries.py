"""Entries in their order, and the one row of the checkpoint that was signed last."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "entry",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False
        ),
        sa.Column("key", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("act", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("position >= 0"),
    )
    op.create_table(
        "signed",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("id = 1"),
        sa.CheckConstraint("size >= 0"),
    )
