"""Recovering shares of records for one trustee: what the agency asks, and what helpers and the newcomer say.

Three steps, over up to `MAX_RECORDS` records at once: every helper cuts its part into pieces, adds up the pieces it was
given, and the newcomer adds up these sums (docs/spec/quorum.md, "Recovery"). Everything within is sealed to keys that
end with the change. Who answers what is `decision`; whom to ask next is `conducting`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from diptych.crypto import hpke
from diptych.crypto.hpke import Recipient
from diptych.crypto.sharing import SHARE_BYTES
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, as_array, as_bytes, as_text, as_unsigned
from diptych.formats.cose.statement import (
    RECORD_ID_BYTES,
    VERSION,
    Kind,
    UnverifiedStatement,
    as_code,
    as_exactly,
    as_fingerprint,
    as_members,
    parse_payload,
)
from diptych.formats.mandate.trustee_set import MAX_INDEX, check_indices
from diptych.formats.record.sealed import SEALED_RECORD, SealedRecord, as_envelope
from diptych.formats.tlog.label import ELEMENT_BYTES, ChainElement
from diptych.private import Secret
from diptych.protocols.replacing.change import CHANGE_KEY, ChangeKey

MAX_RECORDS = 32
MAX_BYTES = 8 * 1024 * 1024
"""Of one request: a single record can have more than a mebibyte."""

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_PIECE, _SUM = "diptych recovery piece 1", "diptych recovery sum 1"
_T = TypeVar("_T")


@dataclass(frozen=True)
class WantedRecord:
    """One record whose share is wanted, in its latest version."""

    record_id: bytes
    record_hash: bytes


@dataclass(frozen=True)
class RecoveryCall:
    """The agency asks these helpers, k of them, for the shares of the trustee at `target`. Its digest names the run."""

    agency: bytes
    change: bytes
    target: int
    helpers: tuple[int, ...]
    records: tuple[WantedRecord, ...]

    @property
    def signer(self) -> bytes:
        return self.agency

    def encode(self) -> bytes:
        """The exact inverse of `parse_recovery_call`."""
        return cbor.encode(
            {
                "version": VERSION,
                "agency": self.agency,
                "change": self.change,
                "target": self.target,
                "helpers": list(self.helpers),
                "records": [{"record": one.record_id, "record_hash": one.record_hash} for one in self.records],
            }
        )


@dataclass(frozen=True)
class Pieces:
    """A helper's pieces: for each helper, its own index too, one envelope with a piece of every record.

    `missing`: positions in the call of records of which this helper has no share (any more).
    """

    trustee: bytes
    call: bytes
    index: int
    missing: tuple[int, ...]
    sealed: Mapping[int, bytes] = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_pieces`."""
        sealed: list[CborValue] = [{"index": to, "sealed": envelope} for to, envelope in self.sealed.items()]
        return cbor.encode(
            {
                "version": VERSION,
                "trustee": self.trustee,
                "call": self.call,
                "index": self.index,
                "missing": list(self.missing),
                "sealed": sealed,
            }
        )


@dataclass(frozen=True)
class Sums:
    """What one helper made of the pieces that it was given, in one envelope for the newcomer."""

    trustee: bytes
    call: bytes
    index: int
    sealed: bytes = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_sums`."""
        return cbor.encode(
            {
                "version": VERSION,
                "trustee": self.trustee,
                "call": self.call,
                "index": self.index,
                "sealed": self.sealed,
            }
        )


@dataclass(frozen=True)
class SummedRecord:
    """Of one record: the sum, and what is kept beside a share. `month` (YYYY-MM): when its time began to run."""

    total: Secret
    chain: ChainElement
    month: str


@dataclass(frozen=True)
class Taken:
    """What the newcomer made of a run: None for each record whose share it keeps, else the check that failed."""

    trustee: bytes
    call: bytes
    results: tuple[str | None, ...]

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_taken`."""
        return cbor.encode(
            {"version": VERSION, "trustee": self.trustee, "call": self.call, "results": list(self.results)}
        )


@dataclass(frozen=True)
class PiecesRequest:
    """To a helper: the call, everyone's key, and its own envelope of each record, where the record has one for it."""

    call: UnverifiedStatement[RecoveryCall]
    keys: tuple[UnverifiedStatement[ChangeKey], ...]
    envelopes: tuple[bytes | None, ...] = field(repr=False)

    def encode(self) -> bytes:
        """The exact inverse of `parse_pieces_request`."""
        return cbor.encode(
            {
                "call": self.call.encode(),
                "keys": [key.encode() for key in self.keys],
                "envelopes": list(self.envelopes),
            }
        )


@dataclass(frozen=True)
class SumsRequest:
    """To a helper: the call, everyone's key, and the pieces of all helpers."""

    call: UnverifiedStatement[RecoveryCall]
    keys: tuple[UnverifiedStatement[ChangeKey], ...]
    pieces: tuple[UnverifiedStatement[Pieces], ...]

    def encode(self) -> bytes:
        """The exact inverse of `parse_sums_request`."""
        return cbor.encode(
            {
                "call": self.call.encode(),
                "keys": [key.encode() for key in self.keys],
                "pieces": [one.encode() for one in self.pieces],
            }
        )


