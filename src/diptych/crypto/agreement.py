"""Key agreement on P-256 (ECDH) with HKDF-SHA256 (RFC 5869): a secret that two sides derive alone.

Says nothing about who the other side is: that is in what the secret then authenticates.
"""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from diptych.crypto.signing import PublicKey, SoftwareSigner
from diptych.private import Secret

KEY_BYTES = 32


def agree(private: SoftwareSigner, public: PublicKey, *, salt: bytes, info: bytes) -> Secret:
    """32 bytes from the shared point of a private key here and a public key there, for one `salt` and `info`.

    A public key that loaded is on the curve, and P-256 has no small subgroup, so the shared point is never trivial.
    """
    shared = private.private_key().exchange(ec.ECDH(), public)
    return Secret(HKDF(hashes.SHA256(), KEY_BYTES, salt, info).derive(shared))
