"""What is no point of the group, too much, or too long is refused at every door, before it costs anything.

Points of a presentation itself are in `test_attacks`; here is everything else that somebody hands over.
"""

import os
from dataclasses import replace

import pytest

from diptych.crypto.bbs.suite import octets_to_pubkey
from diptych.crypto.bls12381 import g1_base, g2_base
from diptych.crypto.fast_suite import proof
from diptych.crypto.fast_suite.credential import issue, receive, request
from diptych.crypto.fast_suite.proof import MAX_STATEMENTS
from diptych.crypto.fast_suite.statements.committed import Committed
from diptych.crypto.fast_suite.statements.opening import Opening
from diptych.crypto.fast_suite.tokens import parse_key, public_set, verify_set, verify_token
from diptych.errors import DiptychError, FormatError, VerificationError
from diptych.formats.bbs_credential.epoch import sign_epoch, verify_epoch
from diptych.formats.bbs_credential.presentation import MAX_BYTES, encode_answer
from diptych.formats.bbs_credential.question import MAX_DISCLOSED, MAX_PHRASES, Question, check_question
from diptych.formats.bbs_credential.trust import encode_member, parse_member
from diptych.roles.verifier.fast_answer import verify_fast, verify_fast_batch
from tests.crypto.fast_suite.setting import POSSESSION, SAME_CUSTOMER, Claims, accepted, proved
from tests.crypto.fast_suite.test_attacks import HOLDS, PRESENTATION, outside_the_subgroup
from tests.crypto.test_bls12381 import low_order_g2
from tests.formats.bbs_specimen import LICENCE, NOW, TODAY, URL, issuer, new_holder, values
from tests.roles.test_fast_answer import ANSWER, answer, expected

NO_G1 = {
    "identity": b"\xc0" + bytes(47),
    "outside": outside_the_subgroup(),
    "ones": b"\xff" * 48,
    "zeros": bytes(48),
    "short": g1_base().encode()[:-1],
    "uncompressed": bytes([g1_base().encode()[0] & 0x7F]) + g1_base().encode()[1:],
}
NO_G2 = {
    "identity": b"\xc0" + bytes(95),
    "outside": low_order_g2(),
    "ones": b"\xff" * 96,
    "zeros": bytes(96),
    "short": g2_base().encode()[:-1],
}

g1 = pytest.mark.parametrize("point", NO_G1.values(), ids=NO_G1)
g2 = pytest.mark.parametrize("point", NO_G2.values(), ids=NO_G2)


@g2
def test_a_public_key_is_a_point_of_g2_whoever_names_it(point: bytes) -> None:
    here = issuer()
    for parse in (octets_to_pubkey, parse_key, lambda key: public_set([1, 2], key)):
        with pytest.raises(FormatError):
            parse(point)
    epoch = sign_epoch(replace(here.epoch, key=point), signer=here.epoch_signer)
    with pytest.raises(FormatError):
        verify_epoch(epoch, signer=here.epoch_signer.public_key, expected_issuer=URL, now=NOW)


@g2
def test_a_trust_file_names_no_key_that_is_none(point: bytes) -> None:
    here = issuer().trust
    licence = replace(here.types[LICENCE.doc_type], keys=(point,))
    with pytest.raises(FormatError):
        parse_member(encode_member(replace(here, types={LICENCE.doc_type: licence})))
    with pytest.raises(FormatError):
        parse_member(encode_member(replace(here, digits=replace(here.digits, key=point))))


@g1
def test_a_token_is_a_point_of_g1(point: bytes) -> None:
    here, holder = issuer(), new_holder()
    with pytest.raises((FormatError, VerificationError)):
        verify_token(here.epoch.key, holder.revocation_id, point)
    with pytest.raises((FormatError, VerificationError)):
        verify_set(here.trust.digits, (point, *here.trust.digit_tokens[1:]), entropy=os.urandom)


