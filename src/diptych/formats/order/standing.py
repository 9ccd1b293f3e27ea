"""An officer's word that an order's documents are suspended, stand again, or are revoked, as it is sent to the issuer.

COSE_Sign1 (RFC 9052 4.2) over a CBOR map (docs/spec/order.md, "Standing"). Reasons come from a closed list: what is
written into an act about a person is chosen, not typed. Which moves are allowed is left to the issuer.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from diptych.crypto import algorithms
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats.cbor import TDate, as_bytes, as_struct, as_tdate, as_text, as_unsigned, decode, encode
from diptych.formats.cose import sign1
from diptych.formats.cose.sign1 import UnverifiedSign1
from diptych.formats.order.signed import officer_fingerprint
from diptych.formats.order.wraps import ORDER_ID_BYTES

MEDIA_TYPE = "application/vnd.diptych.standing+cbor"
VERSION = 1
MAX_BYTES = 8 * 1024
MAX_AGE = timedelta(minutes=10)
"""How long such a word is taken after it was said, and how far our clocks may be apart."""

_PURPOSE = b"diptych order standing 1"
"""External data of the signature: nothing else that an officer's key signs can pass for this."""


class Standing(StrEnum):
    """How an order's documents stand from now on."""

    SUSPENDED = "suspended"
    REINSTATED = "reinstated"
    REVOKED = "revoked"


REASONS: Mapping[Standing, tuple[str, ...]] = {
    Standing.SUSPENDED: ("holder-request", "lost", "stolen", "entitlement-suspended", "under-review"),
    Standing.REINSTATED: ("holder-request", "found", "entitlement-restored", "review-closed", "said-in-error"),
    Standing.REVOKED: (
        "holder-request",
        "lost",
        "stolen",
        "entitlement-withdrawn",
        "data-wrong",
        "issued-in-error",
        "superseded",
        "holder-deceased",
    ),
}


@dataclass(frozen=True)
class StandingOrder:
    """What an officer says about one order. `said_at` has whole seconds."""

    order_id: bytes
    issuer: str
    officer: bytes
    standing: Standing
    reason: str
    said_at: datetime

    def __post_init__(self) -> None:
        if len(self.order_id) != ORDER_ID_BYTES:
            raise FormatError("standing.order", f"an order's id has {ORDER_ID_BYTES} bytes")
        if self.reason not in REASONS[self.standing]:
            known = ", ".join(REASONS[self.standing])
            raise FormatError("standing.reason", f"the reason is one of: {known}")

    def encode(self) -> bytes:
        """The payload that is signed."""
        return encode(
            {
                "version": VERSION,
                "order": self.order_id,
                "issuer": self.issuer,
                "officer": self.officer,
                "standing": str(self.standing),
                "reason": self.reason,
                "said_at": TDate.of(self.said_at),
            }
        )


@dataclass(frozen=True)
class UnverifiedStanding:
    """A well-formed word whose signature nobody has checked yet."""

    unverified: StandingOrder
    signature: UnverifiedSign1

    def encode(self) -> bytes:
        """The exact inverse of `parse`."""
        return self.signature.encode()


@dataclass(frozen=True)
class VerifiedStanding:
    """What an honoured officer said to this issuer just now."""

    said: StandingOrder


def sign(said: StandingOrder, *, signer: Signer) -> bytes:
    """The word under the signature of the officer whom it names."""
    if said.officer != officer_fingerprint(signer.public_key):
        raise VerificationError("standing.officer", "it names another officer's key than the one that signs it")
    return sign1.sign(said.encode(), signer=signer, external_aad=_PURPOSE).encode()


def parse(data: bytes) -> UnverifiedStanding:
    """A well-formed word, or `FormatError`."""
    if len(data) > MAX_BYTES:
        raise FormatError("standing.size", f"such a message has at most {MAX_BYTES} bytes")
    signature = sign1.parse(data)
    if signature.unverified_payload is None or signature.unprotected:
        raise FormatError("standing.header", "the message has its payload, and no unprotected header")
    names = ("version", "order", "issuer", "officer", "standing", "reason", "said_at")
    members = as_struct(decode(signature.unverified_payload), "standing", required=names)
    if as_unsigned(members["version"], "standing.version") != VERSION:
        raise FormatError("standing.version", f"only version {VERSION} is known here")
    standing = as_text(members["standing"], "standing.standing")
    if standing not in set(Standing):
        raise FormatError("standing.standing", f"an order is made one of: {', '.join(Standing)}")
    said = StandingOrder(
        order_id=as_bytes(members["order"], "standing.order"),
        issuer=as_text(members["issuer"], "standing.issuer"),
        officer=as_bytes(members["officer"], "standing.officer"),
        standing=Standing(standing),
        reason=as_text(members["reason"], "standing.reason"),
        said_at=as_tdate(members["said_at"], "standing.said_at"),
    )
    if said.encode() != signature.unverified_payload:
        raise FormatError("standing.canonical", "not the one encoding of this message")
    return UnverifiedStanding(said, signature)


def verify(
    unverified: UnverifiedStanding, *, officers: Collection[PublicKey], expected_issuer: str, now: datetime
) -> VerifiedStanding:
    """The word, once all of this holds:

    1. it names an officer whose key is honoured here (else `Refused`);
    2. that key signed it, for this purpose, with an algorithm that is still accepted;
    3. it is meant for this issuer;
    4. it was said now: an old one, kept by somebody, changes nothing later.

    Not checked: whether something newer was said about the order, which only the issuer's memory knows.
    """
    said = unverified.unverified
    # 1
    officer = next((key for key in officers if officer_fingerprint(key) == said.officer), None)
    if officer is None:
        raise Refused("order.officer", "this issuer does not honour that officer's key: add it to its officers first")
    # 2
    algorithms.check_accepted((algorithms.ES256,), now=now)
    sign1.verify(unverified.signature, officer, external_aad=_PURPOSE)
    # 3
    if said.issuer != expected_issuer:
        raise VerificationError("standing.issuer", "this is meant for another issuer")
    # 4
    if abs(said.said_at - now) > MAX_AGE:
        raise VerificationError("standing.said_at", "this was not said just now: say it again, and check the clock")
    return VerifiedStanding(said)
