"""From the PRF's value to a tag: what leaves the workstation, and what the registry stores.

    y   = HKDF-SHA256(salt = "diptych lookup value 1", ikm = value (48), info = purpose || input, length 32)
    tag = HMAC-SHA-256(pepper, y), its first 16 bytes

The value is publicly testable: it never leaves the workstation. A tag needs the trustees *and* the agency's pepper
(docs/spec/lookup-prf.md, "Tags").
"""

import hashlib
import hmac

from diptych.crypto import sealing
from diptych.crypto.lookup_prf.keys import encode_purpose
from diptych.private import Personal, Secret

DERIVED_BYTES = 32
TAG_BYTES = 16
PEPPER_BYTES = 32

_SALT = b"diptych lookup value 1"


def derive(value: Secret, *, purpose: str, source: Personal[bytes]) -> Secret:
    """`y`: 32 bytes from the PRF's value, bound to the purpose and the input that it is the value of."""
    return sealing.derive(value, salt=_SALT, info=encode_purpose(purpose) + source.reveal())


def tag(pepper: Secret, derived: Secret) -> bytes:
    """The 16 bytes that the registry stores and looks up."""
    if len(pepper) != PEPPER_BYTES or len(derived) != DERIVED_BYTES:
        raise ValueError(f"a pepper has {PEPPER_BYTES} bytes, and what is tagged {DERIVED_BYTES}")
    return hmac.new(pepper.reveal(), derived.reveal(), hashlib.sha256).digest()[:TAG_BYTES]
