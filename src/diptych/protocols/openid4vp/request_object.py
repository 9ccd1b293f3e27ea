"""Signed request objects (RFC 9101 JAR as OpenID4VP 1.0, 5, and HAIP 1.0, 5.1, profile it), and the links to them.

A `VerifiedRequest` says who asks, what for and what; only `verify` makes one. Whether to answer is left to the
person.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.jose import jwe, jwk, jws
from diptych.formats.mdoc import session_transcript
from diptych.formats.strict_json import Json
from diptych.formats.x509 import certificate, validation
from diptych.protocols.oauth.form import encode_form, parse_form
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.openid4vp import dcql, registration, zk
from diptych.protocols.openid4vp.dcql import Query
from diptych.protocols.openid4vp.registration import LocalizedText, RegisteredUse, VerifierTrust, moment
from diptych.protocols.openid4vp.scope import pseudonym_scope

TYP = "oauth-authz-req+jwt"
MEDIA_TYPE = f"application/{TYP}"
AUDIENCE = "https://self-issued.me/v2"  # OpenID4VP 1.0, 5.8: static discovery
CLIENT_ID_PREFIX = "x509_hash:"
SCHEMES = ("openid4vp", "haip-vp")
RESPONSE_MODE = "direct_post.jwt"

ES256 = (-7, -9)  # COSE: ECDSA with SHA-256, and the same with the curve named
HMAC_P256 = -65537  # B.2.2: device MAC by ECDH on P-256

NONCE_BYTES = 32
MAX_BYTES = jws.MAX_BYTES
MAX_LINK = 4096
MAX_TEXT = 512
MAX_CHAIN = 3
MAX_KEYS = 8
MAX_INFO = 16
CLOCK_SKEW = timedelta(minutes=2)
_URL_SAFE = re.compile(r"[A-Za-z0-9._~-]{1,512}")  # 5.2: nonce and state are ASCII URL-safe characters


@dataclass(frozen=True)
class RequestLink:
    """What a QR code or a link carries: where the request is, and whose it must be."""

    client_id: str
    request_uri: str

    def encode(self) -> str:
        """`openid4vp://?...`, for the same device or another."""
        fields = {"client_id": self.client_id, "request_uri": self.request_uri, "request_uri_method": "post"}
        return f"{SCHEMES[0]}://?{encode_form(fields).decode()}"


@dataclass(frozen=True)
class PresentationRequest:
    """The parameters of one request. `encryption_key` is made for this request alone."""

    client_id: str
    response_uri: str
    nonce: str
    query: Query
    encryption_key: PublicKey
    encryption_kid: str
    encryptions: tuple[str, ...] = jwe.CONTENT_ENCRYPTIONS
    state: str | None = None
    wallet_nonce: str | None = None
    issued: datetime | None = None
    expires: datetime | None = None
    registration: str | None = None
    use: str | None = None

    def transcript(self) -> bytes:
        """The session transcript that an mdoc's answer is bound to (B.2.6.1), rebuilt by each side on its own."""
        return session_transcript.openid4vp_redirect(
            client_id=self.client_id,
            nonce=self.nonce,
            jwk_thumbprint=jwk.thumbprint(self.encryption_key),
            response_uri=self.response_uri,
        )


@dataclass(frozen=True)
class VerifierIdentity:
    """Who asks, as an access certificate authority vouches for it."""

    name: str
    country: str | None
    client_id: str
    scope: str
    """Who it is to pseudonyms, whatever key it asks with: see `scope.py`."""


@dataclass(frozen=True)
class VerifiedRequest:
    """A request whose signer is known and whose question is registered (`use` is None only if that was waived)."""

    verifier: VerifierIdentity
    request: PresentationRequest
    use: RegisteredUse | None

    @property
    def query(self) -> Query:
        """What is asked."""
        return self.request.query

    @property
    def purpose(self) -> LocalizedText | None:
        """What for, as registered."""
        return None if self.use is None else self.use.purpose

    def transcript(self) -> bytes:
        """The session transcript that answers are bound to."""
        return self.request.transcript()


def client_id(leaf_der: bytes) -> str:
    """The client identifier of the holder of an access certificate (5.9.3)."""
    return CLIENT_ID_PREFIX + certificate.x509_hash(leaf_der)


