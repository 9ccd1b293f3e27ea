"""Who a verifier is to pseudonyms: the same through all its keys, and nobody else.

An access certificate's hash changes with every key, and a name alone could be taken by another authority's verifier.
So the scope is the subject, as the access authority vouches for it, under that authority's own key. That a subject
names one organisation is the authority's duty.
"""

import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from diptych.errors import VerificationError
from diptych.formats.x509 import certificate


def pseudonym_scope(chain: Sequence[bytes], roots: Sequence[bytes]) -> str:
    """The scope of the holder of this (verified) access certificate; `chain` is DER, leaf first, without the root.

    `VerificationError` if no root issued it. A new key of the access authority is a new scope.
    """
    top = certificate.parse(chain[-1])
    for der in roots:
        root = certificate.parse(der)
        try:
            top.verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature):
            continue
        authority = root.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        subject = certificate.parse(chain[0]).subject.rfc4514_string()
        return f"{hashlib.sha256(authority).hexdigest()} {subject}"
    raise VerificationError("request.scope", "no trusted authority issued this access certificate")
