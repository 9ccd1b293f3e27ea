"""One oblivious evaluation: blind, ask any k trustees, combine, check once, and name who lied.

A trustee sees a uniform point and returns it times its share: it learns neither input nor result. The asking side
checks the result against the purpose's public key, and only if that fails each partial result against its trustee's.
What the PRF gives is publicly testable, so it never leaves this module: out come the values derived from it.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diptych.crypto.bls12381 import (
    G1,
    G1_BYTES,
    G2,
    ORDER,
    encode_scalar,
    expand_message,
    g2_base,
    hash_to_g1,
    inverse,
    pairing_product_is_one,
    parse_g1,
    parse_nonzero_scalar,
    random_scalars,
    sum_public,
    sum_small,
)
from diptych.crypto.entropy import Entropy
from diptych.crypto.lookup_prf.keys import KeyShare, PurposeKey, encode_purpose
from diptych.crypto.lookup_prf.polynomials import whole_lagrange
from diptych.crypto.lookup_prf.tags import derive
from diptych.errors import FormatError, Unavailable, VerificationError
from diptych.private import Personal, Secret

MAX_INPUTS = 16

_SUITE = b"_BLS12381G1_XMD:SHA-256_SSWU_RO_"
_WEIGHT_BYTES = 16
_WEIGHTS_TAG = b"DIPTYCH-LOOKUP-V01_WEIGHTS"


class TooFewAnswers(Unavailable):
    """Fewer than the threshold of answers hold; `liars` says whose do not, by index, and which check failed."""

    def __init__(self, liars: Mapping[int, str], message: str) -> None:
        super().__init__("lookup_prf.too_few", message)
        self.liars = liars


@dataclass(frozen=True)
class BlindedRequest:
    """What the asking side keeps between question and answer. Used once: the same blinds twice would link requests."""

    purpose: str
    inputs: tuple[Personal[bytes], ...]
    blinds: tuple[Secret, ...]
    points: tuple[G1, ...] = field(repr=False)

    def encode(self) -> bytes:
        """What each trustee gets: 48 bytes for each input, in order."""
        return b"".join(point.encode() for point in self.points)


@dataclass(frozen=True)
class Evaluated:
    """A checked result: `derived` has 32 bytes for each input, in order; `liars` who lied, and by which check."""

    derived: tuple[Secret, ...]
    liars: Mapping[int, str]


def domain_tag(purpose: str) -> bytes:
    """RFC 9380 3.1: the tag under which this purpose's inputs, and no others, are hashed to the curve."""
    return b"DIPTYCH-LOOKUP-V01_" + encode_purpose(purpose)[1:] + _SUITE


def blind(inputs: Sequence[Personal[bytes]], *, purpose: str, entropy: Entropy) -> BlindedRequest:
    """1 to 16 inputs, hashed for `purpose` and blinded. Draws `entropy(48 * len(inputs))` once."""
    if not 0 < len(inputs) <= MAX_INPUTS:
        raise ValueError(f"a request has 1 to {MAX_INPUTS} inputs")
    tag = domain_tag(purpose)
    blinds = random_scalars(len(inputs), entropy)
    points = tuple(hash_to_g1(one.reveal(), tag) * blind for one, blind in zip(inputs, blinds, strict=True))
    return BlindedRequest(purpose, tuple(inputs), tuple(Secret(encode_scalar(blind)) for blind in blinds), points)


def evaluate(share: KeyShare, blinded: bytes) -> bytes:
    """A trustee's whole work: each point times its share, 48 bytes each, in order.

    `FormatError` unless there are 1 to 16 points, each canonical, in the subgroup and not the identity: the product of
    any other would tell something about the share. Constant-time in the share (blst).
    """
    scalar = parse_nonzero_scalar(share.scalar.reveal())
    return b"".join((point * scalar).encode() for point in parse_points(blinded))


def parse_points(data: bytes) -> tuple[G1, ...]:
    """1 to 16 points of G1, none the identity; else `FormatError`."""
    if not data or len(data) % G1_BYTES or len(data) > MAX_INPUTS * G1_BYTES:
        raise FormatError("lookup_prf.points", f"1 to {MAX_INPUTS} points of {G1_BYTES} bytes are expected")
    return tuple(parse_g1(data[start : start + G1_BYTES]) for start in range(0, len(data), G1_BYTES))


