"""Registration certificates: what a verifier registered to ask, signed by a registrar (OpenID4VP 1.0, 5.11).

A wallet shows the registered purpose, not one that the verifier makes up, and refuses whatever goes beyond what was
registered. The format is ours (docs/spec/registration.md). Who may register for what is left to the registrar.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import strict_json
from diptych.formats.jose import jwk, jws
from diptych.formats.strict_json import Json
from diptych.protocols.openid4vp.dcql import BbsMeta, CredentialQuery, MdocMeta, Query

TYP = "diptych-registration+jwt"
FORMAT = TYP
CLOCK_SKEW = timedelta(minutes=2)
MAX_TRUST_BYTES = 256 * 1024
MAX_USES = 64
MAX_CLAIMS = 64
MAX_TEXT = 300
_SPACES = "\u00a0\u202f"  # French puts them before : ; ? ! and inside quotation marks
_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


@dataclass(frozen=True)
class LocalizedText:
    """One sentence for people, in each language spoken here."""

    en: str
    fr: str


@dataclass(frozen=True)
class RegisteredClaims:
    """Elements of one namespace of one document type."""

    doc_type: str
    namespace: str
    identifiers: tuple[str, ...]


@dataclass(frozen=True)
class RegisteredUse:
    """One question that the verifier may ask, and what for."""

    id: str
    name: LocalizedText
    purpose: LocalizedText
    claims: tuple[RegisteredClaims, ...]


@dataclass(frozen=True)
class Registration:
    """All that one verifier registered. `subject` is its client_id: access certificate and registration are one's."""

    subject: str
    uses: tuple[RegisteredUse, ...]
    issued: datetime
    expires: datetime

    def use(self, use_id: str) -> RegisteredUse:
        """The registered use of that id; `Refused` if there is none."""
        for found in self.uses:
            if found.id == use_id:
                return found
        raise Refused("registration.use", "the verifier did not register for this question", code="access_denied")


@dataclass(frozen=True)
class VerifierTrust:
    """Whom a wallet believes about verifiers: who they are (access roots, DER), and what they may ask (registrars)."""

    roots: tuple[bytes, ...]
    registrars: tuple[PublicKey, ...]


def sign(registration: Registration, *, signer: Signer) -> str:
    """The registration certificate, a compact JWS by the registrar."""
    return jws.sign(encode(registration), signer=signer, typ=TYP)


def verify(compact: str, *, registrars: Sequence[PublicKey], expected_subject: str, now: datetime) -> Registration:
    """The registration that one of the registrars signed for this verifier and that is valid at `now`.

    1. Signed by a registrar whom the wallet trusts.
    2. Made for this very verifier: another one's certificate proves nothing.
    3. In its time.
    """
    unverified = jws.parse(compact, expected_typ=TYP)
    registration = parse(_verified_claims(unverified, registrars, now))  # 1
    if registration.subject != expected_subject:  # 2
        raise VerificationError("registration.subject", "the registration is another verifier's", code="access_denied")
    if not registration.issued - CLOCK_SKEW <= now < registration.expires:  # 3
        raise VerificationError("registration.time", "the registration is not valid at this time", code="access_denied")
    return registration


def check_covers(use: RegisteredUse, query: Query) -> None:
    """`Refused` if any alternative of the query asks for more than this use was registered for."""
    for credential in query.credentials:
        if not _covers(use, credential):
            raise Refused(
                "registration.over_asking", "the verifier asks for more than it registered for", code="access_denied"
            )


def parse(members: Mapping[str, Json]) -> Registration:
    """The registration in a certificate's claims, or `FormatError`."""
    uses = members.get("uses")
    if not isinstance(uses, list) or not 0 < len(uses) <= MAX_USES:
        raise FormatError("registration.uses", f"a registration has 1 to {MAX_USES} uses")
    parsed = tuple(_use(use) for use in uses)
    if len({use.id for use in parsed}) != len(parsed):
        raise FormatError("registration.uses", "each use has its own id")
    return Registration(
        subject=_text(dict(members), "sub"),
        uses=parsed,
        issued=moment(dict(members), "iat"),
        expires=moment(dict(members), "exp"),
    )


def encode(registration: Registration) -> dict[str, Json]:
    """The claims of the certificate."""
    return {
        "sub": registration.subject,
        "iat": int(registration.issued.timestamp()),
        "exp": int(registration.expires.timestamp()),
        "uses": [
            {
                "id": use.id,
                "name": {"en": use.name.en, "fr": use.name.fr},
                "purpose": {"en": use.purpose.en, "fr": use.purpose.fr},
                "claims": [
                    {"doctype": found.doc_type, "namespace": found.namespace, "identifiers": list(found.identifiers)}
                    for found in use.claims
                ],
            }
            for use in registration.uses
        ],
    }


