"""Certificates of ISO 18013-5 Annex B: ours fit the profile, and each way of not fitting it is refused by name."""

import base64
import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from diptych.crypto.signing import SoftwareSigner
from diptych.errors import DiptychError, FormatError, Refused, VerificationError
from diptych.formats.x509 import certificate, profiles, validation
from tests.formats.mdoc_specimen import AUTHORITY, NOW, authority, entropy_from, key

READER_KEY = key("reader")
READER = profiles.build_reader(
    public_key=READER_KEY.public_key,
    issuer=AUTHORITY.root,
    issuer_signer=AUTHORITY.root_key,
    common_name="Bank of Utopia",
    crl="https://authority.example/crl",
    not_before=NOW,
    not_after=NOW + timedelta(days=400),
    entropy=entropy_from("reader"),
)
ROOT = certificate.parse(AUTHORITY.root)


def test_our_own_signers_and_readers_are_accepted_for_what_they_are() -> None:
    signer = validation.verify_document_signer([AUTHORITY.signer], roots=[AUTHORITY.root], now=NOW)
    assert certificate.public_key(signer) == AUTHORITY.signer_key.public_key
    reader = validation.verify_reader([READER], roots=[AUTHORITY.root], now=NOW)
    assert certificate.public_key(reader) == READER_KEY.public_key
    for unfit in (
        lambda: validation.verify_document_signer([READER], roots=[AUTHORITY.root], now=NOW),
        lambda: validation.verify_reader([AUTHORITY.signer], roots=[AUTHORITY.root], now=NOW),
    ):
        with pytest.raises(VerificationError) as refusal:
            unfit()
        assert refusal.value.check == "x509.extended_key_usage"


def test_a_root_among_others_and_a_root_sent_along_change_nothing() -> None:
    roots = [authority("elsewhere").root, AUTHORITY.root]
    assert validation.verify_document_signer([AUTHORITY.signer, AUTHORITY.root], roots=roots, now=NOW)


@pytest.mark.parametrize(
    ("chain", "roots", "when", "check"),
    [
        ([AUTHORITY.signer], [authority("elsewhere").root], NOW, "x509.path"),
        ([AUTHORITY.signer], [], NOW, "x509.roots"),
        ([], [AUTHORITY.root], NOW, "x509.chain"),
        ([AUTHORITY.root], [AUTHORITY.root], NOW, "x509.path"),
        ([AUTHORITY.signer], [AUTHORITY.signer], NOW, "x509.path"),
        ([AUTHORITY.signer], [AUTHORITY.root], NOW + timedelta(days=371), "x509.path"),
        ([AUTHORITY.signer], [AUTHORITY.root], NOW - timedelta(days=31), "x509.path"),
        ([authority("elsewhere").signer, AUTHORITY.root], [AUTHORITY.root], NOW, "x509.path"),
    ],
    ids=["foreign_root", "no_roots", "no_chain", "root_as_leaf", "leaf_as_root", "expired", "not_yet", "mixed_chain"],
)
def test_without_a_path_to_a_root_at_this_time_there_is_no_signer(chain, roots, when, check) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(VerificationError) as refusal:
        validation.verify_document_signer(chain, roots=roots, now=when)
    assert refusal.value.check == check


Extensions = dict[type[x509.ExtensionType], tuple[x509.ExtensionType, bool]]


def _extensions() -> Extensions:
    leaf = certificate.parse(AUTHORITY.signer)
    return {type(found.value): (found.value, found.critical) for found in leaf.extensions}


def _signer(
    *,
    change: Callable[[Extensions], object] = lambda extensions: None,
    subject: tuple[str, ...] = ("UT",),
    public_key: ec.EllipticCurvePublicKey = AUTHORITY.signer_key.public_key,
    starts: timedelta = timedelta(),
    lasts: timedelta = timedelta(days=400),
    algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    """A document signer under the specimen root with one thing changed."""
    extensions = _extensions()
    change(extensions)
    names = [x509.NameAttribute(NameOID.COUNTRY_NAME, country) for country in subject]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, "signer")]))
        .issuer_name(ROOT.subject)
        .public_key(public_key)
        .serial_number(77)
        .not_valid_before(NOW + starts)
        .not_valid_after(NOW + starts + lasts)
    )
    for value, is_critical in extensions.values():
        builder = builder.add_extension(value, critical=is_critical)
    signed = builder.sign(AUTHORITY.root_key.private_key(), algorithm or hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


def _usage(name: str) -> x509.KeyUsage:
    flags = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**{**flags, "digital_signature": True, name: True})


