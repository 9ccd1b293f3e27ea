"""One transcript, one challenge: makes and checks the proof of a list of statements, singly or in batches.

A presentation is the points that its statements send, one commitment for each equation, one response for each secret,
concatenated; how many of each follows from the statements, so its length is exact. Commitments are sent and the
challenge is not, so all equations are linear in the points and collapse, with weights drawn after receipt, into one
product of pairings. The argument for soundness and privacy is docs/spec/fast-suite.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from diptych.crypto.bls12381 import (
    G1,
    G1_BYTES,
    G2,
    ORDER,
    SCALAR_BYTES,
    FixedBase,
    encode_scalar,
    g1_identity,
    g2_base,
    hash_to_scalar,
    pairing_product_is_one,
    parse_g1,
    parse_scalar,
    random_scalars,
    sum_fixed,
    sum_public,
    sum_secret,
)
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.credential import VerifiedCredential
from diptych.crypto.fast_suite.statements import Assignment, Knowledge, Statement, Witness, described
from diptych.crypto.fast_suite.system import Attribute, Base, Linear, Sent, System
from diptych.errors import FormatError, Refused, VerificationError

MAX_STATEMENTS = 32
MAX_BATCH = 4_096
MIN_NONCE_BYTES = 16

_CHALLENGE_TAG = b"DIPTYCH_FAST_SUITE_V1_CHALLENGE_"
_WEIGHT_BYTES = 16


@dataclass(frozen=True)
class Context:
    """What a presentation is bound to: the verifier's fresh nonce, who it authenticated as, and what policy it asks."""

    nonce: bytes
    audience: str
    policy: str


@dataclass(frozen=True)
class UnverifiedPresentation:
    """A presentation as it came, beside what its verifier expects it to prove, and in which context."""

    presentation: bytes
    statements: tuple[Statement, ...]
    context: Context


@dataclass(frozen=True)
class VerifiedPresentation:
    """These statements are true of one holder's credentials. Only `verify` and `verify_batch` make one."""

    statements: tuple[Statement, ...]
    context: Context
    pseudonyms: tuple[bytes, ...]


def prove(claims: Sequence[tuple[Statement, Witness]], context: Context, *, entropy: Entropy) -> bytes:
    """The presentation for these statements, each with its witness.

    Raises `Refused` if one of them is not true of its witness, FormatError if they do not fit together.
    """
    statements = [statement for statement, _ in claims]
    system = _system(statements, context)

    # 1. The statements' own points and secrets
    credentials = [witness for _, witness in claims if isinstance(witness, VerifiedCredential)]
    knowledge = Knowledge(
        lambda attribute: _attribute_value(credentials, attribute),
        lambda: _nonzero(random_scalars(1, entropy)[0]),
        context.audience,
    )
    points: list[G1] = []
    own_secrets: list[int] = []
    for statement, witness in claims:
        assignment: Assignment = statement.assign(witness, knowledge)
        points += assignment.points
        own_secrets += assignment.secrets
    if any(point.is_identity() for point in points):
        raise Refused("fast_suite.point", "a point to send is the identity")
    secrets = [0] * system.secret_count
    for number, secret in zip(system.own_secrets, own_secrets, strict=True):
        secrets[number] = secret
    for attribute, number in system.attribute_secrets.items():
        secrets[number] = knowledge.attribute(attribute)

    # 2. One commitment for each equation, from one fresh nonce for each secret
    nonces = random_scalars(system.secret_count, entropy)
    commitments = [_commitment(equation.terms, points, nonces) for equation in system.equations]

    # 3. The challenge, and one response for each secret
    encoded = b"".join(point.encode() for point in (*points, *commitments))
    challenge = _challenge(statements, context, encoded)
    responses = [(nonce + challenge * secret) % ORDER for nonce, secret in zip(nonces, secrets, strict=True)]
    return encoded + b"".join(encode_scalar(response) for response in responses)


def verify(
    presentation: bytes, *, expected_statements: Sequence[Statement], expected_context: Context, entropy: Entropy
) -> VerifiedPresentation:
    """The proven statements; FormatError if the bytes are no such presentation, `VerificationError` if it fails.

    Not checked: that the nonce is fresh, that keys are those the log names, that the device is its holder's.
    """
    unverified = UnverifiedPresentation(presentation, tuple(expected_statements), expected_context)
    received = _Received(unverified)
    if not _all_hold([received], entropy):
        raise _does_not_hold()
    return received.verified()


def verify_batch(
    batch: Sequence[UnverifiedPresentation], *, entropy: Entropy
) -> list[VerifiedPresentation | FormatError | VerificationError]:
    """For each member, in order, what `verify` returns or raises. k bad ones among n cost about 2 k log2(n) checks."""
    if len(batch) > MAX_BATCH:
        raise FormatError("fast_suite.batch", f"at most {MAX_BATCH} presentations in a batch")
    results: dict[int, VerifiedPresentation | FormatError | VerificationError] = {}
    readable: list[tuple[int, _Received]] = []
    for number, unverified in enumerate(batch):
        try:
            readable.append((number, _Received(unverified)))
        except (FormatError, VerificationError) as error:
            results[number] = error
    bad = _bad_ones([received for _, received in readable], entropy)
    for place, (number, received) in enumerate(readable):
        results[number] = _does_not_hold() if place in bad else received.verified()
    return [results[number] for number in range(len(batch))]


