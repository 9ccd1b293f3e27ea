"""The trustee's memory in a database: sealed masks, who may act, what was answered and counted.

A thief of it learns which records are here, their versions and times, and which officer did what when; of a mask,
nothing without the key of its month, which lies elsewhere. What may follow what is left to `roles/trustee`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, Row

from diptych.adapters.storage.engine import Location, hold, leave_nothing, open_database, transaction
from diptych.adapters.storage.holder import (
    BYTES,
    NUMBER,
    SMALL,
    SWITCH,
    TEXT,
    DatabaseHolder,
    forget_answers,
    holder_metadata,
    kept_answer,
    moment,
    pending_reviews,
    seconds,
    table_of,
)
from diptych.crypto.lookup_prf import KeyShare, parse_key_share
from diptych.formats.mandate.trustee_set import TrusteeSet, parse_trustee_set
from diptych.private import Secret
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.protocols.opening.holding import KeptAnswer, Reviewed
from diptych.roles.trustee.model import (
    Consent,
    SealedSecrets,
    StoredCeremony,
    StoredChange,
    StoredDeposit,
    StoredPrekey,
    StoredRecord,
    StoredVersion,
)

ROLE = "trustee"
KEPT_CONNECTIONS = 4

# Each look-up asks for the set, which changes once an epoch; to check its keys takes as long as to answer one.
_parse_trustee_set = lru_cache(maxsize=2)(parse_trustee_set)

_METADATA = holder_metadata()
_PREKEYS = table_of(
    _METADATA,
    "prekeys",
    1,
    prekey_id=BYTES,
    officer=BYTES,
    request=BYTES,
    expires=NUMBER,
    seeds=BYTES,
    answer=BYTES,
)
_DEPOSITS = table_of(
    _METADATA,
    "deposits",
    2,
    record_id=BYTES,
    record_hash=BYTES,
    number=NUMBER,
    predecessor=BYTES,
    retention=TEXT,
    epoch=NUMBER,
    index=SMALL,
    share_hash=BYTES,
    period=TEXT,
    sealed=BYTES,
    digest=BYTES,
    acknowledgement=BYTES,
    expires_at=NUMBER,
)
_RECORDS = table_of(
    _METADATA,
    "records",
    1,
    record_id=BYTES,
    record_hash=BYTES,
    number=NUMBER,
    predecessor=BYTES,
    retention=TEXT,
    epoch=NUMBER,
    index=SMALL,
    share_hash=BYTES,
    period=TEXT,
    sealed=BYTES,
    is_erased=SWITCH,
    envelope=BYTES,
)
_ACKNOWLEDGEMENTS = table_of(
    _METADATA,
    "acknowledgements",
    1,
    deposit=BYTES,
    record_id=BYTES,
    acknowledgement=BYTES,
)
_DELETIONS = table_of(
    _METADATA,
    "deletions",
    1,
    order=BYTES,
    record_id=BYTES,
    statement=BYTES,
)
_NONCES = table_of(
    _METADATA,
    "nonces",
    1,
    nonce=BYTES,
    request=BYTES,
    answer=BYTES,
    expires_at=NUMBER,
)
_TRUSTEE_SET = table_of(
    _METADATA,
    "trustee_set",
    1,
    id=SMALL,
    trustee_set=BYTES,
)
_SHARES = table_of(
    _METADATA,
    "shares",
    2,
    purpose=TEXT,
    generation=NUMBER,
    share=BYTES,
)
_CEREMONIES = table_of(
    _METADATA,
    "ceremonies",
    1,
    call=BYTES,
    seed=BYTES,
    recipient=BYTES,
    channel=BYTES,
    said=BYTES,
)
_ENDED = table_of(
    _METADATA,
    "ended_ceremonies",
    1,
    call=BYTES,
    said=BYTES,
)
_CHANGES = table_of(
    _METADATA,
    "changes",
    1,
    digest=BYTES,
    encoded=BYTES,
    consent=TEXT,
    ends_at=NUMBER,
    seed=BYTES,
    recipient=BYTES,
    answer=BYTES,
)


def open_trustee_store(location: Location) -> "DatabaseTrusteeStore":
    """The store in this database, created if there is none."""
    return DatabaseTrusteeStore(open_database(location, ROLE, keeps=KEPT_CONNECTIONS, keeps_file=True))


class DatabaseTrusteeStore:
    """`TrusteeStore` in SQLite or PostgreSQL.

    SQLite's `secure_delete` overwrites prekeys and masks that go; PostgreSQL does so when it vacuums, and its
    write-ahead log keeps them longer. A prekey is useless without the traffic of its hour, a mask without the key of
    its month.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Let go of the connections that are kept."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator["_Transaction"]:
        with transaction(self._engine) as connection:
            hold(connection, "trustee")  # quotas, checkpoints and chains are decided upon one after the other
            yield _Transaction(connection)

    def forget_expired(self, now: datetime) -> None:
        with transaction(self._engine) as connection:
            hold(connection, "trustee")
            for column in (_PREKEYS.c.expires, _DEPOSITS.c.expires_at, _NONCES.c.expires_at, _CHANGES.c.ends_at):
                if connection.execute(sa.delete(column.table).where(column <= seconds(now))).rowcount:
                    leave_nothing(connection)
            forget_answers(connection, now)
            known = sa.union(sa.select(_RECORDS.c.record_id), sa.select(_DEPOSITS.c.record_id))
            connection.execute(sa.delete(_ACKNOWLEDGEMENTS).where(_ACKNOWLEDGEMENTS.c.record_id.not_in(known)))

    def reviews(self) -> Sequence[Reviewed]:
        with transaction(self._engine) as connection:
            return pending_reviews(connection)


