"""The trustee set of an epoch: who the trustees are, and the keys that an officer's workstation seals to.

How these keys come about is a ceremony (docs/spec/quorum.md); that the set is public is for its shown act to say.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from diptych.crypto import hpke
from diptych.crypto.lookup_prf.keys import PurposeKey, parse_purpose_key
from diptych.crypto.signing import PublicKey, encode_public_key, parse_public_key
from diptych.errors import FormatError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, as_array, as_bytes, as_unsigned
from diptych.formats.cose.statement import (
    VERSION,
    Kind,
    as_fingerprint,
    as_line,
    as_members,
    parse_payload,
)

MAX_INDEX = 255
MIN_THRESHOLD = 2

_CHECK = "trustee_set"


@dataclass(frozen=True)
class Trustee:
    """One trustee: where it is, the key it signs with, and the HPKE key that shares are sealed to."""

    index: int
    name: str
    url: str
    signer: PublicKey
    recipient: bytes = field(repr=False)

    @property
    def key_id(self) -> bytes:
        """SHA-256 of the HPKE public key: what a record calls it."""
        return key_id(self.recipient)

    def to_cbor(self) -> dict[str, CborValue]:
        return {
            "index": self.index,
            "name": self.name,
            "url": self.url,
            "signer": encode_public_key(self.signer),
            "recipient": self.recipient,
        }


@dataclass(frozen=True)
class TrusteeSet:
    """Everything a workstation has to know of an epoch's trustees and of the agency's key service.

    `purposes` are the public keys of the lookup purposes, in order of their names.
    """

    agency: bytes
    epoch: int
    threshold: int
    trustees: tuple[Trustee, ...]
    spares: tuple[int, ...]
    agency_key: bytes = field(repr=False)
    agency_signer: PublicKey
    purposes: tuple[PurposeKey, ...] = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.agency

    @property
    def agency_key_id(self) -> bytes:
        """SHA-256 of the agency's HPKE public key: what a record calls it."""
        return key_id(self.agency_key)

    def encode(self) -> bytes:
        """The exact inverse of `parse_trustee_set`."""
        return cbor.encode(
            {
                "version": VERSION,
                "agency": self.agency,
                "epoch": self.epoch,
                "threshold": self.threshold,
                "trustees": [trustee.to_cbor() for trustee in self.trustees],
                "spares": list(self.spares),
                "agency_key": self.agency_key,
                "agency_signer": encode_public_key(self.agency_signer),
                "purposes": [key.encode() for key in self.purposes],
            }
        )


def key_id(public_key: bytes) -> bytes:
    """SHA-256 of an HPKE public key, suite byte and all."""
    return hashlib.sha256(public_key).digest()


def parse_trustee_set(payload: bytes) -> TrusteeSet:
    """The set in a payload, or `FormatError`. Every key in it loads; lookup keys are shared among these trustees."""
    names = (
        "agency", "epoch", "threshold", "trustees", "spares", "agency_key", "agency_signer", "purposes",
    )  # fmt: skip
    agency, epoch, threshold, trustees, spares, agency_key, agency_signer, purposes = parse_payload(
        payload, _CHECK, names
    )
    found = TrusteeSet(
        as_fingerprint(agency, _CHECK),
        as_unsigned(epoch, _CHECK),
        as_unsigned(threshold, _CHECK),
        tuple(as_trustee(value) for value in as_array(trustees, _CHECK)),
        tuple(as_unsigned(value, _CHECK) for value in as_array(spares, _CHECK)),
        as_recipient(agency_key, _CHECK),
        parse_public_key(as_bytes(agency_signer, _CHECK)),
        tuple(parse_purpose_key(as_bytes(value, _CHECK)) for value in as_array(purposes, _CHECK)),
    )
    indices = [trustee.index for trustee in found.trustees]
    check_indices(indices, found.spares)
    if found.epoch < 1 or found.threshold < MIN_THRESHOLD or len(indices) < 2 * found.threshold - 1:
        raise FormatError(
            f"{_CHECK}.threshold", "a set has k of at least 2, n of at least 2k - 1, and counts epochs from 1"
        )
    if len({trustee.key_id for trustee in found.trustees}) != len(indices):
        raise FormatError(f"{_CHECK}.trustees", "two trustees have one key: they would be one trustee")
    names_of_purposes = [key.purpose for key in found.purposes]
    if names_of_purposes != sorted(set(names_of_purposes)):
        raise FormatError(f"{_CHECK}.purposes", "lookup purposes stand in order, each once")
    if any((key.threshold, sorted(key.trustee_keys)) != (found.threshold, indices) for key in found.purposes):
        raise FormatError(f"{_CHECK}.purposes", "a lookup key is shared among other trustees")
    return found


TRUSTEE_SET = Kind("diptych trustee set 1", parse_trustee_set, max_bytes=2 * 1024 * 1024)


def check_indices(holders: Sequence[int], spares: Sequence[int]) -> None:
    """`FormatError` unless both ascend, are disjoint, and lie from 1 to 255."""
    for indices in (holders, spares):
        if list(indices) != sorted(set(indices)) or not all(0 < index <= MAX_INDEX for index in indices):
            raise FormatError("share.index", f"indices ascend, each once, from 1 to {MAX_INDEX}")
    if set(holders) & set(spares):
        raise FormatError("share.index", "a spare index is nobody's")


def as_recipient(value: CborValue, check: str) -> bytes:
    """`value` if it is an HPKE public key that can be sealed to."""
    key = as_bytes(value, check)
    hpke.check_public_key(key)
    return key


def as_trustee(value: CborValue) -> Trustee:
    """The trustee that `value` describes, or `FormatError`. Its keys load."""
    index, name, url, signer, recipient = as_members(value, _CHECK, ("index", "name", "url", "signer", "recipient"))
    return Trustee(
        as_unsigned(index, _CHECK),
        as_line(name, _CHECK),
        as_line(url, _CHECK),
        parse_public_key(as_bytes(signer, _CHECK)),
        as_recipient(recipient, _CHECK),
    )