def fresh(entropy: Entropy) -> str:
    """A nonce, state or wallet_nonce: 256 bits, URL-safe."""
    return base64url.encode(entropy(NONCE_BYTES))


def parse_link(link: str) -> RequestLink:
    """The link in a QR code, or `FormatError`. Requests by value or by GET are not accepted here."""
    if len(link) > MAX_LINK:
        raise FormatError("request.link_size", f"a link here has at most {MAX_LINK} characters")
    scheme, separator, rest = link.strip().partition("://")
    if not separator or scheme not in SCHEMES:
        raise FormatError("request.link", f"expected a link that begins with {SCHEMES[0]}://")
    authority, question, query = rest.partition("?")
    if not question or authority.strip("/"):
        raise FormatError("request.link", "expected the request's parameters after a question mark")
    try:
        fields = parse_form(query.encode("ascii"))
    except UnicodeEncodeError as error:
        raise FormatError("request.link", "a link is ASCII") from error
    client, request_uri = fields.get("client_id", ""), fields.get("request_uri", "")
    if not client.startswith(CLIENT_ID_PREFIX) or len(client) > MAX_TEXT:
        raise FormatError("request.client_id", "only verifiers named by x509_hash are accepted", code="invalid_request")
    if fields.get("request_uri_method") != "post":
        # 5.10: only by POST can a wallet_nonce show that the request object was made for this wallet, now.
        raise FormatError("request.uri_method", "request_uri_method must be post", code="invalid_request_uri_method")
    return RequestLink(client, parse_url(request_uri).text)


def encode_fetch(wallet_nonce: str) -> dict[str, str]:
    """The form fields with which a wallet fetches the request object (5.10)."""
    return {"wallet_nonce": wallet_nonce}


def parse_fetch(body: bytes) -> str | None:
    """The wallet_nonce in the body of a fetch, if there is one. Unrecognised fields are ignored (5.10)."""
    wallet_nonce = parse_form(body).get("wallet_nonce")
    if wallet_nonce is not None and not 0 < len(wallet_nonce) <= MAX_TEXT:
        raise FormatError(
            "request.wallet_nonce", f"wallet_nonce has 1 to {MAX_TEXT} characters", code="invalid_request"
        )
    return wallet_nonce


def sign(request: PresentationRequest, *, signer: Signer, chain: Sequence[bytes]) -> str:
    """The request object. `chain` is the access certificate and any authority between it and the root, DER.

    HAIP 1.0, 5: the root itself stays out, so that wallets bring their own.
    """
    x5c: list[Json] = [base64.b64encode(der).decode() for der in chain]
    return jws.sign(encode(request), signer=signer, typ=TYP, header={"x5c": x5c})


def verify(
    compact: str,
    *,
    expected_client_id: str,
    expected_wallet_nonce: str,
    trust: VerifierTrust,
    now: datetime,
    accept_unregistered: bool = False,
) -> VerifiedRequest:
    """Who asks, what for and what. Raises `FormatError`, `VerificationError` or `Refused`:

    1. A JWS of the right type whose leaf certificate is the one that the client_id names.
    2. The leaf is an access certificate under a root that the wallet trusts, valid now.
    3. The leaf's key signed the request; nothing in it is used before.
    4. It is from the client of the link, for wallets, made for this fetch and for this time.
    5. Its answer goes, encrypted, to where only this verifier reads it.
    6. The verifier registered for this question and asks nothing beyond it.
    """
    unverified = jws.parse(compact, expected_typ=TYP)
    chain = _chain(unverified.header.get("x5c"))
    if client_id(chain[0]) != expected_client_id:  # 1
        raise VerificationError(
            "request.client_id", "the certificate is not the one that the link names", code="invalid_request"
        )
    leaf = validation.verify_reader(chain, roots=trust.roots, now=now)  # 2
    claims = jws.verify(unverified, certificate.public_key(leaf), now=now).claims  # 3
    request = parse(claims)
    # 4. 5.10.1: client_id must be identical, wallet_nonce must be ours; 5.8: aud.
    if request.client_id != expected_client_id:
        raise VerificationError("request.client_id", "the request names another verifier", code="invalid_request")
    if request.wallet_nonce != expected_wallet_nonce:
        raise VerificationError(
            "request.wallet_nonce", "the request was made for another fetch", code="invalid_request"
        )
    if request.issued is not None and request.issued > now + CLOCK_SKEW:
        raise VerificationError("request.issued", "the request comes from the future: check the clock")
    if request.expires is not None and request.expires <= now - CLOCK_SKEW:
        raise VerificationError("request.expired", "the request has expired: ask for a new one")
    # 5. `parse` took nothing but direct_post.jwt to an https URL, with a P-256 key for the answer.
    use = _registered_use(request, trust=trust, now=now, accept_unregistered=accept_unregistered)  # 6
    return VerifiedRequest(_identity(leaf, request.client_id, pseudonym_scope(chain, trust.roots)), request, use)


