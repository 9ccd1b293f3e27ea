"""Whose documents are believed, and until when: per docType, the leaf certificates of its signers, under their roots.

The leaf is pinned, and not only the root, because proofs bind neither docType nor namespace: a signer is trusted
for one docType alone. The holder supplies the chain; what it says is compared, never believed. A signer that was
replaced is believed until its last document has expired; one whose key was lost, no longer, and is named so that
wallets can say what happened.
"""

import base64
import binascii
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from cryptography import x509

from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import strict_json
from diptych.formats.strict_json import Json
from diptych.formats.x509 import certificate, validation

T = TypeVar("T")


STATUS_LISTS = "status-lists"
"""In the place of a docType: what signers of status lists sign. No docType reads so, because those have dots."""
FINGERPRINT_BYTES = 32
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class LostSigner:
    """A signer whose key is no longer its issuer's alone: nothing it signed is believed, whenever it was signed."""

    doc_type: str
    lost_at: datetime


@dataclass(frozen=True)
class IssuerTrust:
    """The DER leaf certificates of accepted signers by docType, or `STATUS_LISTS`, and the DER roots they stand under.

    By fingerprint (SHA-256 of the DER): until when a replaced signer is still believed, and which signers were lost.
    """

    signers: Mapping[str, tuple[bytes, ...]]
    roots: tuple[bytes, ...]
    retired: Mapping[bytes, datetime] = field(default_factory=dict)
    lost: Mapping[bytes, LostSigner] = field(default_factory=dict)
    fast_suite: Mapping[str, Json] | None = None
    """What the file says of the fast suite, carried and not understood here: see `formats/bbs_credential/trust`."""


@dataclass(frozen=True)
class VerifiedSigner:
    """A document signer that is trusted for one docType at one moment."""

    doc_type: str
    certificate: x509.Certificate
    fingerprint: bytes

    @property
    def public_key(self) -> PublicKey:
        """The key that signs documents of this type."""
        return certificate.public_key(self.certificate)


def verify_signer(
    chain: Sequence[bytes], *, expected_doc_type: str, trust: IssuerTrust, now: datetime
) -> VerifiedSigner:
    """The leaf of `chain` as a signer of `expected_doc_type`, or `VerificationError`.

    1. Its key was not lost.
    2. The leaf is one of those pinned for this docType, to the byte.
    3. If it was replaced, the last document that it may have signed has not expired.
    4. A path leads from it to a trusted root at `now`, and it fits the profile of a document signer.
    """
    # 1-3. Before anything of the chain is parsed.
    fingerprint = certificate.fingerprint(chain[0]) if chain else b""
    if fingerprint in trust.lost:
        raise VerificationError("mdoc.signer_lost", "the signer's key was lost: nothing it signed is believed any more")
    if not chain or chain[0] not in trust.signers.get(expected_doc_type, ()):
        raise VerificationError("mdoc.signer_pinned", "the signer is not one accepted for this document type")
    if fingerprint in trust.retired and now > trust.retired[fingerprint]:
        raise VerificationError("mdoc.signer_retired", "the signer was replaced, and all it signed has expired")
    # 4. ISO 18013-5 9.3.3.
    leaf = validation.verify_document_signer(chain, roots=trust.roots, now=now)
    return VerifiedSigner(expected_doc_type, leaf, fingerprint)


def verify_status_signer(chain: Sequence[bytes], *, trust: IssuerTrust, now: datetime) -> PublicKey:
    """The key of a signer of status lists, or `VerificationError`: steps 1 to 4 of `verify_signer`, for its purpose."""
    fingerprint = certificate.fingerprint(chain[0]) if chain else b""
    if fingerprint in trust.lost:
        raise VerificationError("status.signer_lost", "the key that signs this status list was lost: ask for new trust")
    if not chain or chain[0] not in trust.signers.get(STATUS_LISTS, ()):
        raise VerificationError("status.signer", "the status list is signed by a key that may not sign status lists")
    if fingerprint in trust.retired and now > trust.retired[fingerprint]:
        raise VerificationError("status.signer_retired", "the key that signs this status list was replaced")
    return certificate.public_key(validation.verify_status_list_signer(chain, roots=trust.roots, now=now))


def check_succeeds(trust: IssuerTrust, lost: Collection[bytes]) -> None:
    """`Refused` if `trust` believes a signer that was known to be lost: an old file must not bring it back."""
    believed = {certificate.fingerprint(leaf) for leaves in trust.signers.values() for leaf in leaves}
    if not believed.isdisjoint(lost):
        raise Refused("trust.lost_again", "this trust file is older than the loss of a key: ask for the present one")


