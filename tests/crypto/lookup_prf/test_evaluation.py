"""A look-up: trustees see nothing, any three answer, one check proves it, and whoever lies is named."""

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.crypto.bls12381 import G1, g1_base, g1_identity, g2_base, hash_to_g1, pairing_product_is_one, parse_g1
from diptych.crypto.lookup_prf import (
    BlindedRequest,
    KeyShare,
    PurposeKey,
    TooFewAnswers,
    blind,
    evaluate,
    finish,
    tag,
)
from diptych.crypto.lookup_prf.evaluation import MAX_INPUTS, domain_tag
from diptych.crypto.lookup_prf.polynomials import lagrange
from diptych.errors import FormatError, VerificationError
from diptych.private import Personal, Secret
from tests.crypto.lookup_prf.setting import PURPOSE, TRUSTEES, new_ceremony, run, shares_of
from tests.crypto.test_bls12381 import point_outside_the_subgroup

INPUTS = tuple(Personal(text) for text in (b"ERIKSSON ANNA MARIA 1974-08-12", b"ERIKSSON ANNA 1974-08-12", b""))


def town(purpose: str) -> tuple[PurposeKey, Mapping[int, KeyShare]]:
    done = run(new_ceremony(purpose))
    outcome = done[0].outcome
    assert outcome is not None
    return outcome.key, shares_of(done)


KEY, SHARES = town(PURPOSE)
OTHER_KEY, OTHER_SHARES = town("residence-permit")


def ask(inputs: tuple[Personal[bytes], ...] = INPUTS) -> BlindedRequest:
    return blind(inputs, purpose=PURPOSE, entropy=os.urandom)


def answers_to(request: BlindedRequest, *trustees: int) -> dict[int, bytes]:
    return {index: evaluate(SHARES[index], request.encode()) for index in trustees}


REQUEST = ask()
EXPECTED = finish(REQUEST, answers_to(REQUEST, 1, 2, 3), key=KEY).derived


def test_any_three_trustees_give_the_same_values_whatever_the_blinding() -> None:
    for trustees in combinations(TRUSTEES, 3):
        request = ask()
        result = finish(request, answers_to(request, *trustees), key=KEY)
        assert result.derived == EXPECTED
        assert result.liars == {}
    assert len({derived.reveal() for derived in EXPECTED}) == 3


@settings(max_examples=10, deadline=None)
@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_any_input_has_one_value_and_another_has_another(texts: list[bytes]) -> None:
    request = ask(tuple(Personal(text) for text in texts))
    derived = finish(request, answers_to(request, 2, 4, 5), key=KEY).derived
    assert len(derived) == len(texts)
    for one, text in zip(derived, texts, strict=True):
        for other, other_text in zip(derived, texts, strict=True):
            assert (one == other) == (text == other_text)


def test_a_trustee_sees_points_that_say_nothing() -> None:
    # Two requests for one input have nothing in common, and for any other input some blind gives the same points.
    first, second = ask(), ask()
    assert not set(first.points) & set(second.points)
    assert hash_to_g1(INPUTS[0].reveal(), domain_tag(PURPOSE)) not in first.points


def test_the_result_is_the_signature_of_the_hashed_input() -> None:
    # The value itself, which never leaves the module: a BLS signature that verifies under the public key, then HKDF.
    request = blind((Personal(b"x"),), purpose=PURPOSE, entropy=lambda count: bytes(count - 1) + b"\1")
    assert request.points == (hash_to_g1(b"x", domain_tag(PURPOSE)),)
    given_ = answers_to(request, 1, 2, 3)
    derived = finish(request, given_, key=KEY).derived[0]
    value = combined({index: parse_g1(answer) for index, answer in given_.items()})
    assert pairing_product_is_one([(value, g2_base()), (-request.points[0], KEY.public_key)])
    prk = hmac.new(b"diptych lookup value 1", value.encode(), hashlib.sha256).digest()
    info = bytes([len(PURPOSE)]) + PURPOSE.encode() + b"x"
    assert derived.reveal() == hmac.new(prk, info + b"\1", hashlib.sha256).digest()


def combined(partials: Mapping[int, G1]) -> G1:
    total = g1_identity()
    for index, partial in partials.items():
        total = total + partial * lagrange(tuple(partials), index, 0)
    return total


# Trustees that lie.


