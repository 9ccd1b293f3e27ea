"""Deposits: a trustee's mask and what it needs to know of a record, and its signed acknowledgement.

Whether a trustee accepts one is `decision`.
"""

from dataclasses import dataclass, field
from datetime import datetime

from diptych.crypto import hpke, sharing
from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, as_bytes, as_unsigned
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    UnverifiedStatement,
    VerifiedStatement,
    as_code,
    as_exactly,
    as_fingerprint,
    as_members,
    parse_payload,
)
from diptych.formats.record.content import CHAIN_BYTES
from diptych.formats.record.sealed import SealedRecord, as_envelope, as_version
from diptych.formats.record.sealing import MASK_BYTES
from diptych.private import Secret
from diptych.protocols.depositing.prekey import ID_BYTES, PREKEY, Prekey

MAX_SEALED_BYTES = hpke.OVERHEAD_BYTES[hpke.HYBRID] + 128

_TAG = "diptych deposit 1"


@dataclass(frozen=True)
class RecordVersion:
    """One version of one record: what acts, deposits and acknowledgements are about."""

    record_id: bytes
    number: int
    predecessor: bytes | None
    record_hash: bytes

    @classmethod
    def of(cls, record: UnverifiedStatement[SealedRecord]) -> "RecordVersion":
        content = record.unverified
        return cls(content.record_id, content.number, content.predecessor, record.digest)


@dataclass(frozen=True)
class DepositSecrets:
    """What only the trustee may know. `chain` is c_0, for the first version alone."""

    mask: Secret
    chain: Secret | None

    def encode(self) -> bytes:
        """The exact inverse of `parse_deposit_secrets`."""
        chain = None if self.chain is None else self.chain.reveal()
        return cbor.encode({"mask": self.mask.reveal(), "chain": chain})


@dataclass(frozen=True)
class Deposit:
    """What the sealer of a record gives one trustee."""

    officer: bytes
    trustee: bytes
    prekey_id: bytes
    version: RecordVersion
    retention: str
    epoch: int
    index: int
    share_hash: bytes
    envelope: bytes = field(repr=False)
    sealed: bytes = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.officer

    def encode(self) -> bytes:
        """The exact inverse of `parse_deposit`."""
        return cbor.encode(
            {
                "version": VERSION,
                "officer": self.officer,
                "trustee": self.trustee,
                "prekey": self.prekey_id,
                "record": self.version.record_id,
                "number": self.version.number,
                "predecessor": self.version.predecessor,
                "record_hash": self.version.record_hash,
                "retention": self.retention,
                "epoch": self.epoch,
                "index": self.index,
                "share_hash": self.share_hash,
                "envelope": self.envelope,
                "sealed": self.sealed,
            }
        )


