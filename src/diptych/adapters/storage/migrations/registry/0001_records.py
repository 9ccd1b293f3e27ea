"""The registry's memory: sealed records and tags, acts and their deliveries, requests, and what a holder keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "officers",
        sa.Column("fingerprint", sa.LargeBinary, primary_key=True),
        sa.Column("certificate", sa.LargeBinary, nullable=False),
        sa.Column("certified_at", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "revocations",
        sa.Column("fingerprint", sa.LargeBinary, primary_key=True),
        sa.Column("revocation", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "kept_checkpoint",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("time", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "attested",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("attestation", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("request", sa.LargeBinary, primary_key=True),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "counts",
        sa.Column("what", sa.Text, primary_key=True),
        sa.Column("officer", sa.LargeBinary, primary_key=True),  # empty: the whole agency
        sa.Column("day", sa.Integer, primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deferrals",
        sa.Column("request", sa.LargeBinary, primary_key=True),
        sa.Column("record_id", sa.LargeBinary, nullable=False),
        sa.Column("entry_hash", sa.LargeBinary, nullable=False),
        sa.Column("disclose_on", sa.Integer, nullable=False),
    )
    op.create_table(
        "reviews",
        sa.Column("request", sa.LargeBinary, primary_key=True),
        sa.Column("review", sa.Text, nullable=False),
        sa.Column("officer", sa.LargeBinary, nullable=False),
        sa.Column("record_id", sa.LargeBinary, nullable=False),
        sa.Column("legal_basis", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("case_reference", sa.Text, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "records",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("record_hash", sa.LargeBinary, nullable=False),
        sa.Column("encoded", sa.LargeBinary, nullable=False),
        sa.Column("document_type", sa.Text, nullable=False),
        sa.Column("act_id", sa.LargeBinary, nullable=False),
        sa.Column("next_counter", sa.BigInteger, nullable=False),
        sa.Column("next_element", sa.LargeBinary, nullable=False),
        sa.Column("seen_counter", sa.BigInteger, nullable=False),
        sa.Column("seen_element", sa.LargeBinary, nullable=False),
        sa.Column("is_erased", sa.Boolean, nullable=False),
    )
    op.create_table(
        "tags",
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("tag", sa.LargeBinary, primary_key=True),
        sa.Column("record_id", sa.LargeBinary, primary_key=True, index=True),
    )
    op.create_table(
        "acts",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("act_id", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("record_id", sa.LargeBinary),
        sa.Column("label", sa.LargeBinary, nullable=False, index=True),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("act", sa.LargeBinary),
        sa.Column("salt", sa.LargeBinary),
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("receipt", sa.LargeBinary),
        sa.Column("is_recorded", sa.Boolean, nullable=False, index=True),
    )
    op.create_table(
        "deliveries",
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("act_id", sa.LargeBinary, nullable=False),
        sa.Column("holder", sa.Integer, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("act_id", "holder"),
    )
    op.create_table(
        "requests",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("record_id", sa.LargeBinary, nullable=False),
        sa.Column("encoded", sa.LargeBinary, nullable=False),
        sa.Column("act_id", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
        sa.Column("disclose_on", sa.Integer, index=True),
        sa.Column("outcome_act", sa.LargeBinary),
        sa.Column("disclosed_act", sa.LargeBinary),
    )
    op.create_table(
        "hits",
        sa.Column("nonce", sa.LargeBinary, primary_key=True),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("matches", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "trustee_set",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("trustee_set", sa.LargeBinary, nullable=False),
        sa.Column("encoded", sa.LargeBinary, nullable=False),
        sa.Column("act_id", sa.LargeBinary, nullable=False),
    )