def false_point(answer: bytes, position: int = 0) -> bytes:
    at = 48 * position
    return answer[:at] + (parse_g1(answer[at : at + 48]) + g1_base()).encode() + answer[at + 48 :]


@pytest.mark.parametrize("liar", TRUSTEES)
def test_a_liar_at_every_position_is_named_and_the_result_is_right(liar: int) -> None:
    for position in range(3):
        answers = answers_to(REQUEST, *TRUSTEES)
        answers[liar] = false_point(answers[liar], position)
        result = finish(REQUEST, answers, key=KEY)
        assert result.derived == EXPECTED
        # A liar beyond the first three was not needed, and not looked at.
        assert result.liars == ({liar: "lookup_prf.partial"} if liar <= 3 else {})


def test_a_liar_is_named_wherever_its_answer_stands_in_the_order() -> None:
    for order in permutations((1, 2, 3, 4)):
        answers = {index: evaluate(SHARES[index], REQUEST.encode()) for index in order}
        answers[2] = false_point(answers[2])
        result = finish(REQUEST, answers, key=KEY)
        assert result.derived == EXPECTED
        assert result.liars == ({} if order[3] == 2 else {2: "lookup_prf.partial"})


def test_two_liars_of_five_are_both_named() -> None:
    answers = answers_to(REQUEST, *TRUSTEES)
    answers[1], answers[2] = false_point(answers[1]), false_point(answers[2], 2)
    result = finish(REQUEST, answers, key=KEY)
    assert result.derived == EXPECTED
    assert set(result.liars) == {1, 2}


def test_lies_that_cancel_one_another_give_nothing_false() -> None:
    # Over three inputs, a trustee adds d, d and -2d: a plain sum of the three would not notice.
    answers = answers_to(REQUEST, 1, 2, 3, 4)
    points = [parse_g1(answers[1][at : at + 48]) for at in (0, 48, 96)]
    shifts = (g1_base(), g1_base(), -(g1_base() + g1_base()))
    answers[1] = b"".join((point + shift).encode() for point, shift in zip(points, shifts, strict=True))
    result = finish(REQUEST, answers, key=KEY)
    assert result.derived == EXPECTED
    assert set(result.liars) == {1}


def test_answers_in_another_order_than_the_questions_are_a_lie() -> None:
    answers = answers_to(REQUEST, 1, 2, 3, 4)
    answers[3] = answers[3][48:] + answers[3][:48]
    assert set(finish(REQUEST, answers, key=KEY).liars) == {3}


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        (b"", "lookup_prf.points"),
        (bytes(47), "lookup_prf.points"),
        (bytes(48), "bls12381.g1"),
        (b"\xc0" + bytes(47), "bls12381.g1"),
        (b"\xff" * 48, "bls12381.g1"),
        (point_outside_the_subgroup(), "bls12381.g1"),
    ],
    ids=["nothing", "short", "uncompressed", "identity", "all ones", "torsion"],
)
def test_an_answer_that_is_no_point_names_its_trustee(defect: bytes, check: str) -> None:
    request = ask(INPUTS[:1])
    answers = answers_to(request, 1, 2, 3, 4)
    answers[1] = defect
    result = finish(request, answers, key=KEY)
    assert result.derived == EXPECTED[:1]
    assert result.liars == {1: check}


def test_answers_to_fewer_or_more_questions_name_their_trustee() -> None:
    answers = answers_to(REQUEST, 1, 2, 3, 4)
    answers[1], answers[2] = answers[1][:48], answers[2] + answers[2][:48]
    with pytest.raises(TooFewAnswers) as few:
        finish(REQUEST, answers, key=KEY)
    assert few.value.liars == {1: "lookup_prf.points", 2: "lookup_prf.points"}


def test_too_few_answers_are_no_result_and_say_who_lied() -> None:
    for trustees in ((), (1,), (1, 5)):
        with pytest.raises(TooFewAnswers, match=r"lookup_prf\.too_few") as few:
            finish(REQUEST, answers_to(REQUEST, *trustees), key=KEY)
        assert few.value.liars == {}
    answers = answers_to(REQUEST, 1, 2, 3)
    answers[2] = false_point(answers[2])
    with pytest.raises(TooFewAnswers, match="do not hold: 2") as few:
        finish(REQUEST, answers, key=KEY)
    assert few.value.liars == {2: "lookup_prf.partial"}


