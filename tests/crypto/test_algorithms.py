"""The list of accepted algorithms against what the libraries offer: a new one is accepted or refused on purpose."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import SignatureAlgorithmOID
from joserfc.jwe import JWERegistry
from joserfc.jws import JWSRegistry

from diptych.crypto import algorithms
from diptych.crypto.algorithms import ALGORITHMS, ECDH_ES, ES256, HMAC_256_256, SHA_256, Algorithm, Use
from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, VerificationError
from diptych.formats.cose import headers
from diptych.formats.jose import jwe, jws
from diptych.formats.mdoc import mso

NOW = datetime(2026, 6, 15, tzinfo=UTC)

# What the libraries offer and this house refuses, and why. A new name is in neither list, and the test says so.
REFUSED_SIGNATURES = {
    "none",  # no signature at all
    *("HS256", "HS384", "HS512"),  # a shared secret: whoever can check can forge
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),  # no document key is RSA
    *("ES384", "ES512", "ES256K"),  # one curve, one hash: HAIP 1.0, 7
    *("EdDSA", "Ed25519", "Ed448"),  # not in the proving circuits
    *("ML-DSA-44", "ML-DSA-65", "ML-DSA-87"),  # for the log; ISO 18013-5 has none yet
}
REFUSED_KEY_MANAGEMENT = {
    "dir",
    *("A128KW", "A192KW", "A256KW", "A128GCMKW", "A192GCMKW", "A256GCMKW"),
    *("RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "RSA-OAEP-384", "RSA-OAEP-512"),
    *("ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"),
    *("ECDH-1PU", "ECDH-1PU+A128KW", "ECDH-1PU+A192KW", "ECDH-1PU+A256KW"),
    *("PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"),  # a password, guessed offline
}
REFUSED_ENCRYPTIONS = {
    *("A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"),  # HAIP 1.0, 5: GCM
    "A192GCM",
    *("C20P", "XC20P"),
}
REFUSED_HASHES = {
    *("md5", "sha1", "sha224", "sha384", "sha512", "sha512-224", "sha512-256", "sm3"),
    *("sha3-224", "sha3-256", "sha3-384", "sha3-512", "shake128", "shake256", "blake2b", "blake2s"),
}
REFUSED_CURVES = {
    *("secp192r1", "secp224r1", "secp256k1", "secp384r1", "secp521r1"),
    *("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"),
    *("sect163k1", "sect233k1", "sect283k1", "sect409k1", "sect571k1"),
    *("sect163r2", "sect233r1", "sect283r1", "sect409r1", "sect571r1"),
}
REFUSED_ON_CERTIFICATES = {
    "DSA_WITH_SHA1",
    "DSA_WITH_SHA224",
    "DSA_WITH_SHA256",
    "DSA_WITH_SHA384",
    "DSA_WITH_SHA512",
    "ECDSA_WITH_SHA1",
    "ECDSA_WITH_SHA224",
    "ECDSA_WITH_SHA384",
    "ECDSA_WITH_SHA3_224",
    "ECDSA_WITH_SHA3_256",
    "ECDSA_WITH_SHA3_384",
    "ECDSA_WITH_SHA3_512",
    "ECDSA_WITH_SHA512",
    "ED25519",
    "ED448",
    "GOSTR3410_2012_WITH_3411_2012_256",
    "GOSTR3410_2012_WITH_3411_2012_512",
    "GOSTR3411_94_WITH_3410_2001",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "RSASSA_PSS",
    "RSA_WITH_MD5",
    "RSA_WITH_SHA1",
    "RSA_WITH_SHA224",
    "RSA_WITH_SHA256",
    "RSA_WITH_SHA384",
    "RSA_WITH_SHA3_224",
    "RSA_WITH_SHA3_256",
    "RSA_WITH_SHA3_384",
    "RSA_WITH_SHA3_512",
    "RSA_WITH_SHA512",
    "UNSIGNED",
}


def test_every_signature_algorithm_that_the_library_offers_is_accepted_or_refused_on_purpose() -> None:
    offered = set(JWSRegistry.algorithms)
    assert offered - REFUSED_SIGNATURES == set(algorithms.names(Use.SIGNATURE)) == set(jws.ALGORITHMS)


def test_every_encryption_that_the_library_offers_is_accepted_or_refused_on_purpose() -> None:
    offered = JWERegistry.algorithms
    assert set(offered["alg"]) - REFUSED_KEY_MANAGEMENT == set(algorithms.names(Use.KEY_AGREEMENT))
    assert set(offered["enc"]) - REFUSED_ENCRYPTIONS == set(algorithms.names(Use.ENCRYPTION))
    assert ECDH_ES.name == jwe.KEY_AGREEMENT


def test_every_hash_and_curve_that_the_library_offers_is_accepted_or_refused_on_purpose() -> None:
    digests = {found.name for found in _subclasses(hashes.HashAlgorithm) if isinstance(found.name, str)}
    assert digests - REFUSED_HASHES == {"sha256"}
    curves = {found.name for found in _subclasses(ec.EllipticCurve) if isinstance(found.name, str)}
    assert curves - REFUSED_CURVES == {"secp256r1"}


def test_every_signature_on_certificates_is_known() -> None:
    offered = {name for name in vars(SignatureAlgorithmOID) if name.isupper() and not name.startswith("_")}
    assert offered - REFUSED_ON_CERTIFICATES == {"ECDSA_WITH_SHA256"}


def test_cose_and_mdoc_name_the_same_algorithms() -> None:
    assert (ES256.cose, HMAC_256_256.cose) == (headers.ES256, headers.HMAC_256_256)
    assert SHA_256.name == mso.DIGEST_ALGORITHM


def test_a_name_stands_for_one_use_alone() -> None:
    assert len({(found.name, found.use) for found in ALGORITHMS}) == len(ALGORITHMS)
    for name, use in (("ES256", Use.MAC), ("HS256", Use.SIGNATURE), (None, Use.SIGNATURE), (["ES256"], Use.SIGNATURE)):
        with pytest.raises(FormatError, match=r"algorithm\.unknown"):
            algorithms.named(name, use)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=lambda found: found.name)
def test_an_algorithm_ends_at_its_date(algorithm: Algorithm) -> None:
    algorithms.check_accepted([algorithm], now=algorithm.accepted_until)
    with pytest.raises(VerificationError, match=r"algorithm\.expired"):
        algorithms.check_accepted([algorithm], now=algorithm.accepted_until + timedelta(seconds=1))


def test_no_date_is_so_far_away_that_nobody_will_look() -> None:
    assert all(NOW < found.accepted_until < NOW + timedelta(days=10 * 366) for found in ALGORITHMS)


def test_a_true_signature_is_refused_once_its_algorithm_has_expired() -> None:
    signer = generate_signer()
    unverified = jws.parse(jws.sign({"a": 1}, signer=signer, typ="t"), expected_typ="t")
    assert jws.verify(unverified, signer.public_key, now=ES256.accepted_until).claims == {"a": 1}
    with pytest.raises(VerificationError, match=r"algorithm\.expired"):
        jws.verify(unverified, signer.public_key, now=ES256.accepted_until + timedelta(seconds=1))


def test_an_encrypted_message_stays_closed_once_its_algorithm_has_expired() -> None:
    signer = generate_signer()
    closed = jwe.encrypt(b"text", signer.public_key, encryption="A128GCM")
    end = min(algorithms.A128GCM.accepted_until, ECDH_ES.accepted_until)
    assert jwe.decrypt(closed, signer.private_key(), now=end) == b"text"
    with pytest.raises(VerificationError, match=r"algorithm\.expired"):
        jwe.decrypt(closed, signer.private_key(), now=end + timedelta(seconds=1))


def _subclasses(kind: type) -> set[type]:
    return {found for child in kind.__subclasses__() for found in {child, *_subclasses(child)}}