@g1
def test_a_commitment_and_a_signature_are_of_points(point: bytes) -> None:
    here, holder = issuer(), new_holder()
    layout, key = here.licence.layout, here.licence.keys[-1]
    commitment, _ = request(holder.secret, entropy=os.urandom)
    with pytest.raises((FormatError, VerificationError)):
        issue(here.secret, key, layout, values(holder.revocation_id), point + commitment[48:])
    with pytest.raises((FormatError, VerificationError)):
        receive(
            point + holder.issued.signature[48:],
            issuer_key=key,
            layout=layout,
            values=values(holder.revocation_id),
            holder_secret=holder.secret,
            blind=holder.blind,
        )


@g1
def test_statements_speak_of_points(point: bytes) -> None:
    for statement in (Committed(POSSESSION.holder_secret, point), Opening(point)):
        with pytest.raises(FormatError):
            accepted(PRESENTATION, [HOLDS, (statement, None)])


@g1
def test_a_verifier_refuses_an_answer_with_no_point_in_it_and_takes_the_one_beside_it(point: bytes) -> None:
    start = ANSWER.index(b"\x65proof") + len(b"\x65proof") + 3
    bad = ANSWER[:start] + point.ljust(48, b"\0") + ANSWER[start + 48 :]
    with pytest.raises(DiptychError) as refused:
        verify_fast(bad, expected(), entropy=os.urandom)
    assert refused.value.check == "bls12381.g1"
    found = verify_fast_batch([(bad, expected()), (ANSWER, expected())], entropy=os.urandom)
    assert isinstance(found[0], FormatError)
    assert isinstance(found[1], dict)


# Too much


def test_as_many_statements_as_there_may_be_are_proved_and_one_more_is_refused() -> None:
    purposes = [replace(SAME_CUSTOMER, purpose=str(number)) for number in range(MAX_STATEMENTS)]
    most: Claims = [HOLDS, *((one, None) for one in purposes[: MAX_STATEMENTS - 1])]
    accepted(proved(most), most)
    for claims in ([*most, (purposes[-1], None)], [HOLDS] * (MAX_STATEMENTS + 1)):
        with pytest.raises(FormatError):
            proved(claims)
        with pytest.raises(FormatError):
            accepted(PRESENTATION, claims)


def test_a_question_has_a_bounded_number_of_phrases_and_attributes() -> None:
    phrases = tuple(f"age >= {age}" for age in range(1, MAX_PHRASES + 2))
    names = tuple(f"attribute_{number}" for number in range(MAX_DISCLOSED + 1))
    check_question(Question(LICENCE.doc_type, phrases[:-1], names[:-1], TODAY))
    for asked in ((phrases, ()), ((), names)):
        with pytest.raises(FormatError) as refused:
            check_question(Question(LICENCE.doc_type, *asked, TODAY))
        assert refused.value.check == "question.size"


# Too long


@pytest.mark.parametrize("count", [0, 1, 10_000, MAX_BYTES - 400])
def test_a_proof_of_another_length_is_refused_before_any_point_is_looked_at(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(data: bytes) -> None:
        raise AssertionError

    monkeypatch.setattr(proof, "parse_g1", never)
    disclosed = {"category_B_valid": 1, "family_name": "Mustermann"}
    here = issuer()
    padded = encode_answer(
        here.licence.layout,
        issuer_key=here.licence.keys[-1],
        epoch=here.epoch.name,
        disclosed=disclosed,
        proof=bytes(count),
    )
    with pytest.raises(FormatError):
        verify_fast(padded, expected(), entropy=os.urandom)


def test_an_answer_that_is_too_long_is_not_even_read() -> None:
    with pytest.raises(FormatError) as refused:
        verify_fast(bytes(MAX_BYTES + 1), expected(), entropy=os.urandom)
    assert refused.value.check == "bbs_presentation.size"


def test_a_batch_of_nothing_but_bad_members_costs_twice_its_number_of_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an attacker can spend for a verifier who takes batches: halves of halves, down to each alone."""
    count = 16
    wanted = [expected(transcript=bytes([number])) for number in range(count)]
    found = answer(expected(transcript=b"of nobody"))
    checks = 0
    real = proof.pairing_product_is_one

    def counted(*args: object) -> bool:
        nonlocal checks
        checks += 1
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(proof, "pairing_product_is_one", counted)
    results = verify_fast_batch([(found, one) for one in wanted], entropy=os.urandom)
    assert all(isinstance(one, VerificationError) for one in results)
    assert checks <= 2 * count