def _set(value: x509.ExtensionType, is_critical: bool) -> Callable[[Extensions], object]:
    return lambda extensions: extensions.__setitem__(type(value), (value, is_critical))


def _drop(kind: type[x509.ExtensionType]) -> Callable[[Extensions], object]:
    return lambda extensions: extensions.pop(kind)


OTHER_PURPOSE = x509.ExtendedKeyUsage([profiles.DOCUMENT_SIGNER, ObjectIdentifier("1.3.6.1.5.5.7.3.1")])
FOREIGN_AUTHORITY = x509.AuthorityKeyIdentifier.from_issuer_public_key(READER_KEY.public_key)
DEFECTS: dict[str, tuple[dict[str, object], str]] = {
    "usage_missing": ({"change": _drop(x509.KeyUsage)}, "x509.key_usage"),
    "usage_not_critical": ({"change": _set(_usage("digital_signature"), False)}, "x509.key_usage"),
    "usage_of_an_authority": ({"change": _set(_usage("key_cert_sign"), True)}, "x509.key_usage"),
    "usage_of_more": ({"change": _set(_usage("key_agreement"), True)}, "x509.key_usage"),
    "purpose_missing": ({"change": _drop(x509.ExtendedKeyUsage)}, "x509.extended_key_usage"),
    "purpose_not_critical": (
        {"change": _set(x509.ExtendedKeyUsage([profiles.DOCUMENT_SIGNER]), False)},
        "x509.extended_key_usage",
    ),
    "purpose_of_a_reader": (
        {"change": _set(x509.ExtendedKeyUsage([profiles.READER]), True)},
        "x509.extended_key_usage",
    ),
    "purpose_of_more": ({"change": _set(OTHER_PURPOSE, True)}, "x509.extended_key_usage"),
    "own_identifier_missing": ({"change": _drop(x509.SubjectKeyIdentifier)}, "x509.key_identifier"),
    "authority_identifier_missing": ({"change": _drop(x509.AuthorityKeyIdentifier)}, "x509.key_identifier"),
    "authority_identifier_of_another": ({"change": _set(FOREIGN_AUTHORITY, False)}, "x509.key_identifier"),
    "contact_missing": ({"change": _drop(x509.IssuerAlternativeName)}, "x509.issuer_contact"),
    "revocation_list_missing": ({"change": _drop(x509.CRLDistributionPoints)}, "x509.crl"),
    "is_an_authority": (
        {"change": _set(x509.BasicConstraints(ca=True, path_length=None), True)},
        "x509.authority",
    ),
    "another_country": ({"subject": ("DE",)}, "x509.country"),
    "no_country": ({"subject": ()}, "x509.country"),
    "outlives_its_root": (
        {"starts": timedelta(days=3900), "lasts": timedelta(days=200)},
        "x509.validity_nesting",
    ),
    "lives_too_long": ({"lasts": timedelta(days=458)}, "x509.validity_length"),
    "signed_with_sha384": ({"algorithm": hashes.SHA384()}, "x509.algorithm"),
    "key_on_p384": ({"public_key": ec.generate_private_key(ec.SECP384R1()).public_key()}, "x509.key"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_signer_that_does_not_fit_the_profile_is_refused_by_name(defect: str) -> None:
    changes, check = DEFECTS[defect]
    leaf = _signer(**changes)  # type: ignore[arg-type]  # each defect names the argument it changes
    starts = changes.get("starts", timedelta())
    assert isinstance(starts, timedelta)
    with pytest.raises(DiptychError) as refusal:
        validation.verify_document_signer([leaf], roots=[AUTHORITY.root], now=NOW + starts)
    assert refusal.value.check == check


def test_the_unchanged_signer_of_the_defects_above_is_accepted() -> None:
    assert validation.verify_document_signer([_signer()], roots=[AUTHORITY.root], now=NOW)


def test_every_flipped_byte_of_a_signer_is_refused() -> None:
    for position in range(len(AUTHORITY.signer)):
        damaged = bytearray(AUTHORITY.signer)
        damaged[position] ^= 1
        with pytest.raises(DiptychError) as refusal:
            validation.verify_document_signer([bytes(damaged)], roots=[AUTHORITY.root], now=NOW)
        assert refusal.value.check.startswith("x509."), position


def test_the_published_signer_and_reader_fit_their_profiles_but_for_their_absent_root() -> None:
    import json

    from tests.vectors_folder import published

    vectors = json.loads(published("iso18013-5/annex-d.json").read_text())["vectors"]
    for name in ("ds_cert", "reader_cert"):
        der = bytes.fromhex(vectors[f"iso_18013_5_annex_d_{name}"])
        assert certificate.parse(der).public_bytes(serialization.Encoding.DER) == der


def test_what_does_not_fit_the_profile_is_not_built() -> None:
    def signer(**changes: object) -> bytes:
        arguments: dict[str, object] = {
            "public_key": AUTHORITY.signer_key.public_key,
            "issuer": AUTHORITY.root,
            "issuer_signer": AUTHORITY.root_key,
            "common_name": "signer",
            "crl": "https://authority.example/crl",
            "not_before": NOW,
            "not_after": NOW + timedelta(days=400),
            "entropy": entropy_from("unfit"),
        }
        return profiles.build_document_signer(**{**arguments, **changes})  # type: ignore[arg-type]  # named by each case

    assert signer()
    for changes, check in (
        ({"issuer_signer": key("another")}, "x509.issuer_key"),
        ({"not_after": NOW + timedelta(days=458)}, "x509.validity_length"),
        ({"not_after": NOW}, "x509.validity_length"),
        ({"not_before": NOW - timedelta(days=401), "not_after": NOW}, "x509.validity_nesting"),
    ):
        with pytest.raises(Refused) as refusal:
            signer(**changes)
        assert refusal.value.check == check
    for country in ("utopia", "ut", "U1", ""):
        with pytest.raises(Refused) as refusal:
            profiles.build_iaca(
                signer=AUTHORITY.root_key,
                country=country,
                common_name="root",
                contact="https://authority.example",
                crl="https://authority.example/crl",
                not_before=NOW,
                not_after=NOW + timedelta(days=1),
                entropy=entropy_from("unfit"),
            )
        assert refusal.value.check == "x509.country"


def test_serial_numbers_are_long_positive_and_never_the_same() -> None:
    serials = {certificate.parse(der).serial_number for der in (AUTHORITY.root, AUTHORITY.signer, READER)}
    assert len(serials) == 3
    assert all(2**126 <= serial < 2**127 for serial in serials)


def test_a_reader_may_stand_under_one_authority_between_it_and_the_root() -> None:
    between_key, leaf_key = key("between"), key("leaf")
    root = _authority("reader root", AUTHORITY.root_key, AUTHORITY.root_key, "reader root", path_length=1)
    between = _authority("between", between_key, AUTHORITY.root_key, "reader root", path_length=0)
    leaf = profiles.build_reader(
        public_key=leaf_key.public_key,
        issuer=between,
        issuer_signer=between_key,
        common_name="reader",
        crl="https://authority.example/crl",
        not_before=NOW,
        not_after=NOW + timedelta(days=10),
        entropy=entropy_from("between"),
    )
    assert validation.verify_reader([leaf, between], roots=[root], now=NOW)
    with pytest.raises(VerificationError, match=r"x509\.path"):
        validation.verify_reader([leaf], roots=[root], now=NOW)


def _authority(name: str, own: SoftwareSigner, by: SoftwareSigner, issuer: str, *, path_length: int) -> bytes:
    def named(common_name: str) -> x509.Name:
        return x509.Name(
            [x509.NameAttribute(NameOID.COUNTRY_NAME, "UT"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
        )

    usage = ROOT.extensions.get_extension_for_class(x509.KeyUsage).value
    contact = ROOT.extensions.get_extension_for_class(x509.IssuerAlternativeName).value
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(own.public_key)
        .serial_number(5)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=100))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(contact, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key), critical=False)
        .sign(by.private_key(), hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


def test_the_client_id_hash_is_over_the_leafs_bytes() -> None:
    # OpenID4VP 1.0, 5.9.3: base64url of SHA-256 over the DER of the leaf.
    digest = hashlib.sha256(READER).digest()
    assert certificate.x509_hash(READER) == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_what_is_no_certificate_is_refused() -> None:
    for nonsense in (b"", b"\x30\x00", AUTHORITY.signer[:-1], AUTHORITY.signer + b"\0", bytes(9000)):
        with pytest.raises(FormatError, match=r"x509\.(certificate|size)"):
            certificate.parse(nonsense)
