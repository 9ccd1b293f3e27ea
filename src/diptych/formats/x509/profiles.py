"""Certificates as ISO 18013-5 Annex B.1 profiles them, built and signed: roots, document signers, readers.

Only what the profile asks for goes in. Keeping the keys, and choosing names and dates, is left to the caller; the
signing key has to be in this process, because the library signs certificates itself: a root's key is a file, kept
offline, while the keys it certifies may be in tokens.
"""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID, ObjectIdentifier

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import PublicKey, SoftwareSigner
from diptych.errors import Refused
from diptych.formats.x509 import certificate

DOCUMENT_SIGNER = ObjectIdentifier("1.0.18013.5.1.2")  # Annex B.1.4: mdlDS
READER = ObjectIdentifier("1.0.18013.5.1.6")  # Annex B.1.7: mdlReaderAuth

# Annex B of the second edition (Table B.9) leaves the purpose of a status list's signer optional; the one meant for it
# (draft-ietf-oauth-status-list-20, clause 10) has no number yet. So there is none: what such a key may sign is pinned.
STATUS_LIST_SIGNER = None

ROOT_VALIDITY = timedelta(days=20 * 365)  # Table B.1: at most 20 years
DOCUMENT_SIGNER_VALIDITY = timedelta(days=457)  # Table B.3
STATUS_LIST_SIGNER_VALIDITY = timedelta(days=457)  # Table B.9 allows 1187 days; here as long as those it speaks for
READER_VALIDITY = timedelta(days=1187)  # Table B.6
SERIAL_BYTES = 16  # B.1: at least 63 bits from a CSPRNG, at most 20 bytes


def build_iaca(
    *,
    signer: SoftwareSigner,
    country: str,
    common_name: str,
    contact: str,
    crl: str,
    not_before: datetime,
    not_after: datetime,
    entropy: Entropy,
) -> bytes:
    """A self-signed root, DER: of an issuing authority or, on another list of trust, of readers.

    `country` is ISO 3166-1 alpha-2, `contact` and `crl` are URLs.
    """
    _check_validity(not_before, not_after, ROOT_VALIDITY)
    name = _name(country, common_name)
    builder = (
        _builder(
            subject=name,
            issuer=name,
            public_key=signer.public_key,
            not_before=not_before,
            not_after=not_after,
            crl=crl,
            entropy=entropy,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(is_root=True), critical=True)
        .add_extension(x509.IssuerAlternativeName([x509.UniformResourceIdentifier(contact)]), critical=False)
    )
    return _sign(builder, signer)


def build_document_signer(
    *,
    public_key: PublicKey,
    issuer: bytes,
    issuer_signer: SoftwareSigner,
    common_name: str,
    crl: str,
    not_before: datetime,
    not_after: datetime,
    entropy: Entropy,
) -> bytes:
    """The certificate of a key that signs documents, DER, under the root `issuer` (DER).

    Its country and contact are the root's.
    """
    return _build_leaf(
        purpose=DOCUMENT_SIGNER,
        longest=DOCUMENT_SIGNER_VALIDITY,
        public_key=public_key,
        issuer=issuer,
        issuer_signer=issuer_signer,
        common_name=common_name,
        crl=crl,
        not_before=not_before,
        not_after=not_after,
        entropy=entropy,
    )


def build_status_list_signer(
    *,
    public_key: PublicKey,
    issuer: bytes,
    issuer_signer: SoftwareSigner,
    common_name: str,
    crl: str,
    not_before: datetime,
    not_after: datetime,
    entropy: Entropy,
) -> bytes:
    """The certificate of a key that signs status lists, DER, under the root `issuer` (DER) of the documents' signers.

    Without a document signer's purpose: no document that such a key signed is believed.
    """
    return _build_leaf(
        purpose=STATUS_LIST_SIGNER,
        longest=STATUS_LIST_SIGNER_VALIDITY,
        public_key=public_key,
        issuer=issuer,
        issuer_signer=issuer_signer,
        common_name=common_name,
        crl=crl,
        not_before=not_before,
        not_after=not_after,
        entropy=entropy,
    )


def build_reader(
    *,
    public_key: PublicKey,
    issuer: bytes,
    issuer_signer: SoftwareSigner,
    common_name: str,
    crl: str,
    not_before: datetime,
    not_after: datetime,
    entropy: Entropy,
) -> bytes:
    """The certificate of a key that signs requests, DER, under the reader root `issuer` (DER)."""
    return _build_leaf(
        purpose=READER,
        longest=READER_VALIDITY,
        public_key=public_key,
        issuer=issuer,
        issuer_signer=issuer_signer,
        common_name=common_name,
        crl=crl,
        not_before=not_before,
        not_after=not_after,
        entropy=entropy,
    )


def _build_leaf(
    *,
    purpose: ObjectIdentifier | None,
    longest: timedelta,
    public_key: PublicKey,
    issuer: bytes,
    issuer_signer: SoftwareSigner,
    common_name: str,
    crl: str,
    not_before: datetime,
    not_after: datetime,
    entropy: Entropy,
) -> bytes:
    root = certificate.parse(issuer)
    _check_validity(not_before, not_after, longest)
    if not_before < root.not_valid_before_utc or not_after > root.not_valid_after_utc:
        raise Refused("x509.validity_nesting", "a certificate lives within the validity of its root")
    if certificate.public_key(root) != issuer_signer.public_key:
        raise Refused("x509.issuer_key", "the signing key is not that of the root")
    # Table B.3: the country of the subject is the country of the root; so is the contact.
    country = str(root.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value)
    contact = root.extensions.get_extension_for_class(x509.IssuerAlternativeName).value
    builder = (
        _builder(
            subject=_name(country, common_name),
            issuer=root.subject,
            public_key=public_key,
            not_before=not_before,
            not_after=not_after,
            crl=crl,
            entropy=entropy,
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(certificate.public_key(root)), critical=False)
        .add_extension(_key_usage(is_root=False), critical=True)
        .add_extension(contact, critical=False)
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    return _sign(builder, issuer_signer)


def _builder(
    *,
    subject: x509.Name,
    issuer: x509.Name,
    public_key: PublicKey,
    not_before: datetime,
    not_after: datetime,
    crl: str,
    entropy: Entropy,
) -> x509.CertificateBuilder:
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(crl)], None, None, None)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        # The top bit is cleared and one below it set: positive, and always the same length.
        .serial_number(int.from_bytes(entropy(SERIAL_BYTES), "big") >> 2 | 1 << (8 * SERIAL_BYTES - 2))
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        .add_extension(x509.CRLDistributionPoints([point]), critical=False)
    )


def _sign(builder: x509.CertificateBuilder, signer: SoftwareSigner) -> bytes:
    signed = builder.sign(signer.private_key(), hashes.SHA256(), ecdsa_deterministic=True)
    return signed.public_bytes(serialization.Encoding.DER)


def _name(country: str, common_name: str) -> x509.Name:
    if len(country) != 2 or not (country.isascii() and country.isalpha() and country.isupper()):
        raise Refused("x509.country", "a country is two capital letters (ISO 3166-1 alpha-2)")
    return x509.Name(
        [x509.NameAttribute(NameOID.COUNTRY_NAME, country), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _key_usage(*, is_root: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_root,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_root,
        crl_sign=is_root,
        encipher_only=False,
        decipher_only=False,
    )


def _check_validity(not_before: datetime, not_after: datetime, longest: timedelta) -> None:
    if not not_before < not_after <= not_before + longest:
        raise Refused("x509.validity_length", f"such a certificate lives at most {longest.days} days")