def finish(request: BlindedRequest, answers: Mapping[int, bytes], *, key: PurposeKey) -> Evaluated:
    """The derived values of the request's inputs from the first k answers that hold, in the order they are given.

    `answers` are by trustee index. `TooFewAnswers` below the threshold. With one lying trustee and one answer to spare
    this succeeds and names it. Answers beyond the first k are checked for form alone, unless one of the k was false.
    """
    if key.purpose != request.purpose:
        raise VerificationError("lookup_prf.purpose", "the key is of another purpose than the request")
    weights = _weights(request, answers)
    partials, liars = _well_formed(request, answers, key)
    combined, times = _combine(dict(list(partials.items())[: key.threshold]), key, liars)
    if not _holds(combined, request.points, key.public_key, weights, times=times):
        for index, points in partials.items():
            if not _holds(points, request.points, key.trustee_keys[index], weights):
                liars[index] = "lookup_prf.partial"
        honest = {index: points for index, points in partials.items() if index not in liars}
        combined, times = _combine(dict(list(honest.items())[: key.threshold]), key, liars)
        if not _holds(combined, request.points, key.public_key, weights, times=times):
            raise VerificationError("lookup_prf.key", "the trustees' keys are not shares of the purpose's public key")
    return Evaluated(_derived(request, combined, times=times), liars)


def _well_formed(
    request: BlindedRequest, answers: Mapping[int, bytes], key: PurposeKey
) -> tuple[dict[int, tuple[G1, ...]], dict[int, str]]:
    """The answers that are points of G1, as many as were asked for, by trustees of this key; and who sent others."""
    partials: dict[int, tuple[G1, ...]] = {}
    liars: dict[int, str] = {}
    for index, answer in answers.items():
        try:
            if index not in key.trustee_keys:
                raise FormatError("lookup_prf.trustee", "there is no trustee of this index")
            points = parse_points(answer)
            if len(points) != len(request.points):
                raise FormatError("lookup_prf.points", "another number of points was asked for")
            partials[index] = points
        except FormatError as error:
            liars[index] = error.check
    return partials, liars


def _combine(
    partials: Mapping[int, Sequence[G1]], key: PurposeKey, liars: Mapping[int, str]
) -> tuple[tuple[G1, ...], int]:
    """Interpolation at 0, in the exponent: all of it public. The results times a small number, and that number.

    Over one denominator the factors are small whole numbers, so no multiplication by a scalar is needed; the
    denominator goes into the one that takes the blind away.
    """
    if len(partials) < key.threshold:
        named = f"; these do not hold: {', '.join(map(str, sorted(liars)))}" if liars else ""
        raise TooFewAnswers(
            liars, f"{key.threshold} answers that hold are needed, and there are {len(partials)}{named}"
        )
    indices = tuple(sorted(partials))
    factors, denominator = whole_lagrange(indices)
    columns = zip(*(partials[index] for index in indices), strict=True)
    return tuple(sum_small(list(zip(column, factors, strict=True))) for column in columns), denominator


def _holds(
    results: Sequence[G1], points: Sequence[G1], public_key: G2, weights: Sequence[int], *, times: int = 1
) -> bool:
    """Whether each result is `times` its point times the key's secret: one equation for all, each weighed by itself."""
    if len(points) == 1:
        left, right = results[0], points[0]
    else:
        left = sum_public(list(zip(results, weights, strict=True)))
        right = sum_public(list(zip(points, weights, strict=True)))
    right = sum_small([(right, times)])
    return pairing_product_is_one([(left, g2_base()), (-right, public_key)])


def _weights(request: BlindedRequest, answers: Mapping[int, bytes]) -> list[int]:
    """128 bits for each point, which no trustee can foresee: from the answers, under the blinds."""
    secret = b"".join(blind.reveal() for blind in request.blinds)
    given = b"".join(bytes([index & 255]) + hashlib.sha256(answers[index]).digest() for index in sorted(answers))
    seed = hmac.new(secret, request.encode() + given, hashlib.sha256).digest()
    drawn = expand_message(seed, _WEIGHTS_TAG, _WEIGHT_BYTES * len(request.points))
    return [int.from_bytes(drawn[at : at + _WEIGHT_BYTES], "big") for at in range(0, len(drawn), _WEIGHT_BYTES)]


def _derived(request: BlindedRequest, combined: Sequence[G1], *, times: int) -> tuple[Secret, ...]:
    """The values, from results that are `times` too large and blinded."""
    found = []
    for one, blind, point in zip(request.inputs, request.blinds, combined, strict=True):
        value = Secret((point * inverse(parse_nonzero_scalar(blind.reveal()) * times % ORDER)).encode())
        found.append(derive(value, purpose=request.purpose, source=one))
    return tuple(found)