@dataclass(frozen=True)
class SharesRequest:
    """To the newcomer: the call, the sums of all helpers, and the records as they were signed."""

    call: UnverifiedStatement[RecoveryCall]
    sums: tuple[UnverifiedStatement[Sums], ...]
    records: tuple[UnverifiedStatement[SealedRecord], ...]

    def encode(self) -> bytes:
        """The exact inverse of `parse_shares_request`."""
        return cbor.encode(
            {
                "call": self.call.encode(),
                "sums": [one.encode() for one in self.sums],
                "records": [record.encode() for record in self.records],
            }
        )


def seal_pieces(pieces: Sequence[Secret | None], *, key: bytes, call: bytes, sender: int, receiver: int) -> bytes:
    """One helper's pieces for another, in the order of the call; None where it has no share."""
    values: list[CborValue] = [None if piece is None else piece.reveal() for piece in pieces]
    return hpke.seal(key, cbor.encode(values), info=_info(_PIECE, call, sender, receiver))


def open_pieces(
    sealed: bytes, *, recipient: Recipient, call: bytes, sender: int, receiver: int, count: int
) -> tuple[Secret | None, ...]:
    """What one helper was given by another; `VerificationError` "recovery.piece" for all but `count` pieces."""
    try:
        opened = recipient.open_sealed(sealed, info=_info(_PIECE, call, sender, receiver))
        values = as_array(cbor.decode(opened), "recovery.piece", length=count)
        return tuple(None if one is None else Secret(as_exactly(one, SHARE_BYTES, "recovery.piece")) for one in values)
    except (FormatError, VerificationError) as error:
        raise VerificationError("recovery.piece", f"the pieces of helper {sender} are none") from error


def seal_sums(sums: Sequence[SummedRecord | None], *, key: bytes, call: bytes, sender: int) -> bytes:
    """A helper's sums for the newcomer, in the order of the call; None where a piece is missing."""
    values: list[CborValue] = [
        None if one is None else [one.total.reveal(), one.chain.secret.reveal(), one.chain.counter, one.month]
        for one in sums
    ]
    return hpke.seal(key, cbor.encode(values), info=_info(_SUM, call, sender, 0))


def open_sums(
    sealed: bytes, *, recipient: Recipient, call: bytes, sender: int, count: int
) -> tuple[SummedRecord | None, ...]:
    """What a helper gave the newcomer; `VerificationError` "recovery.sum" for anything else than `count` sums."""
    try:
        opened = recipient.open_sealed(sealed, info=_info(_SUM, call, sender, 0))
        return tuple(_as_summed(one) for one in as_array(cbor.decode(opened), "recovery.sum", length=count))
    except (FormatError, VerificationError) as error:
        raise VerificationError("recovery.sum", f"the sums of helper {sender} are none") from error


def parse_recovery_call(payload: bytes) -> RecoveryCall:
    """The call in a payload, or `FormatError`."""
    check = "recovery_call"
    agency, change, target, helpers, records = parse_payload(
        payload, check, ("agency", "change", "target", "helpers", "records")
    )
    found = RecoveryCall(
        as_fingerprint(agency, check),
        as_fingerprint(change, check),
        as_unsigned(target, check),
        tuple(as_unsigned(one, check) for one in as_array(helpers, check)),
        tuple(_as_wanted(one) for one in as_array(records, check)),
    )
    check_indices(found.helpers, (found.target,))
    if not 0 < len(found.records) <= MAX_RECORDS or len({one.record_id for one in found.records}) != len(found.records):
        raise FormatError(check, f"a call is about 1 to {MAX_RECORDS} records, each once")
    return found


def parse_pieces(payload: bytes) -> Pieces:
    """The pieces in a payload, or `FormatError`."""
    check = "recovery_pieces"
    trustee, call, index, missing, sealed = parse_payload(
        payload, check, ("trustee", "call", "index", "missing", "sealed")
    )
    positions = tuple(as_unsigned(one, check) for one in as_array(missing, check))
    entries = [_as_entry(one) for one in as_array(sealed, check)]
    if list(positions) != sorted(set(positions)) or any(position >= MAX_RECORDS for position in positions):
        raise FormatError(check, "positions of missing records ascend")
    check_indices([to for to, _ in entries], ())
    return Pieces(
        as_fingerprint(trustee, check),
        as_fingerprint(call, check),
        _as_index(index, check),
        positions,
        dict(entries),
    )


def parse_sums(payload: bytes) -> Sums:
    """The sums in a payload, or `FormatError`."""
    check = "recovery_sums"
    trustee, call, index, sealed = parse_payload(payload, check, ("trustee", "call", "index", "sealed"))
    envelope = as_bytes(sealed, check)
    hpke.check_sealed(envelope, suite=hpke.HYBRID)
    return Sums(as_fingerprint(trustee, check), as_fingerprint(call, check), _as_index(index, check), envelope)


