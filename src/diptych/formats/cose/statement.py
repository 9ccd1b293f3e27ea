"""Statements: CBOR that one key signed for one purpose, as officers, trustees, courts and the agency exchange it.

A COSE_Sign1 whose external data are the purpose, and whose payload names its signer (docs/spec/statements.md). What a
statement says is its content's module; whether its signer may say so is left to whoever verifies it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from diptych.crypto import algorithms
from diptych.crypto.signing import PublicKey, Signer, fingerprint
from diptych.errors import FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, FullDate, as_bytes, as_text, as_unsigned
from diptych.formats.cose import sign1
from diptych.formats.cose.sign1 import UnverifiedSign1

FINGERPRINT_BYTES = 32
RECORD_ID_BYTES = 16
VERSION = 1
MAX_TEXT_CHARACTERS = 200
MAX_CODE_CHARACTERS = 64

_CODE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


class Content(Protocol):
    """What a statement says."""

    @property
    def signer(self) -> bytes:
        """The fingerprint of the key that says it."""
        ...

    def encode(self) -> bytes:
        """The one encoding of it: the payload."""
        ...


T = TypeVar("T", bound=Content)


@dataclass(frozen=True)
class UnverifiedStatement(Generic[T]):
    """A well-formed statement whose signature nobody has checked yet."""

    unverified: T
    signature: UnverifiedSign1 = field(repr=False)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the payload that came: the same whatever the signature."""
        return _digest(self.signature)

    def encode(self) -> bytes:
        """The exact inverse of `Kind.parse`."""
        return self.signature.encode()


@dataclass(frozen=True)
class VerifiedStatement(Generic[T]):
    """What the key named in it signed. `encoded` are the very bytes that came."""

    content: T
    digest: bytes
    encoded: bytes = field(repr=False)


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of statement: its purpose, how its payload reads, and how long it can be.

    The purpose is external data of the signature: nothing else that the key signs can pass for this.
    """

    purpose: str
    parse_content: Callable[[bytes], T]
    max_bytes: int = 4096

    def sign(self, content: T, *, signer: Signer) -> UnverifiedStatement[T]:
        """The content under the signature of the key that it names; `VerificationError` when that is another."""
        if content.signer != fingerprint(signer.public_key):
            raise VerificationError("statement.signer", "it names another key than the one that signs it")
        payload = content.encode()
        self.parse_content(payload)
        return UnverifiedStatement(content, sign1.sign(payload, signer=signer, external_aad=self.purpose.encode()))

    def parse(self, data: bytes) -> UnverifiedStatement[T]:
        """A well-formed statement of this kind, or `FormatError`."""
        if len(data) > self.max_bytes:
            raise FormatError("statement.size", f"a {self.purpose[:-2]} has at most {self.max_bytes} bytes")
        signature = sign1.parse(data)
        if signature.unverified_payload is None:
            raise FormatError("statement.payload", "what was signed is missing from its signature")
        if signature.unprotected:
            raise FormatError("statement.header", "a statement's signature has no unprotected header")
        found = UnverifiedStatement(self.parse_content(signature.unverified_payload), signature)
        if found.encode() != data or found.unverified.encode() != signature.unverified_payload:
            raise FormatError("statement.canonical", "not the one encoding of this statement")
        return found

    def verify(
        self, unverified: UnverifiedStatement[T], public_key: PublicKey, *, now: datetime
    ) -> VerifiedStatement[T]:
        """What `public_key` signed for this purpose, or `VerificationError`. Whose key that is, the caller knows."""
        if unverified.unverified.signer != fingerprint(public_key):
            raise VerificationError("statement.signer", "another key than the expected one is named in it")
        algorithms.check_accepted((algorithms.ES256,), now=now)
        sign1.verify(unverified.signature, public_key, external_aad=self.purpose.encode())
        return VerifiedStatement(unverified.unverified, unverified.digest, unverified.encode())


# Readers for what all payloads are made of: the value with its type, or `FormatError` under the caller's check name.


def as_members(value: CborValue, check: str, names: Sequence[str]) -> list[CborValue]:
    """The values of a map with exactly these members, in this order."""
    members = cbor.as_struct(value, check, required=names)
    if list(members) != list(names):
        raise FormatError(check, "the members stand in another order than specified")
    return list(members.values())


def parse_payload(payload: bytes, check: str, names: Sequence[str]) -> list[CborValue]:
    """The values of a payload's members after `version`, which must be 1."""
    version, *values = as_members(cbor.decode(payload), check, ("version", *names))
    if as_unsigned(version, check) != VERSION:
        raise FormatError(f"{check}.version", f"only version {VERSION} is known here")
    return values


def as_exactly(value: CborValue, length: int, check: str) -> bytes:
    """`value` if it is a byte string of `length` bytes."""
    found = as_bytes(value, check)
    if len(found) != length:
        raise FormatError(check, f"expected {length} bytes")
    return found


def as_fingerprint(value: CborValue, check: str) -> bytes:
    """`value` if it can be the fingerprint of a key, or a digest."""
    return as_exactly(value, FINGERPRINT_BYTES, check)


def as_day(value: CborValue, check: str) -> date:
    """The day in `value` if it is a full date (tag 1004)."""
    if not isinstance(value, FullDate):
        raise FormatError(check, "expected a full date (tag 1004)")
    return value.day()


def as_line(value: CborValue, check: str) -> str:
    """`value` if it is a text of 1 to 200 characters without control characters."""
    text = as_text(value, check)
    if not 0 < len(text) <= MAX_TEXT_CHARACTERS or any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text):
        raise FormatError(check, f"expected 1 to {MAX_TEXT_CHARACTERS} characters, none of them a control character")
    return text


def as_code(value: CborValue, check: str) -> str:
    """`value` if it is a code: 1 to 64 of `a-z 0-9 . _ -`."""
    text = as_text(value, check)
    if not 0 < len(text) <= MAX_CODE_CHARACTERS or not _CODE_CHARACTERS.issuperset(text):
        raise FormatError(check, f"expected 1 to {MAX_CODE_CHARACTERS} of a-z 0-9 . _ -")
    return text


def _digest(signature: UnverifiedSign1) -> bytes:
    assert signature.unverified_payload is not None
    return hashlib.sha256(signature.unverified_payload).digest()