@dataclass(frozen=True)
class Acknowledgement:
    """A trustee says that it has stored a deposit (by its digest)."""

    trustee: bytes
    record_id: bytes
    number: int
    record_hash: bytes
    deposit: bytes

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_acknowledgement`."""
        return cbor.encode(
            {
                "version": VERSION,
                "trustee": self.trustee,
                "record": self.record_id,
                "number": self.number,
                "record_hash": self.record_hash,
                "deposit": self.deposit,
            }
        )


def build_deposit(
    record: UnverifiedStatement[SealedRecord],
    *,
    index: int,
    prekey: VerifiedStatement[Prekey],
    mask: Secret,
    chain: Secret | None,
    signer: Signer,
) -> UnverifiedStatement[Deposit]:
    """The deposit for the trustee at `index`, sealed to the prekey that it signed for this officer."""
    content, version = record.unverified, RecordVersion.of(record)
    slot, key = content.quorum.slot_of(index), prekey.content
    sealed = hpke.seal(key.key, DepositSecrets(mask, chain).encode(), info=_info(key.trustee, key.prekey_id, version))
    deposit = Deposit(
        content.sealer,
        key.trustee,
        key.prekey_id,
        version,
        content.retention,
        content.quorum.epoch,
        index,
        slot.share_hash,
        slot.envelope,
        sealed,
    )
    return DEPOSIT.sign(deposit, signer=signer)


def open_deposit(deposit: Deposit, *, prekey: Recipient) -> DepositSecrets:
    """The secrets in a deposit, at its trustee; `VerificationError` "hpke.open" for what is sealed to another key."""
    info = _info(deposit.trustee, deposit.prekey_id, deposit.version)
    return parse_deposit_secrets(prekey.open_sealed(deposit.sealed, info=info))


def verify_prekey(
    prekey: UnverifiedStatement[Prekey], *, trustee_key: PublicKey, expected_request: bytes, now: datetime
) -> VerifiedStatement[Prekey]:
    """The prekey, if this trustee signed it as the answer to this request, and it has not expired."""
    verified = PREKEY.verify(prekey, trustee_key, now=now)
    if verified.content.request != expected_request:
        raise VerificationError("prekey.request", "this prekey answers another request")
    if verified.content.expires <= now:
        raise VerificationError("prekey.expired", "this prekey has expired: ask for another")
    return verified


def verify_acknowledgement(
    acknowledgement: UnverifiedStatement[Acknowledgement],
    *,
    trustee_key: PublicKey,
    expected_version: RecordVersion,
    expected_deposit: bytes | None = None,
    now: datetime,
) -> VerifiedStatement[Acknowledgement]:
    """The acknowledgement, if this trustee signed it for this version, and for this deposit where one is given."""
    verified = ACKNOWLEDGEMENT.verify(acknowledgement, trustee_key, now=now)
    found = verified.content
    expected = (expected_version.record_id, expected_version.number, expected_version.record_hash)
    if (found.record_id, found.number, found.record_hash) != expected:
        raise VerificationError("acknowledgement.record", "it acknowledges another version or record")
    if expected_deposit is not None and found.deposit != expected_deposit:
        raise VerificationError("acknowledgement.deposit", "it acknowledges another deposit")
    return verified


def parse_deposit_secrets(data: bytes) -> DepositSecrets:
    """The secrets in an opened deposit, or `FormatError`."""
    mask, chain = as_members(cbor.decode(data), "deposit.secrets", ("mask", "chain"))
    return DepositSecrets(
        Secret(as_exactly(mask, MASK_BYTES, "deposit.secrets")),
        None if chain is None else Secret(as_exactly(chain, CHAIN_BYTES, "deposit.secrets")),
    )


def parse_deposit(payload: bytes) -> Deposit:
    """The deposit in a payload, or `FormatError`."""
    check = "deposit"
    names = (
        "officer", "trustee", "prekey", "record", "number", "predecessor", "record_hash", "retention", "epoch", "index",
        "share_hash", "envelope", "sealed",
    )  # fmt: skip
    values = parse_payload(payload, check, names)
    officer, trustee, prekey, record, number, predecessor, record_hash, retention, epoch, index, *rest = values
    share_hash, envelope, sealed = rest
    secrets = as_bytes(sealed, check)
    hpke.check_sealed(secrets, suite=hpke.HYBRID)
    if len(secrets) > MAX_SEALED_BYTES:
        raise FormatError("deposit.sealed", f"a deposit's secrets have at most {MAX_SEALED_BYTES} bytes sealed")
    return Deposit(
        as_fingerprint(officer, check),
        as_fingerprint(trustee, check),
        as_exactly(prekey, ID_BYTES, check),
        as_record_version(record, number, predecessor, record_hash, check),
        as_code(retention, check),
        as_unsigned(epoch, check),
        as_index(index, check),
        as_fingerprint(share_hash, check),
        as_envelope(envelope, check),
        secrets,
    )


def parse_acknowledgement(payload: bytes) -> Acknowledgement:
    """The acknowledgement in a payload, or `FormatError`."""
    check = "acknowledgement"
    trustee, record, number, record_hash, deposit = parse_payload(
        payload, check, ("trustee", "record", "number", "record_hash", "deposit")
    )
    return Acknowledgement(
        as_fingerprint(trustee, check),
        as_exactly(record, RECORD_ID_BYTES, check),
        as_unsigned(number, check),
        as_fingerprint(record_hash, check),
        as_fingerprint(deposit, check),
    )


DEPOSIT = Kind("diptych deposit 1", parse_deposit, max_bytes=8192)
ACKNOWLEDGEMENT = Kind("diptych acknowledgement 1", parse_acknowledgement)


def as_record_version(
    record: CborValue, number: CborValue, predecessor: CborValue, record_hash: CborValue, check: str
) -> RecordVersion:
    """The version that these four members name."""
    return RecordVersion(
        as_exactly(record, RECORD_ID_BYTES, check),
        *as_version(number, predecessor, check),
        as_fingerprint(record_hash, check),
    )


def as_index(value: CborValue, check: str) -> int:
    """`value` if it is the index of a share."""
    index = as_unsigned(value, check)
    if not 0 < index <= sharing.MAX_INDEX:
        raise FormatError(f"{check}.index", f"an index is from 1 to {sharing.MAX_INDEX}")
    return index


def _info(trustee: bytes, prekey_id: bytes, version: RecordVersion) -> bytes:
    return cbor.encode([_TAG, trustee, prekey_id, version.record_id, version.number, version.record_hash])
