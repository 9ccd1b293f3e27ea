"""Whose documents are believed: per docType, the leaf certificates of its signers, each under a trusted root.

The leaf is pinned, and not only the root, because proofs bind neither docType nor namespace: a signer is trusted
for one docType alone. The holder supplies the chain; what it says is compared, never believed.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError, VerificationError
from diptych.formats import strict_json
from diptych.formats.strict_json import Json
from diptych.formats.x509 import certificate, validation


@dataclass(frozen=True)
class IssuerTrust:
    """The DER leaf certificates of accepted document signers by docType, and the DER roots they stand under."""

    signers: Mapping[str, tuple[bytes, ...]]
    roots: tuple[bytes, ...]


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

    1. The leaf is one of those pinned for this docType, to the byte.
    2. A path leads from it to a trusted root at `now`, and it fits the profile of a document signer.
    """
    # 1. Before anything of the chain is parsed.
    if not chain or chain[0] not in trust.signers.get(expected_doc_type, ()):
        raise VerificationError("mdoc.signer_pinned", "the signer is not one accepted for this document type")
    # 2. ISO 18013-5 9.3.3.
    leaf = validation.verify_document_signer(chain, roots=trust.roots, now=now)
    return VerifiedSigner(expected_doc_type, leaf, certificate.fingerprint(chain[0]))


def parse_trust(data: bytes) -> IssuerTrust:
    """The trust file in `data`, or `FormatError`: `{"roots": [...], "signers": {docType: [...]}}`, DER in base64.

    A certificate pinned for two docTypes is refused: a proof by one could be passed off as the other.
    """
    value = strict_json.parse_object(data)
    signers = value.get("signers")
    if set(value) != {"roots", "signers"} or not isinstance(signers, dict):
        raise FormatError("trust", "a trust file has 'roots' and 'signers', by document type")
    trust = IssuerTrust(
        signers={doc_type: _parse_certificates(leaves) for doc_type, leaves in signers.items()},
        roots=_parse_certificates(value["roots"]),
    )
    pinned = [certificate.public_key(certificate.parse(leaf)) for leaves in trust.signers.values() for leaf in leaves]
    if any(key in pinned[:position] for position, key in enumerate(pinned)):
        raise FormatError("trust.signer_shared", "a signer's key is pinned once, for one document type")
    return trust


def encode_trust(trust: IssuerTrust) -> bytes:
    """The trust file that `parse_trust` reads."""
    signers: dict[str, Json] = {doc_type: _texts(leaves) for doc_type, leaves in trust.signers.items()}
    return strict_json.encode({"roots": _texts(trust.roots), "signers": signers})


def _texts(certificates: Sequence[bytes]) -> list[Json]:
    return [base64.b64encode(der).decode() for der in certificates]


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
