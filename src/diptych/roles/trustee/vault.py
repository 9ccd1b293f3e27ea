"""Masks and chain elements at rest: sealed under the key of the month in which they came.

So whoever has the memory without the month keys has nothing, and what a destroyed key sealed is gone from every copy.
"""

from datetime import date

from diptych.crypto import sealing
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, Refused
from diptych.formats import cbor
from diptych.formats.cbor import as_array, as_bytes, as_unsigned
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.depositing.decision import HeldDeposit, HeldRecord
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.roles.trustee.model import SealedSecrets, StoredDeposit, StoredRecord, StoredVersion
from diptych.roles.trustee.ports import MonthKey, MonthKeys

_TAG = "diptych trustee secrets 1"


def store_held(
    held: HeldDeposit | HeldRecord, keys: MonthKeys, *, day: date, entropy: Entropy, period: str | None = None
) -> StoredVersion:
    """What is stored of a deposit or record: secrets under the month's key, or that of their `period`."""
    key = keys.current(held.retention, day) if period is None else _key(keys, period)
    secrets = cbor.encode(
        [
            None if held.mask is None else held.mask.reveal(),
            None if held.chain is None else [held.chain.secret.reveal(), held.chain.counter],
        ]
    )
    sealed = sealing.seal(key.key, secrets, context=_context(key.period, held.version), entropy=entropy)
    return StoredVersion(
        held.version,
        held.retention,
        held.epoch,
        held.index,
        held.share_hash,
        SealedSecrets(key.period, sealed),
        held.envelope if isinstance(held, HeldRecord) else None,
    )


def open_deposit(stored: StoredDeposit, keys: MonthKeys) -> HeldDeposit:
    """The deposit with its secrets; `Refused` "retention.expired" once its month's key is destroyed."""
    held = stored.held
    mask, chain = _open(held, keys)
    if mask is None:
        raise FormatError("trustee.secrets", "a deposit without a mask")
    return HeldDeposit(
        held.version, held.retention, held.epoch, held.index, held.share_hash, mask, chain, stored.digest
    )


def open_record(stored: StoredRecord, keys: MonthKeys) -> HeldRecord:
    """The record with its secrets; `Refused` "retention.expired" once its month's key is destroyed."""
    held = stored.held
    mask, chain = _open(held, keys)
    if chain is None or (mask is None) != stored.is_erased:
        raise FormatError("trustee.secrets", "a record without its chain, or whose erasure was changed")
    return HeldRecord(held.version, held.retention, held.epoch, held.index, held.share_hash, mask, chain, held.envelope)


def _open(held: StoredVersion, keys: MonthKeys) -> tuple[Secret | None, ChainElement | None]:
    secrets = held.secrets
    context = _context(secrets.period, held.version)
    opened = sealing.open_sealed(_key(keys, secrets.period).key, secrets.sealed, context=context)
    check = "trustee.secrets"
    mask, chain = as_array(cbor.decode(opened), check, length=2)
    element = None
    if chain is not None:
        secret, counter = as_array(chain, check, length=2)
        element = ChainElement(Secret(as_bytes(secret, check)), as_unsigned(counter, check))
    return None if mask is None else Secret(as_bytes(mask, check)), element


def _key(keys: MonthKeys, period: str) -> MonthKey:
    found = keys.find(period)
    if found is None:
        raise Refused("retention.expired", "the retention of this record is over: its mask is gone for good")
    return found


def _context(period: str, version: RecordVersion) -> bytes:
    return cbor.encode([_TAG, period, version.record_id, version.number, version.record_hash])
