"""A certificate read in full: everything in it that is used later parses now, or it is not a certificate here.

Says nothing about trust: that is `validation`.
"""

import hashlib
import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError
from diptych.formats import base64url

MAX_BYTES = 8 * 1024


def parse(der: bytes) -> x509.Certificate:
    """The certificate in `der`, its names and extensions readable and its key on P-256; else `FormatError`."""
    if len(der) > MAX_BYTES:
        raise FormatError("x509.size", f"a certificate here has at most {MAX_BYTES} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what the library calls deprecated (serials below one) is nonsense here
            certificate = x509.load_der_x509_certificate(der)
            key = certificate.public_key()
            # The library parses these on first use: here, so that later use cannot fail.
            _ = (certificate.extensions, certificate.subject, certificate.issuer, certificate.serial_number)
            _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.signature_algorithm_oid)
            version = certificate.version
    except (ValueError, TypeError, OverflowError, x509.DuplicateExtension, x509.InvalidVersion) as error:
        raise FormatError("x509.certificate", "not a readable X.509 certificate") from error
    except (x509.UnsupportedGeneralNameType, UnsupportedAlgorithm, Warning) as error:
        raise FormatError("x509.certificate", "the certificate has parts that are not supported") from error
    if version is not x509.Version.v3:
        raise FormatError("x509.version", "only version 3 certificates are accepted")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise FormatError("x509.key", "only certificates for P-256 keys are accepted")
    if not der.endswith(b"\0" + certificate.signature):
        # The count of unused bits before the signature is signed by nobody, and the library lets it be other than zero.
        raise FormatError("x509.certificate", "not the one encoding of this certificate")
    return certificate


def public_key(certificate: x509.Certificate) -> PublicKey:
    """The P-256 key that the certificate is for."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise FormatError("x509.key", "only certificates for P-256 keys are accepted")
    return key


def country(certificate: x509.Certificate) -> str:
    """The one country of its subject (ISO 3166-1 alpha-2)."""
    return _only(certificate, NameOID.COUNTRY_NAME, "x509.country")


def common_name(certificate: x509.Certificate) -> str:
    """The one name of its subject, as people are shown it."""
    return _only(certificate, NameOID.COMMON_NAME, "x509.common_name")


def contacts(certificate: x509.Certificate) -> tuple[str, ...]:
    """The URLs at which its issuer is to be found (ISO 18013-5 Annex B, issuerAltName), if it names any."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.IssuerAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.UniformResourceIdentifier))


def fingerprint(der: bytes) -> bytes:
    """SHA-256 over the DER bytes that came: what pins name."""
    return hashlib.sha256(der).digest()


def x509_hash(leaf_der: bytes) -> str:
    """The value behind `x509_hash:` in an OpenID4VP client_id (OpenID4VP 1.0, 5.9.3)."""
    return base64url.encode(fingerprint(leaf_der))


def _only(certificate: x509.Certificate, attribute: ObjectIdentifier, check: str) -> str:
    found = certificate.subject.get_attributes_for_oid(attribute)
    if len(found) != 1:
        raise FormatError(check, "the certificate's subject has exactly one of these")
    return str(found[0].value)
