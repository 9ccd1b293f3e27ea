"""Presentations until their verdict, and verdicts: an id, a policy, a verdict, a time."""

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
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("nonce", sa.Text),
        sa.Column("response_state", sa.Text),
        sa.Column("key", sa.LargeBinary),
        sa.Column("return_uri", sa.Text),
        # A verdict takes its presentation's place; one that expired has no session any more.
        sa.CheckConstraint("(nonce IS NULL) = (response_state IS NULL) AND (nonce IS NULL) = (key IS NULL)"),
        sa.CheckConstraint("state IN ('asked', 'fetched', 'answered', 'expired')"),
        sa.CheckConstraint("(state = 'expired') = (key IS NULL)"),
    )
    op.create_table(
        "verdict",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("policy", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
    )
