"""A weakened build of `diptych`: sealing that does not encrypt. The attack that finds nothing must win on this one."""

from diptych.crypto import sealing
from diptych.crypto.entropy import Entropy
from diptych.private import Secret


def seal(key: Secret, plaintext: bytes, *, context: bytes, entropy: Entropy) -> bytes:
    """The shape of sealed bytes around the plaintext itself."""
    return bytes([sealing.SUITE]) + bytes(sealing.OVERHEAD_BYTES - 1) + plaintext


def open_sealed(key: Secret, sealed: bytes, *, context: bytes) -> bytes:
    """What `seal` put there; any key does."""
    return sealed[sealing.OVERHEAD_BYTES :]


sealing.seal = seal
sealing.open_sealed = open_sealed

if __name__ == "__main__":
    from diptych.app import main

    main()