class _Transaction(DatabaseHolder):
    """`TrusteeTransaction` over a connection."""

    def prekey(self, prekey_id: bytes) -> StoredPrekey | None:
        return _prekey(self.row(_PREKEYS, prekey_id=prekey_id))

    def prekey_for(self, request: bytes) -> StoredPrekey | None:
        return _prekey(self.row(_PREKEYS, request=request))

    def save_prekey(self, prekey: StoredPrekey) -> None:
        values = {
            "officer": prekey.officer,
            "request": prekey.request,
            "expires": seconds(prekey.expires),
            "seeds": prekey.seeds.reveal(),
            "answer": prekey.answer,
        }
        self.replace(_PREKEYS, {"prekey_id": prekey.prekey_id}, values)

    def drop_prekey(self, prekey_id: bytes) -> None:
        leave_nothing(self._connection)
        self.drop(_PREKEYS, prekey_id=prekey_id)

    def deposit(self, record_id: bytes, record_hash: bytes) -> StoredDeposit | None:
        row = self.row(_DEPOSITS, record_id=record_id, record_hash=record_hash)
        if row is None:
            return None
        return StoredDeposit(_held(row), row.digest, row.acknowledgement, moment(row.expires_at))

    def save_deposit(self, deposit: StoredDeposit) -> None:
        version = deposit.held.version
        values = {
            **_held_values(deposit.held),
            "digest": deposit.digest,
            "acknowledgement": deposit.acknowledgement,
            "expires_at": seconds(deposit.expires_at),
        }
        key = {"record_id": version.record_id, "record_hash": version.record_hash}
        self.replace(_DEPOSITS, key, values)
        acknowledged = {"record_id": version.record_id, "acknowledgement": deposit.acknowledgement}
        self.replace(_ACKNOWLEDGEMENTS, {"deposit": deposit.digest}, acknowledged)

    def drop_deposits(self, record_id: bytes) -> None:
        leave_nothing(self._connection)
        self.drop(_DEPOSITS, record_id=record_id)

    def acknowledgement(self, deposit: bytes) -> bytes | None:
        row = self.row(_ACKNOWLEDGEMENTS, deposit=deposit)
        return None if row is None else row.acknowledgement

    def record(self, record_id: bytes) -> StoredRecord | None:
        row = self.row(_RECORDS, record_id=record_id)
        if row is None:
            return None
        return StoredRecord(replace(_held(row), envelope=row.envelope), is_erased=bool(row.is_erased))

    def save_record(self, record: StoredRecord) -> None:
        leave_nothing(self._connection)  # of the mask in whose place it comes
        values = {
            "record_hash": record.held.version.record_hash,
            **_held_values(record.held),
            "is_erased": record.is_erased,
            "envelope": record.held.envelope,
        }
        self.replace(_RECORDS, {"record_id": record.held.version.record_id}, values)

    def deletion(self, order: bytes) -> bytes | None:
        row = self.row(_DELETIONS, order=order)
        return None if row is None else row.statement

    def save_deletion(self, order: bytes, record_id: bytes, statement: bytes) -> None:
        self.replace(_DELETIONS, {"order": order}, {"record_id": record_id, "statement": statement})

    def nonce(self, nonce: bytes) -> KeptAnswer | None:
        return kept_answer(self.row(_NONCES, nonce=nonce))

    def save_nonce(self, nonce: bytes, answer: KeptAnswer) -> None:
        values = {"request": answer.request, "answer": answer.answer, "expires_at": seconds(answer.expires_at)}
        self.replace(_NONCES, {"nonce": nonce}, values)

    def trustee_set(self) -> TrusteeSet | None:
        return self._one(sa.select(_TRUSTEE_SET.c.trustee_set), _parse_trustee_set)

    def save_trustee_set(self, trustee_set: TrusteeSet) -> None:
        self.replace(_TRUSTEE_SET, {"id": 1}, {"trustee_set": trustee_set.encode()})

    def shares(self, purpose: str) -> Sequence[KeyShare]:
        query = sa.select(_SHARES.c.share).where(_SHARES.c.purpose == purpose).order_by(_SHARES.c.generation.desc())
        return tuple(parse_key_share(Secret(share)) for share in self._connection.execute(query).scalars())

    def save_share(self, share: KeyShare) -> None:
        key = {"purpose": share.purpose, "generation": share.generation}
        self.replace(_SHARES, key, {"share": share.encode().reveal()})

    def drop_shares(self, purpose: str, *, before: int) -> None:
        leave_nothing(self._connection)
        old = sa.and_(_SHARES.c.purpose == purpose, _SHARES.c.generation < before)
        self._connection.execute(sa.delete(_SHARES).where(old))

    def ceremony(self, call: bytes) -> StoredCeremony | None:
        row = self.row(_CEREMONIES, call=call)
        if row is None:
            return None
        return StoredCeremony(row.call, Secret(row.seed), Secret(row.recipient), row.channel, row.said)

    def save_ceremony(self, ceremony: StoredCeremony) -> None:
        values = {
            "seed": ceremony.seed.reveal(),
            "recipient": ceremony.recipient.reveal(),
            "channel": ceremony.channel,
            "said": ceremony.said,
        }
        self.replace(_CEREMONIES, {"call": ceremony.call}, values)

    def end_ceremony(self, call: bytes, said: bytes) -> None:
        leave_nothing(self._connection)
        self.drop(_CEREMONIES, call=call)
        self.replace(_ENDED, {"call": call}, {"said": said})

    def ended_ceremony(self, call: bytes) -> bytes | None:
        row = self.row(_ENDED, call=call)
        return None if row is None else row.said

    def change(self, digest: bytes) -> StoredChange | None:
        row = self.row(_CHANGES, digest=digest)
        return None if row is None else _change(row)

    def changes(self) -> Sequence[StoredChange]:
        query = sa.select(_CHANGES).order_by(_CHANGES.c.ends_at, _CHANGES.c.digest)
        return tuple(_change(row) for row in self._connection.execute(query).all())

    def save_change(self, change: StoredChange) -> None:
        leave_nothing(self._connection)  # of the secrets of one that is refused after all
        values = {
            "encoded": change.encoded,
            "consent": change.consent.value,
            "ends_at": seconds(change.ends_at),
            "seed": change.seed.reveal(),
            "recipient": change.recipient.reveal(),
            "answer": change.answer,
        }
        self.replace(_CHANGES, {"digest": change.digest}, values)

    def drop_change(self, digest: bytes) -> None:
        leave_nothing(self._connection)
        self.drop(_CHANGES, digest=digest)

    def record_count(self) -> int:
        query = sa.select(sa.func.count()).select_from(_RECORDS).where(_RECORDS.c.is_erased == sa.false())
        return int(self._connection.execute(query).scalar_one())


def _held(row: "Row[Any]") -> StoredVersion:
    return StoredVersion(
        RecordVersion(row.record_id, row.number, row.predecessor, row.record_hash),
        row.retention,
        row.epoch,
        row._mapping["index"],  # a row's own `index` is a method
        row.share_hash,
        SealedSecrets(row.period, row.sealed),
    )


def _held_values(held: StoredVersion) -> Mapping[str, object]:
    return {
        "number": held.version.number,
        "predecessor": held.version.predecessor,
        "retention": held.retention,
        "epoch": held.epoch,
        "index": held.index,
        "share_hash": held.share_hash,
        "period": held.secrets.period,
        "sealed": held.secrets.sealed,
    }


def _prekey(row: "Row[Any] | None") -> StoredPrekey | None:
    if row is None:
        return None
    return StoredPrekey(row.prekey_id, row.officer, row.request, moment(row.expires), Secret(row.seeds), row.answer)


def _change(row: "Row[Any]") -> StoredChange:
    return StoredChange(
        row.digest,
        row.encoded,
        Consent(row.consent),
        moment(row.ends_at),
        Secret(row.seed),
        Secret(row.recipient),
        row.answer,
    )