def parse(claims: Mapping[str, Json]) -> PresentationRequest:
    """The parameters in a request object's claims, or `FormatError`. Unknown parameters are ignored (RFC 9101 5)."""
    members = dict(claims)
    _expect(members, "aud", AUDIENCE)
    _expect(members, "response_type", "vp_token")  # HAIP 1.0, 5
    _expect(members, "response_mode", RESPONSE_MODE)  # HAIP 1.0, 5.1
    for absent in ("redirect_uri", "scope", "request", "request_uri"):
        # 8.2: no redirect_uri beside a response_uri; 5.1: no scope beside a query; RFC 9101 4: no request in a request.
        if absent in members:
            raise _malformed(absent, f"'{absent}' must not be present")
    if "transaction_data" in members:
        raise FormatError(
            "request.transaction_data", "transaction data is not supported here", code="invalid_transaction_data"
        )
    key, kid, encryptions = _client_metadata(members.get("client_metadata"))
    compact, use = _verifier_info(members.get("verifier_info"))
    return PresentationRequest(
        client_id=_text(members, "client_id"),
        response_uri=parse_url(_text(members, "response_uri")).text,
        nonce=_url_safe(members, "nonce"),
        query=dcql.parse(members.get("dcql_query")),
        encryption_key=key,
        encryption_kid=kid,
        encryptions=encryptions,
        state=_url_safe(members, "state") if "state" in members else None,
        wallet_nonce=_text(members, "wallet_nonce") if "wallet_nonce" in members else None,
        issued=moment(members, "iat") if "iat" in members else None,
        expires=moment(members, "exp") if "exp" in members else None,
        registration=compact,
        use=use,
    )


def encode(request: PresentationRequest) -> dict[str, Json]:
    """The claims of the request object."""
    key: dict[str, Json] = {
        **jwk.encode(request.encryption_key),
        "use": "enc",
        "alg": jwe.KEY_AGREEMENT,
        "kid": request.encryption_kid,
    }
    claims: dict[str, Json] = {
        "aud": AUDIENCE,
        "response_type": "vp_token",
        "response_mode": RESPONSE_MODE,
        "client_id": request.client_id,
        "response_uri": request.response_uri,
        "nonce": request.nonce,
        "dcql_query": dcql.encode(request.query),
        "client_metadata": {
            "jwks": {"keys": [key]},
            "encrypted_response_enc_values_supported": list(request.encryptions),
            "vp_formats_supported": {
                dcql.MDOC: {"issuerauth_alg_values": list(ES256), "deviceauth_alg_values": [*ES256, HMAC_P256]},
                zk.FORMAT: {},
                **({dcql.BBS: {}} if any(one.format == dcql.BBS for one in request.query.credentials) else {}),
            },
        },
    }
    if request.state is not None:
        claims["state"] = request.state
    if request.wallet_nonce is not None:
        claims["wallet_nonce"] = request.wallet_nonce
    if request.issued is not None:
        claims["iat"] = int(request.issued.timestamp())
    if request.expires is not None:
        claims["exp"] = int(request.expires.timestamp())
    if request.registration is not None:
        # 5.1: all that a format defines stands in `data`; readers drop members that the standard does not name.
        data: dict[str, Json] = {"certificate": request.registration, "use": request.use}
        claims["verifier_info"] = [{"format": registration.FORMAT, "data": data}]
    return claims