def test_one_trustee_cannot_answer_for_another_or_as_nobody() -> None:
    answers = answers_to(REQUEST, 1, 2, 3)
    with pytest.raises(TooFewAnswers) as few:
        finish(REQUEST, {1: answers[1], 2: answers[2], 3: answers[2]}, key=KEY)
    assert few.value.liars == {3: "lookup_prf.partial"}
    for stranger in (0, 6, 255, 256, -1):
        result = finish(REQUEST, {stranger: answers[1], **answers}, key=KEY)
        assert result.liars == {stranger: "lookup_prf.trustee"}
        assert result.derived == EXPECTED


# Purposes apart.


def test_a_share_of_another_purpose_is_a_lie() -> None:
    answers = answers_to(REQUEST, 1, 2, 3, 4)
    answers[2] = evaluate(OTHER_SHARES[2], REQUEST.encode())
    assert finish(REQUEST, answers, key=KEY).liars == {2: "lookup_prf.partial"}


def test_a_request_is_not_finished_under_another_purposes_key() -> None:
    answers = {index: evaluate(OTHER_SHARES[index], REQUEST.encode()) for index in (1, 2, 3)}
    with pytest.raises(VerificationError, match=r"lookup_prf\.purpose"):
        finish(REQUEST, answers, key=OTHER_KEY)


def test_one_input_has_unrelated_values_under_two_purposes_even_with_one_key() -> None:
    # One key for two purposes would be a mistake; domain tags and derivation keep them apart even then.
    key = replace(KEY, purpose="residence-permit")
    request = blind(INPUTS, purpose="residence-permit", entropy=os.urandom)
    derived = finish(request, answers_to(request, 1, 2, 3), key=key).derived
    assert not {one.reveal() for one in derived} & {one.reveal() for one in EXPECTED}
    assert domain_tag("a") != domain_tag("b")


def test_a_key_whose_trustees_hold_no_shares_of_it_is_noticed() -> None:
    key = replace(KEY, public_key=OTHER_KEY.public_key)
    with pytest.raises(VerificationError, match=r"lookup_prf\.key"):
        finish(REQUEST, answers_to(REQUEST, 1, 2, 3), key=key)


# What a trustee takes.


@pytest.mark.parametrize(
    "defect",
    [
        b"",
        bytes(48),
        b"\xc0" + bytes(47),
        b"\xff" * 48,
        point_outside_the_subgroup(),
        g1_base().encode()[:-1],
        g1_base().encode() + b"\0",
        g1_base().encode() + b"\xc0" + bytes(47),
        g1_base().encode() * (MAX_INPUTS + 1),
    ],
    ids=["nothing", "zeros", "identity", "ones", "torsion", "short", "long", "identity behind a point", "too many"],
)
def test_a_trustee_multiplies_nothing_but_points_of_the_subgroup(defect: bytes) -> None:
    with pytest.raises(FormatError, match=r"bls12381\.g1|lookup_prf\.points"):
        evaluate(SHARES[1], defect)


def test_as_many_inputs_as_allowed_are_answered_together() -> None:
    inputs = tuple(Personal(b"%d" % number) for number in range(MAX_INPUTS))
    request = ask(inputs)
    assert len(finish(request, answers_to(request, 1, 2, 3), key=KEY).derived) == MAX_INPUTS
    for wrong in ((), (*inputs, Personal(b""))):
        with pytest.raises(ValueError, match="inputs"):
            ask(wrong)


# Tags.


def test_a_tag_is_of_its_pepper_and_value() -> None:
    pepper = Secret(bytes(range(32)))
    first = tag(pepper, EXPECTED[0])
    assert first == hmac.new(pepper.reveal(), EXPECTED[0].reveal(), hashlib.sha256).digest()[:16]
    assert len({first, tag(pepper, EXPECTED[1]), tag(Secret(bytes(32)), EXPECTED[0])}) == 3
    for wrong in ((Secret(b""), EXPECTED[0]), (pepper, Secret(bytes(48)))):
        with pytest.raises(ValueError, match="pepper"):
            tag(*wrong)


def test_a_request_says_nothing_of_inputs_and_blinds_when_printed() -> None:
    printed = repr(REQUEST) + repr(finish(REQUEST, answers_to(REQUEST, 1, 2, 3), key=KEY))
    assert "ERIKSSON" not in printed
    for secret in (*REQUEST.blinds, *EXPECTED):
        assert repr(secret.reveal()) not in printed