def parse_trust(data: bytes) -> VerifierTrust:
    """The wallet's `verifier-trust.json`, or `FormatError`."""
    if len(data) > MAX_TRUST_BYTES:
        raise FormatError("verifier_trust.size", f"the file has at most {MAX_TRUST_BYTES} bytes")
    members = strict_json.parse_object(data)
    roots, registrars = members.get("access_roots"), members.get("registrars")
    if not isinstance(roots, list) or not isinstance(registrars, list):
        raise FormatError("verifier_trust", "'access_roots' and 'registrars' must be arrays")
    return VerifierTrust(tuple(_der(root) for root in roots), tuple(jwk.parse(key) for key in registrars))


def encode_trust(trust: VerifierTrust) -> bytes:
    """The file that `parse_trust` reads."""
    return strict_json.encode(
        {
            "access_roots": [base64.b64encode(root).decode() for root in trust.roots],
            "registrars": [jwk.encode(key) for key in trust.registrars],
        }
    )


def parse_text(value: Json, check: str) -> LocalizedText:
    """A text in both languages, fit to be shown: `FormatError` for control or direction-changing characters."""
    if not isinstance(value, dict):
        raise FormatError(check, "a text is given as {en, fr}")
    return LocalizedText(en=_shown(value, "en", check), fr=_shown(value, "fr", check))


def moment(members: dict[str, Json], name: str) -> datetime:
    """The NumericDate member `name` (RFC 7519 2) in whole seconds."""
    seconds = strict_json.integer(members, name)
    if not 0 <= seconds <= _LAST_SECOND:
        raise FormatError(f"json.{name}", f"'{name}' is a moment in seconds since 1970")
    return datetime.fromtimestamp(seconds, UTC)


def _verified_claims(unverified: jws.UnverifiedJws, registrars: Sequence[PublicKey], now: datetime) -> dict[str, Json]:
    for registrar in registrars:
        try:
            return jws.verify(unverified, registrar, now=now).claims
        except VerificationError as error:
            if error.check != "jws.signature":
                raise
    raise VerificationError("registration.registrar", "no trusted registrar signed this", code="access_denied")


def _covers(use: RegisteredUse, credential: CredentialQuery) -> bool:
    if not isinstance(credential.meta, MdocMeta | BbsMeta):
        return False
    doc_type = credential.meta.doctype_value
    allowed = {
        (found.namespace, identifier)
        for found in use.claims
        if found.doc_type == doc_type
        for identifier in found.identifiers
    }
    asked = {claim.path for claim in credential.claims}
    if isinstance(credential.meta, BbsMeta):
        # What is proved is registered word for word, and so is what is disclosed: under the format's own name.
        names = (*credential.meta.statements, *(str(claim.path[0]) for claim in credential.claims))
        asked = {(credential.format, name) for name in names}
    # A query without claims still asks for a document of this type: the type itself must be registered.
    return bool(allowed) and allowed.issuperset(asked)


def _use(value: Json) -> RegisteredUse:
    if not isinstance(value, dict):
        raise FormatError("registration.use", "a use is a JSON object")
    claims = value.get("claims")
    if not isinstance(claims, list) or not 0 < len(claims) <= MAX_CLAIMS:
        raise FormatError("registration.claims", f"a use has 1 to {MAX_CLAIMS} groups of claims")
    return RegisteredUse(
        id=_text(value, "id"),
        name=parse_text(value.get("name"), "registration.name"),
        purpose=parse_text(value.get("purpose"), "registration.purpose"),
        claims=tuple(_claims(found) for found in claims),
    )


def _claims(value: Json) -> RegisteredClaims:
    if not isinstance(value, dict):
        raise FormatError("registration.claims", "a group of claims is a JSON object")
    items = value.get("identifiers")
    names = [item for item in items if isinstance(item, str)] if isinstance(items, list) else []
    if not isinstance(items, list) or len(names) != len(items) or not 0 < len(names) <= MAX_CLAIMS:
        raise FormatError("registration.identifiers", f"1 to {MAX_CLAIMS} element identifiers are registered together")
    return RegisteredClaims(_text(value, "doctype"), _text(value, "namespace"), tuple(names))


def _shown(value: dict[str, Json], language: str, check: str) -> str:
    text = value.get(language)
    if not isinstance(text, str) or not 0 < len(text) <= MAX_TEXT:
        raise FormatError(check, f"'{language}' must be a text of 1 to {MAX_TEXT} characters")
    if not all(character.isprintable() or character in _SPACES for character in text):
        raise FormatError(check, f"'{language}' must be printable: no control or direction-changing characters")
    return text


def _text(members: dict[str, Json], name: str) -> str:
    found = strict_json.text(members, name)
    if not 0 < len(found) <= MAX_TEXT:
        raise FormatError(f"registration.{name}", f"'{name}' has 1 to {MAX_TEXT} characters")
    return found


def _der(value: Json) -> bytes:
    try:
        return base64.b64decode(value if isinstance(value, str) else "", validate=True)
    except (ValueError, binascii.Error) as error:
        raise FormatError("verifier_trust.root", "a root is a DER certificate in base64") from error
