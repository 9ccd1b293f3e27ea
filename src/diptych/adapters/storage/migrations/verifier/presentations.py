"""Presentations while they last, and verdicts: an id, a policy, a verdict, a time."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "presentation",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Integer, nullable=False, index=True),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("nonce", sa.Text),
        sa.Column("response_state", sa.Text),
        sa.Column("key", sa.LargeBinary),
        sa.Column("return_uri", sa.Text),
        sa.Column("response_code_hash", sa.LargeBinary),
        # The session is there as a whole, or it is gone; and it is gone once the presentation is over.
        sa.CheckConstraint("(nonce IS NULL) = (response_state IS NULL) AND (nonce IS NULL) = (key IS NULL)"),
        sa.CheckConstraint("(state IN ('accepted', 'refused', 'expired')) = (key IS NULL)"),
    )
    op.create_table(
        "verdict",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("time", sa.Integer, nullable=False),
    )
