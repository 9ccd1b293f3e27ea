"""A leaf certificate is trusted once a path to a root holds and the leaf fits its ISO 18013-5 Annex B profile.

Paths are validated by `cryptography`; the profile is ours. Revocation lists are not fetched: verifiers pin the few
document signers they accept, and unpinning one is how it is revoked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from cryptography import x509
from cryptography.x509 import verification
from cryptography.x509.oid import NameOID, ObjectIdentifier, SignatureAlgorithmOID

from diptych.crypto import algorithms
from diptych.errors import VerificationError
from diptych.formats.x509 import certificate
from diptych.formats.x509.profiles import (
    DOCUMENT_SIGNER,
    DOCUMENT_SIGNER_VALIDITY,
    READER,
    READER_VALIDITY,
    STATUS_LIST_SIGNER,
    STATUS_LIST_SIGNER_VALIDITY,
)

READER_INTERMEDIATES = 1
ALGORITHMS = (algorithms.ES256, algorithms.SHA_256)

ExtensionT = TypeVar("ExtensionT", bound=x509.ExtensionType)


def verify_document_signer(chain: Sequence[bytes], *, roots: Sequence[bytes], now: datetime) -> x509.Certificate:
    """The leaf of `chain` (DER, leaf first) as a document signer directly under one of the roots.

    Raises `FormatError` for what is no certificate, `VerificationError` where one of these does not hold:

    1. A path leads from the leaf to a trusted root, valid at `now`, every signature in it ES256.
    2. The leaf lives within the validity of its issuer, and no longer than the profile allows.
    3. The leaf is no authority; its key usage is critical and is to sign, alone.
    4. Its extended key usage is critical and is the expected purpose, alone.
    5. Its key identifiers are there, and its authority's is that of its issuer.
    6. It names its issuer's contact and the place of its revocation list, and its issuer's country is its own.
    7. The algorithms that it rests on are still accepted.
    """
    leaf, issuer = _verify_path(chain, roots=roots, now=now, intermediates=0)  # 1
    _verify_leaf(leaf, issuer, purpose=DOCUMENT_SIGNER, longest=DOCUMENT_SIGNER_VALIDITY)  # 2-5
    # 6. Table B.3: both extensions are mandatory, and the country is the root's.
    _required(leaf, x509.IssuerAlternativeName, "x509.issuer_contact")
    _required(leaf, x509.CRLDistributionPoints, "x509.crl")
    if _countries(leaf) != _countries(issuer) or len(_countries(leaf)) != 1:
        raise VerificationError("x509.country", "a document signer is of one country, its root's")
    algorithms.check_accepted(ALGORITHMS, now=now)  # 7
    return leaf


def verify_status_list_signer(chain: Sequence[bytes], *, roots: Sequence[bytes], now: datetime) -> x509.Certificate:
    """The leaf of `chain` as a signer of status lists directly under one of the roots.

    Steps 1 to 5 and 7 of `verify_document_signer`; it has no extended key usage at all (`profiles`), and so is no
    document signer. The path is ISO 18013-5 12.3.6.2's: the root is the one that documents' signers stand under.
    """
    leaf, issuer = _verify_path(chain, roots=roots, now=now, intermediates=0)
    _verify_leaf(leaf, issuer, purpose=STATUS_LIST_SIGNER, longest=STATUS_LIST_SIGNER_VALIDITY)
    algorithms.check_accepted(ALGORITHMS, now=now)  # 7
    return leaf


def verify_reader(chain: Sequence[bytes], *, roots: Sequence[bytes], now: datetime) -> x509.Certificate:
    """The leaf of `chain` as a reader under one of the roots, with one authority between them at most.

    Steps 1 to 5 and 7 of `verify_document_signer`, with the reader's purpose and length of life.
    """
    leaf, issuer = _verify_path(chain, roots=roots, now=now, intermediates=READER_INTERMEDIATES)
    _verify_leaf(leaf, issuer, purpose=READER, longest=READER_VALIDITY)
    algorithms.check_accepted(ALGORITHMS, now=now)  # 7
    return leaf


def _verify_path(
    chain: Sequence[bytes], *, roots: Sequence[bytes], now: datetime, intermediates: int
) -> tuple[x509.Certificate, x509.Certificate]:
    """The leaf and its issuer, once a path to a root holds."""
    if not chain:
        raise VerificationError("x509.chain", "there is no certificate")
    if not roots:
        raise VerificationError("x509.roots", "no root is trusted")
    certificates = [certificate.parse(der) for der in chain]
    store = verification.Store([certificate.parse(der) for der in roots])
    # The library's defaults are those of the web and refuse every critical EKU but its own: the extensions of leaves
    # are checked below, those of authorities here.
    authorities = verification.ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, verification.Criticality.CRITICAL, None
    )
    verifier = (
        verification.PolicyBuilder()
        .store(store)
        .time(now)
        .max_chain_depth(intermediates)
        .extension_policies(ca_policy=authorities, ee_policy=verification.ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    try:
        path = verifier.verify(certificates[0], certificates[1:]).chain
    except (verification.VerificationError, ValueError) as error:
        raise VerificationError("x509.path", "no path valid at this time leads to a trusted root") from error
    if any(one.signature_algorithm_oid != SignatureAlgorithmOID.ECDSA_WITH_SHA256 for one in path):
        raise VerificationError("x509.algorithm", "certificates are signed with ECDSA and SHA-256")
    if len(path) < 2:
        # A leaf that is itself in the store would otherwise vouch for itself.
        raise VerificationError("x509.path", "a leaf is not its own root")
    for authority in path[1:]:
        usage = _required(authority, x509.KeyUsage, "x509.key_usage")
        if not (usage.critical and usage.value.key_cert_sign):
            raise VerificationError("x509.key_usage", "an authority's key must be for signing certificates")
    return path[0], path[1]


def _verify_leaf(
    leaf: x509.Certificate, issuer: x509.Certificate, *, purpose: ObjectIdentifier | None, longest: timedelta
) -> None:
    # 2. Annex B.1: validity.
    if leaf.not_valid_before_utc < issuer.not_valid_before_utc or leaf.not_valid_after_utc > issuer.not_valid_after_utc:
        raise VerificationError("x509.validity_nesting", "the certificate outlives the one it was issued under")
    if leaf.not_valid_after_utc - leaf.not_valid_before_utc > longest:
        raise VerificationError("x509.validity_length", f"such a certificate lives at most {longest.days} days")
    # 3. An authority's key must not sign documents, and a signer's key must do nothing else.
    constraints = _find(leaf, x509.BasicConstraints)
    if constraints is not None and constraints.value.ca:
        raise VerificationError("x509.authority", "an authority's certificate stands where a leaf belongs")
    usage = _required(leaf, x509.KeyUsage, "x509.key_usage")
    if not usage.critical or _usages(usage.value) != {"digital_signature"}:
        raise VerificationError("x509.key_usage", "the key usage must be critical and digitalSignature alone")
    # 4. What keeps a reader, or anything else under the same root, from signing documents.
    extended = _find(leaf, x509.ExtendedKeyUsage)
    if purpose is None:
        if extended is not None:
            raise VerificationError("x509.extended_key_usage", "the key is for a purpose, and this is not it")
    elif extended is None or not extended.critical or list(extended.value) != [purpose]:
        raise VerificationError(
            "x509.extended_key_usage", f"the extended key usage must be critical and {purpose.dotted_string} alone"
        )
    # 5. Tables B.3 and B.6: both identifiers are mandatory.
    _required(leaf, x509.SubjectKeyIdentifier, "x509.key_identifier")
    authority = _required(leaf, x509.AuthorityKeyIdentifier, "x509.key_identifier")
    issuer_identifier = _required(issuer, x509.SubjectKeyIdentifier, "x509.key_identifier")
    if authority.value.key_identifier != issuer_identifier.value.digest:
        raise VerificationError("x509.key_identifier", "the authority key identifier is not that of the issuer")


def _find(owner: x509.Certificate, kind: type[ExtensionT]) -> x509.Extension[ExtensionT] | None:
    try:
        return owner.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _required(owner: x509.Certificate, kind: type[ExtensionT], check: str) -> x509.Extension[ExtensionT]:
    found = _find(owner, kind)
    if found is None:
        raise VerificationError(check, f"the certificate has no {kind.oid.dotted_string} extension")
    return found


def _usages(usage: x509.KeyUsage) -> set[str]:
    names = {
        "digital_signature": usage.digital_signature,
        "content_commitment": usage.content_commitment,
        "key_encipherment": usage.key_encipherment,
        "data_encipherment": usage.data_encipherment,
        "key_agreement": usage.key_agreement,
        "key_cert_sign": usage.key_cert_sign,
        "crl_sign": usage.crl_sign,
    }
    return {name for name, is_allowed in names.items() if is_allowed}


def _countries(owner: x509.Certificate) -> list[str | bytes]:
    return [attribute.value for attribute in owner.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)]
