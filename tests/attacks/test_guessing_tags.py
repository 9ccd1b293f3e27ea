"""A thief of index, pepper and key shares guesses who is in the index: with k shares everyone, with k - 1 nobody.

The thief knows the whole population, which is the dictionary. The same attack runs on an index without trustees, on
the index with one share too many captured, and on the index as it is.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable

from diptych.crypto.bls12381 import G1, g1_identity, g2_base, hash_to_g1, pairing_product_is_one
from diptych.crypto.bls12381 import parse_nonzero_scalar as parse_scalar
from diptych.crypto.lookup_prf import KeyShare, blind, evaluate, finish, tag
from diptych.crypto.lookup_prf.evaluation import domain_tag
from diptych.crypto.lookup_prf.polynomials import lagrange
from diptych.crypto.lookup_prf.tags import derive
from diptych.private import Personal, Secret
from tests.crypto.lookup_prf.setting import PURPOSE, THRESHOLD, TRUSTEES, new_ceremony, run, shares_of

POPULATION = [b"PERSON %d|1974-08-%02d" % (number, number % 28 + 1) for number in range(40)]
ENROLLED = POPULATION[::4]
PEPPER = Secret(os.urandom(32))

DONE = run(new_ceremony())
SHARES = shares_of(DONE)
OUTCOME = DONE[0].outcome
assert OUTCOME is not None
KEY = OUTCOME.key

Guess = Callable[[bytes], bytes]


def index_of_the_registry() -> set[bytes]:
    """As it is made: by the workstation, three trustees and the agency's key service."""
    found = set()
    for person in ENROLLED:
        request = blind([Personal(person)], purpose=PURPOSE, entropy=os.urandom)
        answers = {index: evaluate(SHARES[index], request.encode()) for index in TRUSTEES[:THRESHOLD]}
        found.add(tag(PEPPER, finish(request, answers, key=KEY).derived[0]))
    return found


INDEX = index_of_the_registry()


def found_by(guess: Guess, index: set[bytes]) -> list[bytes]:
    """The attack: every person of the population is tried."""
    return [person for person in POPULATION if guess(person) in index]


def with_shares(captured: Iterable[KeyShare]) -> Guess:
    """What a thief computes who has these shares and the pepper, by the trustees' own arithmetic."""
    shares = {share.index: parse_scalar(share.scalar.reveal()) for share in captured}
    indices = tuple(sorted(shares))

    def guess(person: bytes) -> bytes:
        point, value = hash_to_g1(person, domain_tag(PURPOSE)), g1_identity()
        for index in indices:
            value = value + point * shares[index] * lagrange(indices, index, 0)
        return tag(PEPPER, derive(Secret(value.encode()), purpose=PURPOSE, source=Personal(person)))

    return guess


def test_an_index_under_the_pepper_alone_gives_everyone_away() -> None:
    # Today's practice: the weakened build, on which the same attack wins.
    def keyed(person: bytes) -> bytes:
        return hmac.new(PEPPER.reveal(), person, hashlib.sha256).digest()[:16]

    assert found_by(keyed, {keyed(person) for person in ENROLLED}) == ENROLLED


def test_the_attack_finds_everyone_with_as_many_shares_as_the_quorum() -> None:
    assert found_by(with_shares(SHARES[index] for index in (2, 3, 5)), INDEX) == ENROLLED


def test_with_one_share_less_and_the_pepper_it_finds_nobody() -> None:
    for captured in ((), (1,), (4, 5), (1, 2)):
        assert found_by(with_shares(SHARES[index] for index in captured), INDEX) == []


def test_shares_of_two_generations_are_no_quorum() -> None:
    from diptych.crypto.lookup_prf import resharing
    from tests.crypto.lookup_prf.setting import keys_of

    terms = resharing(KEY, threshold=3, receiver_keys=keys_of(*TRUSTEES), dealers=TRUSTEES, nonce=os.urandom(32))
    fresh = shares_of(run(terms, SHARES))
    assert found_by(with_shares((SHARES[1], SHARES[2], fresh[3])), INDEX) == []
    assert found_by(with_shares(fresh[index] for index in (1, 2, 3)), INDEX) == ENROLLED


def test_the_unblinded_value_would_be_enough_and_what_leaves_the_workstation_is_not() -> None:
    person = ENROLLED[3]
    secret = sum(parse_scalar(SHARES[at].scalar.reveal()) * lagrange((1, 2, 3), at, 0) for at in (1, 2, 3))
    value = hash_to_g1(person, domain_tag(PURPOSE)) * secret

    def is_of(candidate: bytes, point: G1) -> bool:
        hashed = hash_to_g1(candidate, domain_tag(PURPOSE))
        return pairing_product_is_one([(point, g2_base()), (-hashed, KEY.public_key)])

    assert [one for one in POPULATION if is_of(one, value)] == [person]
    # `y` is no point and comes of the value through a hash: there is nothing to pair, and no guess without the value.
    y = derive(Secret(value.encode()), purpose=PURPOSE, source=Personal(person))
    assert tag(PEPPER, y) in INDEX
    assert len(y) == 32


def test_trustees_answers_say_nothing_of_who_was_asked_for() -> None:
    # All five trustees together, with their shares, against one request for each of two people: the blind is missing.
    requests = {person: blind([Personal(person)], purpose=PURPOSE, entropy=os.urandom) for person in ENROLLED[:2]}
    tries = {person: hash_to_g1(person, domain_tag(PURPOSE)) for person in POPULATION}
    for request in requests.values():
        seen = {request.points[0], *(request.points[0] * parse_scalar(SHARES[at].scalar.reveal()) for at in TRUSTEES)}
        for hashed in tries.values():
            assert not seen & {hashed, *(hashed * parse_scalar(SHARES[at].scalar.reveal()) for at in TRUSTEES)}
