"""Changes of the trustee set, and the envelopes of shares that a newcomer took."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("records", sa.Column("envelope", sa.LargeBinary))
    op.create_table(
        "changes",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("encoded", sa.LargeBinary, nullable=False),
        sa.Column("consent", sa.Text, nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("seed", sa.LargeBinary, nullable=False),
        sa.Column("recipient", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
    )
