"""A key from a passphrase, by work that costs memory (Argon2id, RFC 9106).

Says nothing about how good the passphrase is. `Hardness` travels beside the salt, so that a file written today
opens after the default has risen; what is below `LEAST_HARDNESS` is not opened at all. The work is all that throttles
a guesser with the file (docs/decisions/0010): there is no counter that could be reset.
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


# RFC 9106 4 recommends 64 MiB and 3 iterations where memory is scarce: nothing weaker is opened.
LEAST_HARDNESS = Hardness(memory_kib=64 * 1024, iterations=3, lanes=1)
# Half a second to a second of one core in 2026. One lane: OpenSSL fills lanes one after the other, so more of them
# would give nothing to the owner and let a guesser hold the memory for a fraction of the time.
DEFAULT_HARDNESS = Hardness(memory_kib=256 * 1024, iterations=3, lanes=1)


def check_hardness(hardness: Hardness, *, least: Hardness = LEAST_HARDNESS) -> Hardness:
    """The hardness that a file asks for; `FormatError` "passphrase.hardness_low" if it is below the floor.

    Lowering it in a file changes the key and so gains nothing; the floor stops a file that was made to be weak.
    """
    if hardness.memory_kib < least.memory_kib or hardness.iterations < least.iterations:
        raise FormatError(
            "passphrase.hardness_low",
            "the passphrase of this file is too cheap to guess: this release does not open it",
        )
    return hardness


def harder(one: Hardness, other: Hardness) -> Hardness:
    """At least as hard as both, for what is sealed again: the price of a guess never falls."""
    return Hardness(
        max(one.memory_kib, other.memory_kib), max(one.iterations, other.iterations), min(one.lanes, other.lanes)
    )


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
