"""How far the registry has come in public: one row, by which a database that is put back is known to be old."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table and its row, which says that nothing was recorded yet."""
    table = op.create_table(
        "public_state",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("is_recorded", sa.Boolean, nullable=False),
        sa.Column("log", sa.Text, nullable=False),
        sa.Column("seen", sa.BigInteger, nullable=False),
        sa.Column("is_restored", sa.Boolean, nullable=False),
    )
    row = {"number": 1, "counter": 0, "day": "0001-01-01", "is_recorded": True}
    op.bulk_insert(table, [row | {"log": "", "seen": 0, "is_restored": False}])
