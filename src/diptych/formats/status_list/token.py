"""Status list tokens: a list under a signature, as a CWT or as a JWT (clause 5), and what makes one believed (8.3).

Whose key may sign, and fetching, are left to the caller: the chain that a token carries is shown, never believed.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from diptych.crypto import algorithms
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import cbor, strict_json
from diptych.formats.cbor import CborKey, CborValue, Tag, as_map, as_text, as_unsigned
from diptych.formats.cose import sign1
from diptych.formats.cose.sign1 import UnverifiedSign1
from diptych.formats.jose import jws
from diptych.formats.jose.jws import UnverifiedJws
from diptych.formats.status_list import lists
from diptych.formats.status_list.lists import Status, StatusList
from diptych.formats.strict_json import Json

CWT_MEDIA_TYPE = "application/statuslist+cwt"
JWT_MEDIA_TYPE = "application/statuslist+jwt"
JWT_TYPE = "statuslist+jwt"
MAX_BYTES = 1024 * 1024
MAX_SKEW = timedelta(minutes=5)
"""How far ahead of ours the clock of who signs a list may be."""

COSE_SIGN1_TAG = 18
SUB, EXP, IAT, STATUS_LIST, TTL = 2, 4, 6, 65533, 65534
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z


@dataclass(frozen=True)
class StatusListToken:
    """What a token says: the statuses under `uri`, as they were at `issued_at`. Moments have whole seconds."""

    uri: str
    issued_at: datetime
    status_list: StatusList
    expires_at: datetime | None = None
    ttl_seconds: int | None = None


@dataclass(frozen=True)
class UnverifiedStatusListToken:
    """A well-formed token whose signature nobody has checked yet."""

    unverified: StatusListToken
    envelope: UnverifiedSign1 | UnverifiedJws

    def encode(self) -> bytes:
        """The exact inverse of `parse_cwt` or `parse_jwt`."""
        if isinstance(self.envelope, UnverifiedJws):
            return self.envelope.compact.encode()
        return cbor.encode(Tag(COSE_SIGN1_TAG, self.envelope.to_cbor()))

    def chain(self) -> tuple[bytes, ...]:
        """The certificates that it carries (`x5chain`, `x5c`), leaf first, unjudged; `FormatError` without any."""
        if isinstance(self.envelope, UnverifiedSign1):
            return self.envelope.x5chain()
        x5c = self.envelope.header.get("x5c")
        if not isinstance(x5c, list) or not x5c:
            raise FormatError("status_list.x5c", "the token carries no certificate chain")
        return tuple(_certificate(text) for text in x5c)


@dataclass(frozen=True)
class VerifiedStatusList:
    """A list that its signer vouches for, for now. Only `verify` makes one."""

    token: StatusListToken

    def at(self, index: int) -> int:
        """The status at an index; `VerificationError` beyond the list."""
        return self.token.status_list.at(index)

    def check_stands(self, index: int) -> None:
        """Raises `Refused` unless the document with this index stands; `VerificationError` beyond the list."""
        status = self.at(index)
        if status == Status.INVALID:
            raise Refused("status.revoked", "the document was revoked: it does not come back")
        if status == Status.SUSPENDED:
            raise Refused("status.suspended", "the document is suspended: its issuer may reinstate it")
        if status != Status.VALID:
            raise Refused("status.unknown", "the document has a status that is not understood here")


def sign_cwt(token: StatusListToken, *, signer: Signer, chain: Sequence[bytes]) -> bytes:
    """The token as a CWT: a tagged COSE_Sign1 without the CWT tag (clause 5.2)."""
    claims: dict[CborKey, CborValue] = {SUB: token.uri, IAT: _seconds(token.issued_at)}
    if token.expires_at is not None:
        claims[EXP] = _seconds(token.expires_at)
    if token.ttl_seconds is not None:
        claims[TTL] = token.ttl_seconds
    claims[STATUS_LIST] = token.status_list.to_cbor()
    signed = sign1.sign(cbor.encode(claims), signer=signer, x5chain=chain, typ=CWT_MEDIA_TYPE)
    return cbor.encode(Tag(COSE_SIGN1_TAG, signed.to_cbor()))


def sign_jwt(token: StatusListToken, *, signer: Signer, chain: Sequence[bytes]) -> str:
    """The token as a JWT (clause 5.1)."""
    claims: dict[str, Json] = {"sub": token.uri, "iat": _seconds(token.issued_at)}
    if token.expires_at is not None:
        claims["exp"] = _seconds(token.expires_at)
    if token.ttl_seconds is not None:
        claims["ttl"] = token.ttl_seconds
    claims["status_list"] = token.status_list.to_json()
    x5c: list[Json] = [base64.b64encode(der).decode() for der in chain]
    return jws.sign(claims, signer=signer, typ=JWT_TYPE, header={"x5c": x5c})


def parse_cwt(data: bytes) -> UnverifiedStatusListToken:
    """The CWT in `data`, or `FormatError`. MACs are not read: whoever could check one could make one."""
    if len(data) > MAX_BYTES:
        raise FormatError("status_list.size", f"a status list token here has at most {MAX_BYTES} bytes")
    tagged = cbor.decode(data)
    if not isinstance(tagged, Tag) or tagged.number != COSE_SIGN1_TAG:
        # 5.2: the COSE tag is required, and the CWT tag is not allowed.
        raise FormatError("status_list.tag", f"a status list token is a COSE_Sign1 with tag {COSE_SIGN1_TAG}")
    envelope = sign1.from_cbor(tagged.value, expected_typ=CWT_MEDIA_TYPE)
    if envelope.unverified_payload is None:
        raise FormatError("status_list.payload", "the claims are missing from the token")
    claims = as_map(cbor.decode(envelope.unverified_payload), "status_list.claims")
    for label in (SUB, IAT, STATUS_LIST):
        if label not in claims:
            raise FormatError("status_list.claims", f"the claim {label} is missing")
    # 5.2: other claims may be there; none of those that are read here changes its meaning by them.
    return UnverifiedStatusListToken(
        _token(
            as_text(claims[SUB], "status_list.sub"),
            as_unsigned(claims[IAT], "status_list.iat"),
            None if EXP not in claims else as_unsigned(claims[EXP], "status_list.exp"),
            None if TTL not in claims else as_unsigned(claims[TTL], "status_list.ttl"),
            lists.from_cbor(claims[STATUS_LIST]),
        ),
        envelope,
    )


def parse_jwt(data: bytes) -> UnverifiedStatusListToken:
    """The JWT in `data`, or `FormatError`."""
    if len(data) > MAX_BYTES or not data.isascii():
        raise FormatError("status_list.size", f"a status list token here has at most {MAX_BYTES} ASCII characters")
    envelope = jws.parse(data.decode("ascii"), expected_typ=JWT_TYPE)
    claims = strict_json.parse_object(envelope.unverified_payload)
    return UnverifiedStatusListToken(
        _token(
            strict_json.text(claims, "sub"),
            strict_json.integer(claims, "iat"),
            strict_json.integer(claims, "exp") if "exp" in claims else None,
            strict_json.integer(claims, "ttl") if "ttl" in claims else None,
            lists.from_json(claims.get("status_list")),
        ),
        envelope,
    )


def parse(data: bytes, *, media_type: str) -> UnverifiedStatusListToken:
    """The token in an answer of that media type (clause 8.2), or `FormatError`."""
    if media_type == CWT_MEDIA_TYPE:
        return parse_cwt(data)
    if media_type == JWT_MEDIA_TYPE:
        return parse_jwt(data)
    raise FormatError("status_list.media_type", f"expected {CWT_MEDIA_TYPE} or {JWT_MEDIA_TYPE}")


def verify(
    unverified: UnverifiedStatusListToken, public_key: PublicKey, *, expected_uri: str, now: datetime
) -> VerifiedStatusList:
    """The list, once all of this holds (clause 8.3, steps 3 and 4); `VerificationError` otherwise:

    1. This key signed it, with an algorithm that is still accepted.
    2. It speaks of the URI that the document names.
    3. It was not made in the future.
    4. It has not expired. One that never would is not believed: an old one could be shown for ever.
    """
    token = unverified.unverified
    # 1.
    algorithms.check_accepted((algorithms.ES256,), now=now)
    if isinstance(unverified.envelope, UnverifiedJws):
        jws.verify(unverified.envelope, public_key, now=now)
    else:
        sign1.verify(unverified.envelope, public_key)
    # 2.
    if token.uri != expected_uri:
        raise VerificationError("status.uri", "this status list is another than the one that the document names")
    # 3.
    if token.issued_at > now + MAX_SKEW:
        raise VerificationError("status.issued_at", "this status list is from the future: check the clocks")
    # 4. `exp` is only recommended (5.1, 5.2); here it is required.
    if token.expires_at is None or token.expires_at <= now:
        raise VerificationError("status.expired", "this status list has expired, or never would: it says nothing now")
    return VerifiedStatusList(token)


def _token(
    uri: str, issued_at: int, expires_at: int | None, ttl_seconds: int | None, status_list: StatusList
) -> StatusListToken:
    if ttl_seconds is not None and not 0 < ttl_seconds <= _LAST_SECOND:
        raise FormatError("status_list.ttl", "a time to live is a positive number of seconds")
    return StatusListToken(
        uri,
        _moment(issued_at, "status_list.iat"),
        status_list,
        None if expires_at is None else _moment(expires_at, "status_list.exp"),
        ttl_seconds,
    )


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int, check: str) -> datetime:
    if not 0 <= seconds <= _LAST_SECOND:
        raise FormatError(check, "a moment is a whole number of seconds between 1970 and 9999")
    return datetime.fromtimestamp(seconds, UTC)


def _certificate(text: Json) -> bytes:
    try:
        # RFC 7515 4.1.6: base64, not base64url.
        return base64.b64decode(text.encode("ascii") if isinstance(text, str) else b"!", validate=True)
    except (ValueError, binascii.Error) as error:
        raise FormatError("status_list.x5c", "a certificate is DER in base64") from error
