"""What holders may ask for: the acts of standings, sealed, by the hash of what each is asked with."""

import sqlalchemy as sa
from alembic import op

revision = "issuer_0006"
down_revision = "issuer_0005"


def upgrade() -> None:
    """Create the table of `adapters/storage/issuer_status.py`."""
    op.create_table(
        "told_standings",
        sa.Column("asked_by", sa.LargeBinary, primary_key=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False, index=True),
    )
