"""Changes of the trustee set, who took which spare share, and what trustees to come have to be told.

What holders are still to be told is kept for those to come; what every holder took before is here no longer.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "announcements",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("act_id", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("encoded", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "change_keys",
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("statement", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "channels",
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("channel", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "takers",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("record_hash", sa.LargeBinary, primary_key=True),
        sa.Column("index", sa.Integer, primary_key=True),
    )
    op.execute(
        "INSERT INTO announcements (act_id, message, content)"
        " SELECT DISTINCT act_id, message, content FROM deliveries"
        " WHERE message IN ('officers', 'revocations', 'attestations')"
    )
