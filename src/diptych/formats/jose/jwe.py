"""Compact JSON Web Encryption (RFC 7516) as HAIP 1.0 uses it: ECDH-ES on P-256 with AES-GCM.

Encrypts to a recipient's public key and says nothing about the sender: who spoke is in what was signed inside.
"""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from joserfc import jwe as joserfc_jwe
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from diptych.crypto import algorithms
from diptych.crypto.algorithms import ECDH_ES, Use
from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.jose import jwk
from diptych.formats.strict_json import Json

KEY_AGREEMENT = ECDH_ES.name
CONTENT_ENCRYPTIONS = algorithms.names(Use.ENCRYPTION)
MAX_BYTES = 4 * 1024 * 1024  # a zero-knowledge proof is up to 1 MB before two base64 layers
KNOWN_HEADERS = frozenset({"alg", "enc", "kid", "epk", "apu", "apv", "typ", "cty"})


def encrypt(plaintext: bytes, recipient: PublicKey, *, encryption: str = "A256GCM", kid: str | None = None) -> str:
    """The compact JWE of `plaintext` for `recipient`; `kid` tells the recipient which key it was."""
    if encryption not in CONTENT_ENCRYPTIONS:
        raise FormatError("jwe.enc", f"the content encryption must be one of {', '.join(CONTENT_ENCRYPTIONS)}")
    header: dict[str, Json] = {"alg": KEY_AGREEMENT, "enc": encryption}
    if kid is not None:
        header["kid"] = kid
    key = ECKey.import_key({name: str(value) for name, value in jwk.encode(recipient).items()})
    return joserfc_jwe.encrypt_compact(header, plaintext, key, algorithms=[KEY_AGREEMENT, encryption])


def header(compact: str) -> dict[str, Json]:
    """The protected header of a compact JWE with an algorithm accepted here, or `FormatError`."""
    if len(compact) > MAX_BYTES:
        raise FormatError("jwe.size", f"a JWE here has at most {MAX_BYTES} characters")
    parts = compact.split(".")
    if len(parts) != 5:
        raise FormatError("jwe", "a compact JWE has five parts")
    for part in parts:
        base64url.decode(part)
    found = strict_json.parse_object(base64url.decode(parts[0]))
    if found.get("alg") != KEY_AGREEMENT or found.get("enc") not in CONTENT_ENCRYPTIONS:
        raise FormatError("jwe.alg", "only ECDH-ES with AES-GCM is accepted")
    if not KNOWN_HEADERS.issuperset(found):
        # No `zip`: compressed plaintexts are a decompression bomb, and no profile here asks for them.
        raise FormatError("jwe.header", "the header has members that are not understood here")
    return found


def decrypt(compact: str, private_key: ec.EllipticCurvePrivateKey, *, now: datetime) -> bytes:
    """The plaintext of a compact JWE made for `private_key`.

    `VerificationError` if it does not open, or an algorithm of it is no longer accepted.
    """
    encryption = algorithms.named(header(compact).get("enc"), Use.ENCRYPTION)
    algorithms.check_accepted((ECDH_ES, encryption), now=now)
    key = ECKey.import_key(private_key)
    try:
        opened = joserfc_jwe.decrypt_compact(compact, key, registry=_limits())
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise VerificationError("jwe.open", "the message does not open with this key") from error
    if opened.plaintext is None:
        raise VerificationError("jwe.open", "the message does not open with this key")
    return opened.plaintext


def _limits() -> joserfc_jwe.JWERegistry:
    # One registry a call: its limits are attributes, and the library's default object is shared by everyone.
    limits = joserfc_jwe.JWERegistry(algorithms=[KEY_AGREEMENT, *CONTENT_ENCRYPTIONS])
    limits.max_ciphertext_length = MAX_BYTES
    return limits
