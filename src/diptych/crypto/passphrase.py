"""A key from a passphrase, by work that costs memory (Argon2id, RFC 9106).

Says nothing about how good the passphrase is. `Hardness` travels beside the salt, so that a file written today
opens after the default has risen.
"""

import unicodedata
from dataclasses import dataclass

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from diptych.errors import FormatError
from diptych.private import Secret

KEY_BYTES = 32
SALT_BYTES = 16  # RFC 9106 3.1

# What a file may ask of the machine that opens it, and the least that RFC 9106 3.1 knows.
MIN_MEMORY_KIB, MAX_MEMORY_KIB = 8, 1024 * 1024
MAX_ITERATIONS = 32
MAX_LANES = 16


@dataclass(frozen=True)
class Hardness:
    """How much work one guess costs; `FormatError` for more than a file may ask, or less than Argon2id knows."""

    memory_kib: int
    iterations: int
    lanes: int

    def __post_init__(self) -> None:
        if not (1 <= self.lanes <= MAX_LANES and 1 <= self.iterations <= MAX_ITERATIONS):
            raise FormatError("passphrase.hardness", "the passphrase hardness is out of range")
        if not MIN_MEMORY_KIB * self.lanes <= self.memory_kib <= MAX_MEMORY_KIB:
            raise FormatError("passphrase.hardness", "the passphrase hardness is out of range")


# RFC 9106 4 recommends 64 MiB with these iterations and lanes where memory is scarce; a wallet can spend twice that.
DEFAULT_HARDNESS = Hardness(memory_kib=128 * 1024, iterations=3, lanes=4)


def derive_key(passphrase: Secret, *, salt: bytes, hardness: Hardness) -> Secret:
    """The 32-byte key behind a passphrase (UTF-8). The same words typed on another keyboard give the same key."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"the salt has {SALT_BYTES} bytes")
    work = Argon2id(
        salt=salt,
        length=KEY_BYTES,
        iterations=hardness.iterations,
        lanes=hardness.lanes,
        memory_cost=hardness.memory_kib,
    )
    return Secret(work.derive(_normalized(passphrase)))


def _normalized(passphrase: Secret) -> bytes:
    try:
        # RFC 8265 4.2.2: an accented letter is one code point, however the keyboard sent it.
        return unicodedata.normalize("NFC", passphrase.reveal().decode("utf-8")).encode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("passphrase.utf8", "the passphrase is not UTF-8 text") from error