def _registered_use(
    request: PresentationRequest, *, trust: VerifierTrust, now: datetime, accept_unregistered: bool
) -> RegisteredUse | None:
    if request.registration is None or request.use is None:
        if accept_unregistered:
            return None
        raise Refused(
            "registration.missing", "the verifier does not show what it registered to ask", code="access_denied"
        )
    registered = registration.verify(
        request.registration, registrars=trust.registrars, expected_subject=request.client_id, now=now
    )
    use = registered.use(request.use)
    registration.check_covers(use, request.query)
    return use


def _identity(leaf: x509.Certificate, client: str, scope: str) -> VerifierIdentity:
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    countries = leaf.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)
    name = str(names[0].value) if len(names) == 1 else ""
    if not name.isprintable() or not name.strip():
        raise VerificationError("request.verifier_name", "the access certificate names nobody", code="invalid_request")
    return VerifierIdentity(name, str(countries[0].value) if countries else None, client, scope)


def _chain(value: Json) -> list[bytes]:
    if not isinstance(value, list) or not 0 < len(value) <= MAX_CHAIN:
        raise _malformed("x5c", f"the header's x5c holds 1 to {MAX_CHAIN} certificates")
    try:
        # RFC 7515 4.1.6: base64, not base64url.
        return [base64.b64decode(found if isinstance(found, str) else "?", validate=True) for found in value]
    except (ValueError, binascii.Error) as error:
        raise _malformed("x5c", "x5c holds DER certificates in base64") from error


def _client_metadata(value: Json) -> tuple[PublicKey, str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise _malformed("client_metadata", "client_metadata must be present: it holds the key for the answer")
    jwks = value.get("jwks")
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS:
        raise _malformed("jwks", f"client_metadata.jwks holds 1 to {MAX_KEYS} keys")
    usable = [key for key in keys if isinstance(key, dict) and _is_for_the_answer(key)]
    if not usable:
        raise _malformed("jwks", "there is no ECDH-ES key on P-256 to encrypt the answer to")
    kid = _text(usable[0], "kid")
    # 8.3: A128GCM where nothing is said.
    named = value.get("encrypted_response_enc_values_supported", ["A128GCM"])
    offered = [name for name in jwe.CONTENT_ENCRYPTIONS if isinstance(named, list) and name in named]
    if not offered:
        raise _malformed("encryptions", "neither A256GCM nor A128GCM is offered for the answer")
    return jwk.parse(usable[0]), kid, tuple(offered)


def _is_for_the_answer(key: dict[str, Json]) -> bool:
    return (
        key.get("use", "enc") == "enc"
        and key.get("alg") == jwe.KEY_AGREEMENT
        and key.get("kty") == "EC"
        and key.get("crv") == "P-256"
    )


def _verifier_info(value: Json) -> tuple[str | None, str | None]:
    if value is None:
        return None, None
    if not isinstance(value, list) or not 0 < len(value) <= MAX_INFO:
        raise _malformed("verifier_info", f"verifier_info is an array of 1 to {MAX_INFO} elements")
    for item in value:
        # 5.11: unrecognised formats are ignored.
        if isinstance(item, dict) and item.get("format") == registration.FORMAT:
            data = item.get("data")
            if not isinstance(data, dict):
                raise _malformed("verifier_info", "data holds the registration certificate and the use")
            return strict_json.text(data, "certificate"), _text(data, "use")
    return None, None


def _expect(members: dict[str, Json], name: str, expected: str) -> None:
    if members.get(name) != expected:
        raise _malformed(name, f"'{name}' must be {expected}")


def _text(members: dict[str, Json], name: str) -> str:
    found = members.get(name)
    if not isinstance(found, str) or not 0 < len(found) <= MAX_TEXT:
        raise _malformed(name, f"'{name}' is a string of 1 to {MAX_TEXT} characters")
    return found


def _url_safe(members: dict[str, Json], name: str) -> str:
    found = _text(members, name)
    if not _URL_SAFE.fullmatch(found):
        raise _malformed(name, f"'{name}' is made of URL-safe characters")
    return found


def _malformed(name: str, message: str) -> FormatError:
    return FormatError(f"request.{name}", message, code="invalid_request")
