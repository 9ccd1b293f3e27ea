"""Shamir's secret sharing: a 256-bit secret in n shares, of which any k give it back and k - 1 say nothing about it.

Over GF(2^8), a polynomial of degree k - 1 for each byte, the secret at 0 and a share at each index 1 to 255
(docs/spec/quorum.md). Who is asked for a share, and seals it, is left to formats and protocols; how a lost share comes
back is in `share_recovery`. Constant-time in secrets as far as `gf256` says it is.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence

from diptych.crypto import gf256
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError, Refused, VerificationError
from diptych.private import Secret

SECRET_BYTES = 32
SHARE_BYTES = 32
SHARE_HASH_BYTES = 32
MIN_THRESHOLD = 2
"""A quorum of one is no quorum: its share would be the secret."""
MAX_INDEX = 255

_HASH_TAG = b"diptych share 1\n"


def split(secret: Secret, *, threshold: int, indices: Sequence[int], entropy: Entropy) -> Mapping[int, Secret]:
    """A 32-byte share for each of `indices` (trustees and spares alike), of which any `threshold` recover `secret`.

    Draws `entropy(32 * (threshold - 1))` once.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a shared secret has {SECRET_BYTES} bytes")
    check_indices(indices)
    if not MIN_THRESHOLD <= threshold <= len(indices):
        raise ValueError(f"a threshold is from {MIN_THRESHOLD} to the number of shares")
    drawn = entropy(SECRET_BYTES * (threshold - 1))
    if len(drawn) != SECRET_BYTES * (threshold - 1):
        raise ValueError("entropy returned another number of bytes than was asked for")
    higher = [int.from_bytes(drawn[at : at + SECRET_BYTES], "big") for at in range(0, len(drawn), SECRET_BYTES)]
    coefficients = [int.from_bytes(secret.reveal(), "big"), *higher]
    return {index: _to_share(_evaluate(coefficients, index)) for index in indices}


def combine(shares: Mapping[int, Secret], *, threshold: int) -> Secret:
    """The secret in at least `threshold` shares. Shares beyond the threshold must lie on the same polynomial.

    `Refused` "sharing.too_few" below the threshold; `VerificationError` "sharing.inconsistent" when the shares are not
    all of one secret. Exactly `threshold` false shares give a false secret: check each with `check_share` before.
    """
    check_indices(tuple(shares))
    if threshold < MIN_THRESHOLD:
        raise ValueError(f"a threshold is at least {MIN_THRESHOLD}")
    if len(shares) < threshold:
        raise Refused("sharing.too_few", f"{threshold} shares are needed, and there are {len(shares)}")
    vectors = {index: share_vector(share) for index, share in sorted(shares.items())}
    base = dict(list(vectors.items())[:threshold])
    for index in list(vectors)[threshold:]:
        if _to_share(interpolate(base, at=index)) != shares[index]:
            raise VerificationError("sharing.inconsistent", "these shares are not all of one secret")
    return _to_share(interpolate(base, at=0))


def share_hash(share: Secret, *, context: bytes) -> bytes:
    """32 bytes that bind to the share and hide it (a share is uniform: there is nothing to guess).

    `context` names whose share of what this is (record, epoch, index), so that no two hashes are of the same thing.
    """
    if len(share) != SHARE_BYTES:
        raise FormatError("sharing.share", f"a share has {SHARE_BYTES} bytes")
    head = _HASH_TAG + len(context).to_bytes(4, "big") + context
    return hashlib.sha256(head + share.reveal()).digest()


def check_share(share: Secret, *, expected_hash: bytes, context: bytes) -> None:
    """`VerificationError` unless this is the share that `expected_hash` was published for."""
    if not hmac.compare_digest(share_hash(share, context=context), expected_hash):
        raise VerificationError("sharing.share_hash", "this is not the share that was published")


def interpolate(vectors: Mapping[int, int], *, at: int) -> int:
    """The value at `at` of the polynomial through `vectors`, which has as many coefficients as there are of them."""
    indices = tuple(vectors)
    total = 0
    for index, vector in vectors.items():
        total ^= gf256.scale(vector, gf256.lagrange(indices, index, at))
    return total


def share_vector(share: Secret) -> int:
    """The share as a vector of `gf256`; `FormatError` unless it has 32 bytes."""
    if len(share) != SHARE_BYTES:
        raise FormatError("sharing.share", f"a share has {SHARE_BYTES} bytes")
    return int.from_bytes(share.reveal(), "big")


def check_indices(indices: Sequence[int]) -> None:
    """`FormatError` unless they are distinct and from 1 to 255. The secret is at 0: no share is."""
    if not all(0 < index <= MAX_INDEX for index in indices) or len(set(indices)) != len(indices):
        raise FormatError("sharing.index", f"share indices are distinct and from 1 to {MAX_INDEX}")


def _evaluate(coefficients: Sequence[int], at: int) -> int:
    """Horner's rule: each step multiplies a secret vector by the public `at`."""
    value = 0
    for coefficient in reversed(coefficients):
        value = gf256.scale(value, at) ^ coefficient
    return value


def _to_share(vector: int) -> Secret:
    return Secret(vector.to_bytes(SHARE_BYTES, "big"))
