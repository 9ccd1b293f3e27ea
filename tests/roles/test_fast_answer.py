"""What a verifier refuses of the fast suite's answers: singly, in queues, and byte by byte."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto.fast_suite.credential import Value
from diptych.crypto.fast_suite.proof import prove
from diptych.crypto.fast_suite.statements import Statement, Witness
from diptych.crypto.fast_suite.statements.not_revoked import NotRevoked
from diptych.crypto.fast_suite.statements.possession import Possession
from diptych.crypto.fast_suite.statements.range import Range
from diptych.crypto.fast_suite.tokens import verify_token
from diptych.errors import DiptychError, FormatError, Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.bbs_credential.presentation import encode_answer
from diptych.formats.bbs_credential.question import Keys, Question, statements
from diptych.roles.verifier.fast_answer import ExpectedFast, context_of, verify_fast, verify_fast_batch
from diptych.roles.verifier.policy import parse
from tests.formats.bbs_specimen import LICENCE, NOW, TODAY, Holder, issuer, new_holder

POLICY = parse(b"""
id = "everything"
name = { en = "a", fr = "b" }
purpose = { en = "a", fr = "b" }
[[alternatives]]
doc_type = "org.iso.18013.5.1.mDL"
claims = { category_B_valid = true }
reveal = ["family_name"]
prove = ["age >= 18", "not revoked", "same pseudonym"]
""")
ALTERNATIVE = POLICY.alternatives[0]
ERIKA = new_holder()
NAMES = ("category_B_valid", "family_name")
DISCLOSED: dict[str, Value] = {"category_B_valid": 1, "family_name": "Mustermann"}


def expected(**changed: object) -> ExpectedFast:
    values: dict[str, object] = {
        "policy": POLICY.id,
        "alternative": ALTERNATIVE,
        "day": TODAY,
        "scope": "authority CN=Bar",
        "transcript": b"transcript",
        "trust": issuer().trust,
        "epochs": (issuer().epoch,),
        **changed,
    }
    return ExpectedFast(**values)  # type: ignore[arg-type]


def answer(to: ExpectedFast, holder: Holder = ERIKA, disclosed: dict[str, Value] | None = None) -> bytes:
    here, said = issuer(), DISCLOSED if disclosed is None else disclosed
    question = Question(LICENCE.doc_type, to.alternative.statements, NAMES, to.day)
    keys = Keys(here.licence.keys[-1], here.licence.layout, here.trust.digits, here.epoch.epoch_key)
    digits = here.trust.signed_digits(entropy=os.urandom)
    claims: list[tuple[Statement, Witness]] = []
    for statement in statements(question, keys, said):
        witness: Witness = None
        if isinstance(statement, Possession):
            witness = holder.credential
        elif isinstance(statement, Range):
            witness = digits
        elif isinstance(statement, NotRevoked):
            witness = verify_token(here.epoch.key, holder.revocation_id, holder.token)
        claims.append((statement, witness))
    proof = prove(claims, context_of(to), entropy=os.urandom)
    return encode_answer(
        here.licence.layout, issuer_key=keys.issuer_key, epoch=here.epoch.name, disclosed=said, proof=proof
    )


ANSWER = answer(expected())


def test_what_was_asked_is_revealed_and_a_pseudonym_because_it_was_asked() -> None:
    found = {
        name: cbor.decode(value.reveal()) for name, value in verify_fast(ANSWER, expected(), entropy=os.urandom).items()
    }
    assert found["family_name"] == "Mustermann"
    assert set(found) == {"family_name", "pseudonym"}
    assert len(bytes.fromhex(str(found["pseudonym"]))) == 48


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"policy": "another"}, "fast_suite.presentation"),
        ({"scope": "authority CN=Other"}, "fast_suite.presentation"),
        ({"transcript": b"another"}, "fast_suite.presentation"),
        ({"day": TODAY + timedelta(days=1)}, "fast_suite.presentation"),
        ({"epochs": ()}, "bbs.epoch"),
        ({"epochs": (replace(issuer().epoch, name="20261129T120000Z"),)}, "bbs.epoch"),
        ({"epochs": (replace(issuer().epoch, key=issuer().trust.digits.key),)}, "fast_suite.keys"),
        ({"trust": None}, "bbs.trust"),
        ({"alternative": replace(ALTERNATIVE, doc_type="eu.europa.ec.av.1")}, "bbs.document_type"),
        ({"alternative": replace(ALTERNATIVE, claims=ALTERNATIVE.claims[:1])}, "bbs.claims"),
        (
            {"alternative": replace(ALTERNATIVE, statements=("valid", "age >= 21", *ALTERNATIVE.statements[2:]))},
            "fast_suite.presentation",
        ),
        ({"alternative": replace(ALTERNATIVE, statements=("valid", "age >= 18"))}, "bbs.epoch"),
    ],
)
def test_another_expectation_is_not_met(changed: dict[str, object], check: str) -> None:
    with pytest.raises(DiptychError) as refused:
        verify_fast(ANSWER, expected(**changed), entropy=os.urandom)
    assert refused.value.check == check


def test_every_byte_of_an_answer_counts() -> None:
    for position in range(len(ANSWER)):
        damaged = bytearray(ANSWER)
        damaged[position] ^= 1
        with pytest.raises((FormatError, VerificationError, Refused)):
            verify_fast(bytes(damaged), expected(), entropy=os.urandom)


def test_a_value_that_the_policy_does_not_want_is_refused_by_name() -> None:
    unable = replace(
        ALTERNATIVE, claims=(replace(ALTERNATIVE.claims[0], identifier="category_D_valid"), ALTERNATIVE.claims[1])
    )
    with pytest.raises(Refused) as refused:
        verify_fast(
            answer_without_category(expected(alternative=unable)), expected(alternative=unable), entropy=os.urandom
        )
    assert refused.value.check == "policy.value"


def answer_without_category(to: ExpectedFast) -> bytes:
    return encode_answer(
        issuer().licence.layout,
        issuer_key=issuer().licence.keys[-1],
        epoch=issuer().epoch.name,
        disclosed={"category_D_valid": 0, "family_name": "Mustermann"},
        proof=b"whatever",
    )


def test_a_queue_names_its_bad_members_and_the_others_are_good() -> None:
    others = [expected(transcript=bytes([number])) for number in range(12)]
    batch = [(answer(one, new_holder()), one) for one in others]
    damaged = bytearray(batch[3][0])
    damaged[-1] ^= 1
    batch[3] = (bytes(damaged), others[3])
    batch[5] = (batch[6][0], others[5])  # somebody else's answer
    batch[9] = (b"no answer at all", others[9])
    found = verify_fast_batch(batch, entropy=os.urandom)
    bad = [number for number, result in enumerate(found) if isinstance(result, DiptychError)]
    assert bad == [3, 5, 9]
    pseudonyms = {result["pseudonym"].reveal() for result in found if not isinstance(result, DiptychError)}
    assert len(pseudonyms) == 9
    assert verify_fast_batch([], entropy=os.urandom) == []


def test_a_licence_that_has_ended_answers_nothing() -> None:
    ended = new_holder(valid_until=NOW.date() - timedelta(days=1))
    with pytest.raises(Refused):
        answer(expected(), ended)