def parse_taken(payload: bytes) -> Taken:
    """What was taken, in a payload, or `FormatError`."""
    check = "recovery_taken"
    trustee, call, results = parse_payload(payload, check, ("trustee", "call", "results"))
    found = tuple(None if one is None else as_code(one, check) for one in as_array(results, check))
    if not 0 < len(found) <= MAX_RECORDS:
        raise FormatError(check, f"there are 1 to {MAX_RECORDS} results")
    return Taken(as_fingerprint(trustee, check), as_fingerprint(call, check), found)


RECOVERY_CALL = Kind("diptych recovery call 1", parse_recovery_call, max_bytes=8192)
PIECES = Kind("diptych recovery pieces 1", parse_pieces, max_bytes=1024 * 1024)
SUMS = Kind("diptych recovery sums 1", parse_sums, max_bytes=16 * 1024)
TAKEN = Kind("diptych recovery taken 1", parse_taken)


def parse_pieces_request(data: bytes) -> PiecesRequest:
    """The request in `data`, or `FormatError`."""
    call, keys, envelopes = _members(data, ("call", "keys", "envelopes"))
    found = PiecesRequest(
        _as_call(call),
        _each(keys, CHANGE_KEY.parse),
        tuple(None if one is None else as_envelope(one, "recovery") for one in as_array(envelopes, "recovery")),
    )
    if len(found.envelopes) != len(found.call.unverified.records):
        raise FormatError("recovery.envelopes", "an envelope, or none, stands for each record of the call")
    return found


def parse_sums_request(data: bytes) -> SumsRequest:
    """The request in `data`, or `FormatError`."""
    call, keys, pieces = _members(data, ("call", "keys", "pieces"))
    return SumsRequest(_as_call(call), _each(keys, CHANGE_KEY.parse), _each(pieces, PIECES.parse))


def parse_shares_request(data: bytes) -> SharesRequest:
    """The request in `data`, or `FormatError`: with the very records that the call is about, in its order."""
    call, sums, records = _members(data, ("call", "sums", "records"))
    found = SharesRequest(_as_call(call), _each(sums, SUMS.parse), _each(records, SEALED_RECORD.parse))
    wanted = [(one.record_id, one.record_hash) for one in found.call.unverified.records]
    if [(one.unverified.record_id, one.digest) for one in found.records] != wanted:
        raise FormatError("recovery.records", "these are not the records that the call is about")
    return found


def _members(data: bytes, names: Sequence[str]) -> list[CborValue]:
    if len(data) > MAX_BYTES:
        raise FormatError("recovery.size", f"a recovery's message has at most {MAX_BYTES} bytes")
    return as_members(cbor.decode(data), "recovery", names)


def _as_call(value: CborValue) -> UnverifiedStatement[RecoveryCall]:
    return RECOVERY_CALL.parse(as_bytes(value, "recovery"))


def _each(value: CborValue, parse: Callable[[bytes], _T]) -> tuple[_T, ...]:
    items = as_array(value, "recovery")
    if len(items) > MAX_INDEX:
        raise FormatError("recovery", f"at most {MAX_INDEX} statements")
    return tuple(parse(as_bytes(item, "recovery")) for item in items)


def _as_wanted(value: CborValue) -> WantedRecord:
    record, record_hash = as_members(value, "recovery_call", ("record", "record_hash"))
    return WantedRecord(
        as_exactly(record, RECORD_ID_BYTES, "recovery_call"), as_fingerprint(record_hash, "recovery_call")
    )


def _as_entry(value: CborValue) -> tuple[int, bytes]:
    index, sealed = as_members(value, "recovery_pieces", ("index", "sealed"))
    envelope = as_bytes(sealed, "recovery_pieces")
    hpke.check_sealed(envelope, suite=hpke.HYBRID)
    return _as_index(index, "recovery_pieces"), envelope


def _as_index(value: CborValue, check: str) -> int:
    index = as_unsigned(value, check)
    if not 0 < index <= MAX_INDEX:
        raise FormatError(f"{check}.index", f"an index is from 1 to {MAX_INDEX}")
    return index


def _as_summed(value: CborValue) -> SummedRecord | None:
    check = "recovery.sum"
    if value is None:
        return None
    total, element, counter, month = as_array(value, check, length=4)
    if not _MONTH.fullmatch(as_text(month, check)):
        raise FormatError(check, "a month is written YYYY-MM")
    return SummedRecord(
        Secret(as_exactly(total, SHARE_BYTES, check)),
        ChainElement(Secret(as_exactly(element, ELEMENT_BYTES, check)), as_unsigned(counter, check)),
        as_text(month, check),
    )


def _info(tag: str, call: bytes, sender: int, receiver: int) -> bytes:
    return cbor.encode([tag, call, sender, receiver])