class _Received:
    """A presentation read against its statements: points checked, challenge recomputed, equations not yet."""

    def __init__(self, unverified: UnverifiedPresentation) -> None:
        self.unverified = unverified
        self.system = _system(unverified.statements, unverified.context)
        data = unverified.presentation
        sent, equations = self.system.point_count, len(self.system.equations)
        points_end = (sent + equations) * G1_BYTES
        if len(data) != points_end + self.system.secret_count * SCALAR_BYTES:
            raise FormatError("fast_suite.presentation", "a presentation of these statements has another length")
        # Canonical, in the subgroup and not the identity: V' = 0 or Abar = 0 would satisfy their equations for anyone.
        points = [parse_g1(data[start : start + G1_BYTES]) for start in range(0, points_end, G1_BYTES)]
        self.points, self.commitments = points[:sent], points[sent:]
        self.responses = [
            parse_scalar(data[start : start + SCALAR_BYTES]) for start in range(points_end, len(data), SCALAR_BYTES)
        ]
        self.challenge = _challenge(unverified.statements, unverified.context, data[:points_end])

    def verified(self) -> VerifiedPresentation:
        pseudonyms = tuple(self.points[sent.number].encode() for sent in self.system.published)
        return VerifiedPresentation(self.unverified.statements, self.unverified.context, pseudonyms)


def _all_hold(presentations: Sequence[_Received], entropy: Entropy) -> bool:
    """Every equation of every one, at once: wrong with probability 2^-128 over weights drawn now.

    In G1:   commitment + challenge * equals - sum(base * response) = 0, for each equation; an equation that is
    paired with a key has its `equals` paired with that key instead of g2.
    """
    drawn = entropy(_WEIGHT_BYTES * sum(len(received.system.equations) for received in presentations))
    weights = (
        int.from_bytes(drawn[start : start + _WEIGHT_BYTES], "big") or 1
        for start in range(0, len(drawn), _WEIGHT_BYTES)
    )
    fixed: dict[FixedBase, int] = {}
    others: list[tuple[G1, int]] = []
    paired: dict[G2, list[tuple[G1, int]]] = {}
    for received in presentations:
        challenge, responses = received.challenge, received.responses
        factors = [0] * len(received.points)
        for equation, commitment in zip(received.system.equations, received.commitments, strict=True):
            weight = next(weights)
            others.append((commitment, weight))
            summands = [(base, -weight * form.at(responses, challenge)) for base, form in equation.terms]
            if equation.paired_with is None:
                summands += [(base, weight * challenge * factor) for base, factor in equation.equals]
            else:
                slot = paired.setdefault(equation.paired_with, [])
                slot += [(_point(base, received.points), weight * challenge) for base, _ in equation.equals]
            for base, factor in summands:
                if isinstance(base, Sent):
                    factors[base.number] += factor
                elif isinstance(base, FixedBase):
                    fixed[base] = fixed.get(base, 0) + factor
                else:
                    others.append((base, factor))
        others += [(point, factor) for point, factor in zip(received.points, factors, strict=True) if factor]
    pairs = [(sum_public(slot), key) for key, slot in paired.items()]
    return pairing_product_is_one([(sum_fixed(list(fixed.items())) + sum_public(others), g2_base()), *pairs])


def _bad_ones(presentations: list[_Received], entropy: Entropy, first: int = 0) -> set[int]:
    """Which do not hold: halves of a batch that fails are checked again, with new weights."""
    if not presentations or _all_hold(presentations, entropy):
        return set()
    if len(presentations) == 1:
        return {first}
    middle = len(presentations) // 2
    left = _bad_ones(presentations[:middle], entropy, first)
    return left | _bad_ones(presentations[middle:], entropy, first + middle)


def _system(statements: Sequence[Statement], context: Context) -> System:
    if not 0 < len(statements) <= MAX_STATEMENTS:
        raise FormatError("fast_suite.statements", f"1 to {MAX_STATEMENTS} statements")
    if len(context.nonce) < MIN_NONCE_BYTES:
        raise FormatError("fast_suite.nonce", f"a nonce has at least {MIN_NONCE_BYTES} bytes")
    if not context.audience:
        raise FormatError("fast_suite.audience", "a presentation is for someone")
    system = System(context.audience)
    for statement in statements:
        statement.link(system)
    for statement in statements:
        statement.relate(system)
    return system


def _challenge(statements: Sequence[Statement], context: Context, points: bytes) -> int:
    """Everything both sides know, then every point, in order; responses are all that it does not cover."""
    public = described(
        "presentation",
        context.nonce,
        context.audience.encode(),
        context.policy.encode(),
        len(statements).to_bytes(4, "big"),
        *(statement.describe() for statement in statements),
        points,
    )
    challenge = hash_to_scalar(public, _CHALLENGE_TAG)
    if challenge == 0:
        raise VerificationError("fast_suite.challenge", "the challenge is zero")
    return challenge


def _commitment(terms: Sequence[tuple[Base, Linear]], points: Sequence[G1], nonces: Sequence[int]) -> G1:
    by_table: list[tuple[FixedBase, int]] = []
    others: list[tuple[G1, int]] = []
    for base, form in terms:
        if not form.terms:
            continue
        nonce = form.at(nonces, 0)
        if isinstance(base, FixedBase):
            by_table.append((base, nonce))
        else:
            others.append((_point(base, points), nonce))
    total = sum_secret(others) if others else g1_identity()
    return total + sum_fixed(by_table) if by_table else total


def _point(base: Base, points: Sequence[G1]) -> G1:
    if isinstance(base, Sent):
        return points[base.number]
    return base.point if isinstance(base, FixedBase) else base


def _attribute_value(credentials: Sequence[VerifiedCredential], attribute: Attribute) -> int:
    return credentials[attribute.credential].scalars[attribute.position]


def _nonzero(scalar: int) -> int:
    if scalar == 0:
        raise Refused("fast_suite.entropy", "the entropy source returned zeros")
    return scalar


def _does_not_hold() -> VerificationError:
    return VerificationError("fast_suite.presentation", "the presentation does not prove these statements here")
