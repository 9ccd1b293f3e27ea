"""The keys of one purpose: a share for each trustee, and what everyone knows of them (docs/spec/lookup-prf.md, "Keys").

A key is made by a ceremony (`ceremony`), never by one party. Its generation counts the times it was shared anew: shares
of two generations do not mix, and the public key stays.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from diptych.crypto.bls12381 import G2, G2_BYTES, SCALAR_BYTES, g2_base, parse_g2, parse_nonzero_scalar
from diptych.crypto.lookup_prf.polynomials import interpolate_keys
from diptych.errors import FormatError
from diptych.private import Secret

VERSION = 1
MIN_THRESHOLD = 2
MAX_INDEX = 255
MAX_GENERATION = 2**32 - 1

_PURPOSE = re.compile(r"[a-z0-9._-]{1,64}")


@dataclass(frozen=True)
class PurposeKey:
    """What is public of one purpose's key. `parse_purpose_key` gives only consistent ones."""

    purpose: str
    generation: int
    threshold: int
    public_key: G2
    trustee_keys: Mapping[int, G2]
    """The public key of each trustee's share, by its index."""

    def encode(self) -> bytes:
        """The exact inverse of `parse_purpose_key`: what an act commits to."""
        head = bytes([VERSION]) + encode_purpose(self.purpose) + self.generation.to_bytes(4, "big")
        counts = bytes([self.threshold, len(self.trustee_keys)])
        keys = b"".join(bytes([index]) + self.trustee_keys[index].encode() for index in sorted(self.trustee_keys))
        return head + counts + self.public_key.encode() + keys


@dataclass(frozen=True)
class KeyShare:
    """One trustee's share of one purpose's key."""

    purpose: str
    generation: int
    index: int
    scalar: Secret
    """32 bytes, big-endian, from 1 to r - 1."""

    def encode(self) -> Secret:
        """The exact inverse of `parse_key_share`. The caller protects it."""
        head = bytes([VERSION]) + encode_purpose(self.purpose) + self.generation.to_bytes(4, "big")
        return Secret(head + bytes([self.index]) + self.scalar.reveal())

    def public_key(self) -> G2:
        return g2_base() * parse_nonzero_scalar(self.scalar.reveal())


def parse_purpose_key(data: bytes) -> PurposeKey:
    """The public key in these bytes, or `FormatError`: every point checked, and all keys shares of the public one."""
    purpose, at = _head(data)
    fixed = at + 4 + 2 + G2_BYTES
    if len(data) < fixed:
        raise FormatError("lookup_prf.key", "the key is cut short")
    generation = int.from_bytes(data[at : at + 4], "big")
    threshold, count = data[at + 4], data[at + 5]
    public_key = parse_g2(data[fixed - G2_BYTES : fixed])
    step = 1 + G2_BYTES
    if len(data) != fixed + count * step:
        raise FormatError("lookup_prf.key", "the key has another number of trustees than it says")
    entries = [data[start : start + step] for start in range(fixed, len(data), step)]
    check_indices([entry[0] for entry in entries], threshold=threshold)
    key = PurposeKey(purpose, generation, threshold, public_key, {entry[0]: parse_g2(entry[1:]) for entry in entries})
    check_consistent(key)
    return key


def parse_key_share(encoded: Secret) -> KeyShare:
    """The share in these bytes, or `FormatError`."""
    data = encoded.reveal()
    purpose, at = _head(data)
    if len(data) != at + 4 + 1 + SCALAR_BYTES:
        raise FormatError("lookup_prf.share", "the share has another length")
    index, scalar = data[at + 4], data[at + 5 :]
    if index == 0:
        raise FormatError("lookup_prf.share", f"a share's index is from 1 to {MAX_INDEX}")
    parse_nonzero_scalar(scalar)
    return KeyShare(purpose, int.from_bytes(data[at : at + 4], "big"), index, Secret(scalar))


def check_consistent(key: PurposeKey) -> None:
    """`FormatError` unless public and trustees' keys are values of one polynomial with `threshold` coefficients."""
    base = {index: key.trustee_keys[index] for index in sorted(key.trustee_keys)[: key.threshold]}
    others = {index: held for index, held in key.trustee_keys.items() if index not in base}
    for index, held in {0: key.public_key, **others}.items():
        if interpolate_keys(base, at=index) != held:
            raise FormatError("lookup_prf.key", "the trustees' keys are not shares of the public key")


def check_indices(indices: list[int], *, threshold: int) -> None:
    """`FormatError` unless they are ascending, from 1 to 255, and enough that a lying minority cannot stop the rest."""
    if indices != sorted(set(indices)) or not all(0 < index <= MAX_INDEX for index in indices):
        raise FormatError("lookup_prf.index", f"indices ascend from 1 to {MAX_INDEX}")
    if threshold < MIN_THRESHOLD or len(indices) < 2 * threshold - 1:
        raise FormatError(
            "lookup_prf.threshold", f"a threshold k is at least {MIN_THRESHOLD}, and there are at least 2k - 1 trustees"
        )


def encode_purpose(purpose: str) -> bytes:
    """Its length in a byte, then its name; `FormatError` unless that is 1 to 64 of `a-z 0-9 . _ -`."""
    if not _PURPOSE.fullmatch(purpose):
        raise FormatError("lookup_prf.purpose", "a purpose's name is 1 to 64 of a-z 0-9 . _ -")
    return bytes([len(purpose)]) + purpose.encode("ascii")


def _head(data: bytes) -> tuple[str, int]:
    """Version and purpose, and where what follows begins."""
    if len(data) < 2 or data[0] != VERSION:
        raise FormatError("lookup_prf.version", f"only version {VERSION} is accepted")
    end = 2 + data[1]
    try:
        purpose = data[2:end].decode("ascii")
    except UnicodeDecodeError as error:
        raise FormatError("lookup_prf.purpose", "a purpose's name is ASCII") from error
    if encode_purpose(purpose) != data[1:end]:
        raise FormatError("lookup_prf.purpose", "the purpose's name is cut short")
    return purpose, end
