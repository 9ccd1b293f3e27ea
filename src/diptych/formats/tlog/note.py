"""Signed notes and verifier keys (c2sp.org/signed-note): text, then who signed it.

What the text says is left to `checkpoint`, and which message each signature type covers to `cosignature`.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

from diptych.crypto.log_signing import Algorithm, check_public_key
from diptych.errors import FormatError
from diptych.formats.tlog.lines import decode_base64, decode_text, encode_base64

KEY_ID_BYTES = 4
MAX_NAME_BYTES = 255  # tlog-cosignature, "ML-DSA-44 signed message": cosigner_name<1..2^8-1>
# signed-note, "Format": at least 16 must be accepted. 32 witnesses and a log with two keys each fit.
MAX_SIGNATURES = 100
MAX_NOTE_BYTES = 512 * 1024

_DASH = "\u2014 "
_FORBIDDEN = re.compile(r"[+\x00-\x1f\s]")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


class SignatureType(IntEnum):
    """The assigned signature types that are accepted here (signed-note, "Signature types")."""

    ED25519 = 0x01
    ED25519_COSIGNATURE = 0x04
    ML_DSA_44_COSIGNATURE = 0x06

    @property
    def algorithm(self) -> Algorithm:
        return Algorithm.ML_DSA_44 if self is SignatureType.ML_DSA_44_COSIGNATURE else Algorithm.ED25519


@dataclass(frozen=True)
class VerifierKey:
    """A named public key for one signature type, as configured by whoever trusts it; `encode` gives its vkey."""

    name: str
    signature_type: SignatureType
    public_key: bytes

    @cached_property
    def key_id(self) -> bytes:
        """Identifies the key beside its name; four bytes are no commitment to it."""
        material = self.name.encode() + b"\n" + bytes([self.signature_type]) + self.public_key
        return hashlib.sha256(material).digest()[:KEY_ID_BYTES]

    def encode(self) -> str:
        """The exact inverse of `parse_vkey`."""
        key = encode_base64(bytes([self.signature_type]) + self.public_key)
        return f"{self.name}+{self.key_id.hex()}+{key}"


@dataclass(frozen=True)
class NoteSignature:
    """One signature line. Says nothing until a configured key has verified it."""

    name: str
    key_id: bytes
    signature: bytes

    def encode(self) -> str:
        """The line, without its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.signature)}"

    def is_from(self, key: VerifierKey) -> bool:
        """Whether name and key ID are the key's: only then does the signature have to verify."""
        return self.name == key.name and self.key_id == key.key_id


@dataclass(frozen=True)
class Note:
    """A text that ends in a newline, and its unverified signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The exact inverse of `parse_note`."""
        return (self.text + "\n" + encode_signatures(self.signatures)).encode()

    def with_signatures(self, signatures: Sequence[NoteSignature]) -> "Note":
        """The same text with `signatures` added, each once."""
        added = dict.fromkeys(signatures)
        return replace(self, signatures=tuple(dict.fromkeys((*self.signatures, *added))))


def parse_vkey(text: str) -> VerifierKey:
    """The key in a vkey (signed-note, "Verifier keys"), or `FormatError`."""
    parts = text.split("+", 2)  # base64 may hold further plus signs, a name may not
    if len(parts) != 3:
        raise FormatError("tlog.vkey", "a verifier key reads name+key ID+key")
    name, key_id, encoded = parts
    check_name(name, "tlog.vkey")
    material = decode_base64(encoded, "tlog.vkey")
    try:
        signature_type = SignatureType(material[0]) if material else None
    except ValueError:
        signature_type = None
    if signature_type is None:
        raise FormatError("tlog.vkey", "a signature type that is not accepted here")
    check_public_key(signature_type.algorithm, material[1:])
    key = VerifierKey(name, signature_type, material[1:])
    # The recommended derivation is a MUST for cosignatures and what every Ed25519 note key in use has.
    if _KEY_ID.fullmatch(key_id) is None or bytes.fromhex(key_id) != key.key_id:
        raise FormatError("tlog.vkey", "the key ID is not that of the name and key beside it")
    return key


def parse_note(data: bytes) -> Note:
    """The note in `data`, or `FormatError`. Nothing about its signatures is verified."""
    whole = decode_text(data, "tlog.note", max_bytes=MAX_NOTE_BYTES)
    split = whole.rfind("\n\n")  # the last empty line ends the text
    if split < 0:
        raise FormatError("tlog.note", "no empty line between text and signatures")
    return Note(whole[: split + 1], parse_signatures(whole[split + 2 :]))


def parse_signatures(lines: str) -> tuple[NoteSignature, ...]:
    """One or more signature lines, each ending in a newline."""
    if not lines.endswith("\n"):
        raise FormatError("tlog.note.signature", "at least one signature line, ending in a newline, is expected")
    found = lines[:-1].split("\n")
    if len(found) > MAX_SIGNATURES:
        raise FormatError("tlog.note.signatures", f"more than {MAX_SIGNATURES} signatures")
    return tuple(_parse_signature(line) for line in found)


def encode_signatures(signatures: Sequence[NoteSignature]) -> str:
    """The exact inverse of `parse_signatures`."""
    return "".join(signature.encode() + "\n" for signature in signatures)


def check_name(name: str, check: str) -> None:
    """Raises `FormatError` unless `name` can be a key name."""
    # signed-note, "Format": non-empty, without Unicode spaces or plus.
    encoded = name.encode("utf-8", "replace")  # half of a surrogate pair becomes "?", and is refused below
    if encoded.decode() != name or not 0 < len(encoded) <= MAX_NAME_BYTES or _FORBIDDEN.search(name):
        raise FormatError(check, "a key name is not empty and has neither spaces nor '+'")


def _parse_signature(line: str) -> NoteSignature:
    if not line.startswith(_DASH):
        raise FormatError("tlog.note.signature", "a signature line begins with an em dash and a space")
    name, space, encoded = line[len(_DASH) :].partition(" ")
    if not space:
        raise FormatError("tlog.note.signature", "a signature line reads: em dash, name, base64")
    check_name(name, "tlog.note.signature")
    data = decode_base64(encoded, "tlog.note.signature")
    if len(data) <= KEY_ID_BYTES:
        raise FormatError("tlog.note.signature", "no signature follows the key ID")
    return NoteSignature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])
