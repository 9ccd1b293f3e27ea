"""A trustee's memory: who may act, prekeys, masks that wait and masks that stand, what was answered and counted."""

from typing import Any

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
        "prekeys",
        sa.Column("prekey_id", sa.LargeBinary, primary_key=True),
        sa.Column("officer", sa.LargeBinary, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("expires", sa.BigInteger, nullable=False, index=True),
        sa.Column("seeds", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "deposits",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("record_hash", sa.LargeBinary, primary_key=True),
        *_version(),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("acknowledgement", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "records",
        sa.Column("record_id", sa.LargeBinary, primary_key=True),
        sa.Column("record_hash", sa.LargeBinary, nullable=False),
        *_version(),
        sa.Column("is_erased", sa.Boolean, nullable=False),
    )
    op.create_table(
        "acknowledgements",
        sa.Column("deposit", sa.LargeBinary, primary_key=True),
        sa.Column("record_id", sa.LargeBinary, nullable=False, index=True),
        sa.Column("acknowledgement", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "deletions",
        sa.Column("order", sa.LargeBinary, primary_key=True),
        sa.Column("record_id", sa.LargeBinary, nullable=False),
        sa.Column("statement", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "answers",
        sa.Column("request", sa.LargeBinary, primary_key=True),
        sa.Column("answer", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "nonces",
        sa.Column("nonce", sa.LargeBinary, primary_key=True),
        sa.Column("request", sa.LargeBinary, nullable=False),
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
        "trustee_set",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("trustee_set", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "shares",
        sa.Column("purpose", sa.Text, primary_key=True),
        sa.Column("generation", sa.BigInteger, primary_key=True),
        sa.Column("share", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ceremonies",
        sa.Column("call", sa.LargeBinary, primary_key=True),
        sa.Column("seed", sa.LargeBinary, nullable=False),
        sa.Column("recipient", sa.LargeBinary, nullable=False),
        sa.Column("channel", sa.LargeBinary, nullable=False),
        sa.Column("said", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ended_ceremonies",
        sa.Column("call", sa.LargeBinary, primary_key=True),
        sa.Column("said", sa.LargeBinary, nullable=False),
    )


def _version() -> "tuple[sa.Column[Any], ...]":  # Any: columns of several types
    return (
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("predecessor", sa.LargeBinary),
        sa.Column("retention", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("index", sa.Integer, nullable=False),
        sa.Column("share_hash", sa.LargeBinary, nullable=False),
        sa.Column("period", sa.Text, nullable=False, index=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