def parse_trust(data: bytes) -> IssuerTrust:
    """The trust file in `data`, or `FormatError`: `{"roots": [...], "signers": {docType: [...]}}`, DER in base64.

    Where there are any, `"retired": {fingerprint: moment}` and `"lost": {fingerprint: {"doc_type", "since"}}`.
    A certificate pinned for two docTypes is refused: a proof by one could be passed off as the other.
    """
    value = strict_json.parse_object(data)
    signers = value.get("signers")
    if not {"roots", "signers"} <= set(value) <= {"roots", "signers", "retired", "lost", "fast_suite"}:
        raise FormatError("trust", "a trust file has 'roots' and 'signers', perhaps 'retired', 'lost', 'fast_suite'")
    fast_suite = value.get("fast_suite")
    if fast_suite is not None and not isinstance(fast_suite, dict):
        raise FormatError("trust", "'fast_suite' is an object")
    if not isinstance(signers, dict):
        raise FormatError("trust", "a trust file has 'roots' and 'signers', by document type")
    trust = IssuerTrust(
        signers={doc_type: _parse_certificates(leaves) for doc_type, leaves in signers.items()},
        roots=_parse_certificates(value["roots"]),
        retired=_parse_by_fingerprint(value, "retired", parse_moment),
        lost=_parse_by_fingerprint(value, "lost", _parse_lost),
        fast_suite=fast_suite,
    )
    pinned = [certificate.public_key(certificate.parse(leaf)) for leaves in trust.signers.values() for leaf in leaves]
    if any(key in pinned[:position] for position, key in enumerate(pinned)):
        raise FormatError("trust.signer_shared", "a signer's key is pinned once, for one document type")
    believed = {certificate.fingerprint(leaf) for leaves in trust.signers.values() for leaf in leaves}
    if not set(trust.retired) <= believed or set(trust.lost) & believed:
        raise FormatError("trust.standing", "a retired signer is still listed, and a lost one no longer")
    return trust


def encode_trust(trust: IssuerTrust) -> bytes:
    """The trust file that `parse_trust` reads."""
    signers: dict[str, Json] = {doc_type: _texts(leaves) for doc_type, leaves in trust.signers.items()}
    members: dict[str, Json] = {"roots": _texts(trust.roots), "signers": signers}
    if trust.retired:
        members["retired"] = {leaf.hex(): encode_moment(until) for leaf, until in sorted(trust.retired.items())}
    if trust.lost:
        members["lost"] = {
            leaf.hex(): {"doc_type": lost.doc_type, "since": encode_moment(lost.lost_at)}
            for leaf, lost in sorted(trust.lost.items())
        }
    if trust.fast_suite is not None:
        members["fast_suite"] = dict(trust.fast_suite)
    return strict_json.encode(members)


def _texts(certificates: Sequence[bytes]) -> list[Json]:
    return [base64.b64encode(der).decode() for der in certificates]


def encode_moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(_MOMENT)


def parse_moment(value: Json) -> datetime:
    try:
        moment = datetime.strptime(str(value), _MOMENT).replace(tzinfo=UTC)
    except ValueError as error:
        raise FormatError("trust.moment", "a moment is written 2026-12-31T23:59:59Z") from error
    if encode_moment(moment) != value:
        raise FormatError("trust.moment", "a moment is written 2026-12-31T23:59:59Z")
    return moment


def _parse_lost(value: Json) -> LostSigner:
    if not isinstance(value, dict) or set(value) != {"doc_type", "since"}:
        raise FormatError("trust.lost", "a lost signer has its 'doc_type', and since when it is lost")
    return LostSigner(strict_json.text(value, "doc_type"), parse_moment(value["since"]))


def _parse_by_fingerprint(members: dict[str, Json], name: str, parse: Callable[[Json], T]) -> dict[bytes, T]:
    value = members.get(name, {})
    if not isinstance(value, dict):
        raise FormatError("trust", f"'{name}' is by fingerprint")
    found: dict[bytes, T] = {}
    for text, one in value.items():
        if len(text) != 2 * FINGERPRINT_BYTES or text.strip("0123456789abcdef"):
            raise FormatError("trust.fingerprint", "a fingerprint is 64 hexadecimal digits in small letters")
        found[bytes.fromhex(text)] = parse(one)
    return found


def _parse_certificates(value: Json) -> tuple[bytes, ...]:
    if not isinstance(value, list):
        raise FormatError("trust", "certificates stand in lists")
    found: list[bytes] = []
    for text in value:
        try:
            der = base64.b64decode(text.encode("ascii") if isinstance(text, str) else b"!", validate=True)
        except (ValueError, binascii.Error) as error:
            raise FormatError("trust", "a certificate is DER in base64") from error
        certificate.parse(der)
        found.append(der)
    return tuple(found)
