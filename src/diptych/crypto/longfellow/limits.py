"""What can be proven: the limits of the circuits and of the native code, checked before either is reached.

The native prover aborts, or corrupts memory, on items outside of these limits, and answers most others with one
error code for everything; so whoever issues, asks, proves or verifies checks here first. Whether a claim is true is
left to `native`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from diptych.errors import Refused, VerificationError

MAX_CLAIMS = 4
MAX_IDENTIFIER_BYTES = 23
MAX_NAMESPACE_BYTES = 64
MAX_DOC_TYPE_BYTES = 255
MAX_ENCODED_VALUE_BYTES = 64
MAX_NUMBER = 2**32 - 1  # the native CBOR reader knows no 64-bit integers

# Two SHA-256 blocks less padding: the digest's preimage is the whole tag-24 item (ISO 18013-5 9.1.2.5).
MAX_TAGGED_ITEM_BYTES = 119
SALT_BYTES = 16
# tag 24 and length (4), map (1), "digestID" (9) and an id up to 255 (2), "random" (7) and salt (1 + 16),
# "elementIdentifier" (18) and its text's head (1), "elementValue" (13).
_ITEM_OVERHEAD_BYTES = 4 + 1 + 9 + 2 + 7 + 1 + SALT_BYTES + 18 + 1 + 13

# The Sig_structure over the MSO: 20 bytes before it, 9 of SHA-256 padding, in 40 (version 7) or 35 blocks. The
# library's own check forgets the two bytes of length and lets the last block overflow.
_MAX_SHA_BLOCKS = {7: 40, 6: 35}
_SIG_STRUCTURE_OVERHEAD_BYTES = 20 + 9
_MIN_TAGGED_MSO_BYTES = 5 + 256

MIN_PROOF_BYTES = 300_000
MAX_PROOF_BYTES = 1_000_000
# The native code aborts at 64 kB. A transcript is a hash and a few names.
MAX_TRANSCRIPT_BYTES = 8 * 1024

_TAGGED_TEXT = {b"\xc0", b"\xd9\x03\xec"}  # tag 0 (date-time) and tag 1004 (full-date, RFC 8943)


@dataclass(frozen=True)
class Claim:
    """One equality: the element `identifier` of `namespace` has the value whose CBOR is `encoded_value`."""

    namespace: str
    identifier: str
    encoded_value: bytes = field(repr=False)


def check_provable(identifier: str, encoded_value: bytes) -> None:
    """Raises `Refused` unless an element with this identifier and CBOR value can be proven in zero knowledge."""
    room = room_for_value(identifier)
    _check_scalar(encoded_value)
    if len(encoded_value) > room:
        raise Refused(
            "zk.item_too_long",
            f"the encoded value has {len(encoded_value)} bytes; beside an identifier of this length"
            f" {room} can be proven",
        )


def room_for_value(identifier: str) -> int:
    """How many bytes the CBOR value of an element with this identifier may have to be provable."""
    length = len(identifier.encode("utf-8", "surrogatepass"))
    if not identifier.isascii() or not identifier.isprintable() or not 1 <= length <= MAX_IDENTIFIER_BYTES:
        raise Refused(
            "zk.identifier", f"an identifier that can be proven has 1 to {MAX_IDENTIFIER_BYTES} ASCII characters"
        )
    return min(MAX_TAGGED_ITEM_BYTES - _ITEM_OVERHEAD_BYTES - length, MAX_ENCODED_VALUE_BYTES)


def check_claims(claims: Sequence[Claim]) -> None:
    """Raises `Refused` unless these claims fit one proof: one to four, of one namespace, each once and provable."""
    if not 1 <= len(claims) <= MAX_CLAIMS:
        raise Refused("zk.claim_count", f"one proof carries 1 to {MAX_CLAIMS} claims")
    if len({claim.namespace for claim in claims}) != 1:
        # The circuits do not bind the namespace: two of them in one proof could answer for one another.
        raise Refused("zk.one_namespace", "all claims of one proof are of one namespace")
    if len({claim.identifier for claim in claims}) != len(claims):
        raise Refused("zk.claim_repeated", "a claim is repeated")
    _check_name("zk.namespace", "a namespace", claims[0].namespace, MAX_NAMESPACE_BYTES)
    for claim in claims:
        check_provable(claim.identifier, claim.encoded_value)


def check_tagged_item(tagged_item: bytes) -> None:
    """Raises `Refused` unless a tag-24 item as issued is short enough to be handed to the prover."""
    if not tagged_item.startswith(b"\xd8\x18\x58"):
        raise Refused("zk.item_untagged", "an item that can be proven is wrapped in tag 24, with a one-byte length")
    if len(tagged_item) > MAX_TAGGED_ITEM_BYTES:
        raise Refused("zk.item_too_long", f"an item that can be proven has at most {MAX_TAGGED_ITEM_BYTES} bytes")


def check_tagged_mso(tagged_mso: bytes, *, version: int) -> None:
    """Raises `Refused` unless a tag-24 MSO fits the circuits of that version (about 62 attributes in version 7)."""
    most = 64 * _MAX_SHA_BLOCKS[version] - _SIG_STRUCTURE_OVERHEAD_BYTES
    if not tagged_mso.startswith(b"\xd8\x18\x59") or not _MIN_TAGGED_MSO_BYTES <= len(tagged_mso) <= most:
        raise Refused("zk.mso_size", f"the signed object has {len(tagged_mso)} bytes; {most} can be proven")


def check_statement(*, doc_type: str, transcript: bytes, timestamp: datetime) -> None:
    """Raises `Refused` unless the rest of what a proof is about is within what the native code takes."""
    _check_name("zk.doc_type", "a docType", doc_type, MAX_DOC_TYPE_BYTES)
    if not 1 <= len(transcript) <= MAX_TRANSCRIPT_BYTES:
        raise Refused("zk.transcript_size", f"a transcript has at most {MAX_TRANSCRIPT_BYTES} bytes")
    if timestamp.tzinfo is None or timestamp.microsecond:
        # Prover and verifier must name the same second; the circuit compares the text.
        raise Refused("zk.timestamp", "the moment of a proof is in UTC with whole seconds")


def check_proof_size(proof: bytes) -> None:
    """Raises `VerificationError` unless the proof has a size that a proof can have."""
    if not MIN_PROOF_BYTES <= len(proof) <= MAX_PROOF_BYTES:
        raise VerificationError("zk.proof_size", f"a proof has between {MIN_PROOF_BYTES} and {MAX_PROOF_BYTES} bytes")


def timestamp_text(timestamp: datetime) -> str:
    """The moment as the circuits compare it, `YYYY-MM-DDTHH:MM:SSZ`."""
    return timestamp.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_name(check: str, what: str, name: str, most: int) -> None:
    # An embedded NUL would end the name for the native code and not for us: printable ASCII only.
    if not name.isascii() or not name.isprintable() or not 1 <= len(name) <= most:
        raise Refused(check, f"{what} in a proof has 1 to {most} printable ASCII characters")


def _check_scalar(encoded_value: bytes) -> None:
    """One complete CBOR scalar: unsigned integer, text, bytes, boolean, or a date as tagged text (RFC 8949 3.1)."""
    for head in _TAGGED_TEXT:
        if encoded_value.startswith(head):
            encoded_value = encoded_value[len(head) :]
            if encoded_value[:1] and encoded_value[0] >> 5 != 3:
                raise Refused("zk.value_kind", "a tagged value that can be proven is a date")
    if not encoded_value:
        raise Refused("zk.value_kind", "the encoded value is not one CBOR item")
    major, extra = encoded_value[0] >> 5, encoded_value[0] & 0x1F
    if major == 1:
        raise Refused("zk.value_negative", "a negative number cannot be proven")
    if major in (4, 5):
        raise Refused("zk.value_structured", "an array or a map cannot be proven")
    if major == 6:
        raise Refused("zk.value_kind", "of tagged values only dates can be proven")
    if major == 7:
        if encoded_value not in (b"\xf4", b"\xf5"):
            raise Refused("zk.value_kind", "of simple values only true and false can be proven, and no floats")
        return
    argument, head_length = extra, 1
    if extra >= 24:
        head_length = 1 + (1 << (extra - 24)) if extra <= 27 else 0
        argument = int.from_bytes(encoded_value[1:head_length], "big")
    if major == 0 and argument > MAX_NUMBER:
        raise Refused("zk.value_number", f"a number that can be proven is at most {MAX_NUMBER}")
    length = head_length + (argument if major in (2, 3) else 0)
    if head_length == 0 or len(encoded_value) != length:
        raise Refused("zk.value_kind", "the encoded value is not one CBOR item")
