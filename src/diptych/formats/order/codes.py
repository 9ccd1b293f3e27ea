"""The two codes that open an order: one in the offer, one that travels apart from it.

Their characters are the key material, exactly as they travel. Showing them is left to the officer's terminal.
"""

import hashlib

from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError
from diptych.formats import base64url
from diptych.private import Secret

CODE_BYTES = 32
CODE_CHARACTERS = 43
TX_CODE_LENGTHS = range(4, 17)
"""Fewer digits are guessed within the issuer's bounded tries too easily; more are mistyped."""

_UNBIASED = 250
"""The largest multiple of ten in a byte: values from here on are drawn again."""


def new_code(entropy: Entropy) -> Secret:
    """A 256-bit pre-authorized code: 43 base64url characters (OpenID4VCI 1.0, 4.1.1)."""
    return Secret(base64url.encode(entropy(CODE_BYTES)).encode())


def new_tx_code(length: int, entropy: Entropy) -> Secret:
    """A transaction code of `length` decimal digits, each equally likely."""
    if length not in TX_CODE_LENGTHS:
        raise FormatError(
            "order.tx_code", f"a transaction code has {TX_CODE_LENGTHS.start} to {TX_CODE_LENGTHS.stop - 1} digits"
        )
    digits = bytearray()
    while len(digits) < length:
        digits += bytes(b"0123456789"[byte % 10] for byte in entropy(length) if byte < _UNBIASED)
    return Secret(bytes(digits[:length]))


def code_hash(code: Secret) -> bytes:
    """SHA-256 of the code's characters: what an issuer may store. 256 bits do not need a slow hash."""
    return hashlib.sha256(code.reveal()).digest()


def both_codes(code: Secret, tx_code: Secret) -> Secret:
    """`code || tx_code`, the token of the first wrap; unambiguous because the code's length is fixed.

    A code of another length was not made here and opens nothing.
    """
    if len(code) != CODE_CHARACTERS:
        raise FormatError("order.code", f"a pre-authorized code has {CODE_CHARACTERS} characters")
    return Secret(code.reveal() + tx_code.reveal())
