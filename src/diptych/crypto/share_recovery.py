"""A lost share comes back: k helpers compute the share of a spare index, and nobody ever holds the secret.

The share at an index is a weighted sum of k others (Lagrange). Each helper cuts its summand into k random pieces, one
for each helper; each helper adds up the pieces it was given; the replacement adds up these sums. It learns its own
share and nothing else: the sums are uniform but for their total. Pieces and sums travel sealed and signed, under one
run's name; that is left to protocols (docs/spec/quorum.md, "Recovery").

A run that was lied in ends in a share that is not the published one: it is thrown away, and another set of helpers is
asked. Which helper lied cannot be seen in one run without opening shares; `named_liars` says what several runs prove.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations

from diptych.crypto import gf256
from diptych.crypto.entropy import Entropy
from diptych.crypto.sharing import MIN_THRESHOLD, SHARE_BYTES, check_indices, check_share, share_vector
from diptych.errors import Conflict, FormatError, Refused, VerificationError
from diptych.private import Secret


def contribute(
    share: Secret, *, index: int, target: int, helpers: Sequence[int], threshold: int, entropy: Entropy
) -> Mapping[int, Secret]:
    """The pieces, by helper (its own included), into which the helper at `index` cuts its part of `target`'s share.

    Draws `entropy(32 * (threshold - 1))` once. The pieces are for this run alone: made again, they are others.
    """
    _check_run(helpers, target=target, threshold=threshold)
    if index not in helpers:
        raise FormatError("recovery.helper", "a helper is one of the helpers")
    drawn = entropy(SHARE_BYTES * (threshold - 1))
    if len(drawn) != SHARE_BYTES * (threshold - 1):
        raise ValueError("entropy returned another number of bytes than was asked for")
    own = gf256.scale(share_vector(share), gf256.lagrange(tuple(helpers), index, target))
    pieces: dict[int, Secret] = {}
    for number, helper in enumerate(helper for helper in helpers if helper != index):
        piece = drawn[number * SHARE_BYTES : (number + 1) * SHARE_BYTES]
        pieces[helper] = Secret(piece)
        own ^= int.from_bytes(piece, "big")
    pieces[index] = Secret(own.to_bytes(SHARE_BYTES, "big"))
    return pieces


def add_pieces(pieces: Mapping[int, Secret], *, helpers: Sequence[int]) -> Secret:
    """What one helper sends to the replacement: the sum of the pieces it has from each helper, its own included.

    `Conflict` "recovery.pieces" while one is missing: a sum of fewer pieces would be of another masking.
    """
    if set(pieces) != set(helpers):
        raise Conflict("recovery.pieces", "one piece from each helper is needed, and no other")
    return _sum(pieces)


def assemble(
    sums: Mapping[int, Secret],
    *,
    target: int,
    helpers: Sequence[int],
    threshold: int,
    expected_hash: bytes,
    context: bytes,
) -> Secret:
    """The replacement's share, checked against its published hash.

    `Conflict` "recovery.sums" while a helper's sum is missing; `VerificationError` "recovery.share" when one of the
    helpers lied: nothing is kept, the set of helpers goes into `named_liars`, and another set is asked.
    """
    _check_run(helpers, target=target, threshold=threshold)
    if set(sums) != set(helpers):
        raise Conflict("recovery.sums", "one sum from each helper is needed, and no other")
    share = _sum(sums)
    try:
        check_share(share, expected_hash=expected_hash, context=context)
    except VerificationError as error:
        raise VerificationError("recovery.share", "one of these helpers lied: ask another set of them") from error
    return share


def named_liars(failed_runs: Collection[Collection[int]], *, at_most: int) -> frozenset[int]:
    """Who lied for certain, if no more than `at_most` helpers ever lie: who is in every explanation of the failures.

    A failed run proves that one of its helpers lied, and a run that holds proves nothing (a liar may be honest for
    once), so nobody can be framed by how others behave. `Refused` "recovery.too_many_liars" when no `at_most`
    helpers explain all failures. With one liar, two failed runs that share one helper name it.
    """
    runs = [frozenset(run) for run in failed_runs]
    if not runs:
        return frozenset()
    everyone = sorted(frozenset().union(*runs))
    explanations = [
        frozenset(liars)
        for size in range(1, at_most + 1)
        for liars in combinations(everyone, size)
        if all(run.intersection(liars) for run in runs)
    ]
    if not explanations:
        raise Refused("recovery.too_many_liars", f"more than {at_most} helpers lied")
    return explanations[0].intersection(*explanations[1:])


def _check_run(helpers: Sequence[int], *, target: int, threshold: int) -> None:
    check_indices((*helpers, target))
    if threshold < MIN_THRESHOLD or len(helpers) != threshold:
        raise FormatError("recovery.helpers", "as many helpers as the threshold recover a share, and not the lost one")


def _sum(parts: Mapping[int, Secret]) -> Secret:
    total = 0
    for part in parts.values():
        total ^= share_vector(part)
    return Secret(total.to_bytes(SHARE_BYTES, "big"))
