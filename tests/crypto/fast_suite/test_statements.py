"""Each kind of statement: true ones are proved, others are refused by an honest prover before anything is sent."""

import os
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.crypto.bls12381 import parse_g1
from diptych.crypto.fast_suite.credential import (
    Field,
    Kind,
    Layout,
    VerifiedCredential,
    day_number,
    issue,
    latest_birth_date,
    request,
    to_scalar,
)
from diptych.crypto.fast_suite.proof import Context, prove, verify
from diptych.crypto.fast_suite.statements import Opened
from diptych.crypto.fast_suite.statements.committed import Committed
from diptych.crypto.fast_suite.statements.disclosure import Disclosure
from diptych.crypto.fast_suite.statements.equality import Equality
from diptych.crypto.fast_suite.statements.membership import Membership
from diptych.crypto.fast_suite.statements.opening import Opening
from diptych.crypto.fast_suite.statements.possession import Possession
from diptych.crypto.fast_suite.statements.pseudonym import Pseudonym
from diptych.crypto.fast_suite.statements.range import Range
from diptych.crypto.fast_suite.system import Attribute
from diptych.errors import FormatError, Refused, VerificationError
from tests.crypto.fast_suite.setting import (
    ADULT,
    COUNTRIES,
    DIGITS,
    ERIKSSON,
    FROM_HERE,
    ISSUER_KEY,
    ISSUER_SK,
    LAYOUT,
    NAMED,
    NOT_REVOKED,
    OTHER,
    POSSESSION,
    SAME_CUSTOMER,
    SIGNED_COUNTRIES,
    SIGNED_DIGITS,
    TODAY,
    VALID,
    Claims,
    accepted,
    enrol,
    everything,
    new_secret,
    proved,
)

HOLDS = (POSSESSION, ERIKSSON.credential)
POINTS = POSSESSION.attribute("points")


def check(*claims: tuple[Any, Any]) -> None:
    listed: Claims = list(claims)
    accepted(proved(listed), listed)


def test_everything_at_once() -> None:
    verified = accepted(proved(everything()), everything())
    assert len(verified.pseudonyms) == 1


def test_possession_alone() -> None:
    check(HOLDS)


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("family_name", Kind.TEXT, "Eriksson"),
        ("birth_date", Kind.DATE, date(1990, 5, 17)),
        ("points", Kind.INTEGER, 12),
    ],
)
def test_disclosure(name: str, kind: Kind, value: str | date | int) -> None:
    check(HOLDS, (Disclosure(POSSESSION.attribute(name), kind, value), None))
    with pytest.raises(Refused):
        check(HOLDS, (Disclosure(POSSESSION.attribute(name), kind, None), None))


@pytest.mark.parametrize("name", ["revocation_id", "holder_secret"])
def test_what_links_every_presentation_is_never_disclosed(name: str) -> None:
    attribute = POSSESSION.holder_secret if name == "holder_secret" else POSSESSION.attribute(name)
    kind = Kind.SECRET if name == "holder_secret" else Kind.IDENTIFIER
    with pytest.raises(FormatError):
        check(HOLDS, (Disclosure(attribute, kind, ERIKSSON.revocation_id), None))
    with pytest.raises(FormatError):
        check(HOLDS, (Disclosure(attribute, Kind.INTEGER, 1), None))


@pytest.mark.parametrize("born", [date(2008, 11, 24), date(2008, 11, 23), date(1950, 1, 1), date(1829, 6, 21)])
def test_adults_prove_it_on_the_day(born: date) -> None:
    holder = enrol(new_secret(), birth_date=born)
    check((POSSESSION, holder.credential), (ADULT, SIGNED_DIGITS))


@pytest.mark.parametrize("born", [date(2008, 11, 25), date(2020, 1, 1), date(1829, 6, 20), date(1, 1, 1)])
def test_others_cannot(born: date) -> None:
    holder = enrol(new_secret(), birth_date=born)
    with pytest.raises(Refused):
        check((POSSESSION, holder.credential), (ADULT, SIGNED_DIGITS))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**64 - 1), st.booleans(), st.integers(1, 3))
def test_ranges_hold_exactly_inside_their_window(bound: int, above: bool, length: int) -> None:
    window = 256**length
    side = {"at_least": bound} if above else {"at_most": bound}
    inside = [bound, bound + window - 1] if above else [bound, bound - window + 1]
    outside = [bound - 1, bound + window] if above else [bound + 1, bound - window]
    statement = Range(POINTS, DIGITS, length=length, **side)
    for value in inside:
        if 0 <= value < 2**64:
            check((POSSESSION, enrol(new_secret(), points=value).credential), (statement, SIGNED_DIGITS))
    for value in outside:
        if 0 <= value < 2**64:
            with pytest.raises(Refused):
                check((POSSESSION, enrol(new_secret(), points=value).credential), (statement, SIGNED_DIGITS))


def test_a_two_sided_range_is_two_statements() -> None:
    low, high = Range(POINTS, DIGITS, at_least=10, length=1), Range(POINTS, DIGITS, at_most=15, length=1)
    check(HOLDS, (low, SIGNED_DIGITS), (high, SIGNED_DIGITS))
    with pytest.raises(Refused):
        check(HOLDS, (low, SIGNED_DIGITS), (replace(high, at_most=11), SIGNED_DIGITS))


def test_eight_digits_cover_every_integer() -> None:
    holder = enrol(new_secret(), points=2**64 - 1)
    check((POSSESSION, holder.credential), (Range(POINTS, DIGITS, at_least=0, length=8), SIGNED_DIGITS))


@pytest.mark.parametrize(
    "statement",
    [
        Range(POINTS, DIGITS),
        Range(POINTS, DIGITS, at_least=1, at_most=2),
        Range(POINTS, DIGITS, at_least=-1),
        Range(POINTS, DIGITS, at_most=2**64),
        Range(POINTS, DIGITS, at_least=1, length=0),
        Range(POINTS, DIGITS, at_least=1, length=9),
        Range(POINTS, COUNTRIES, at_least=1),
        Range(POSSESSION.attribute("family_name"), DIGITS, at_least=1),
        Range(POSSESSION.attribute("revocation_id"), DIGITS, at_least=1),
        Range(POSSESSION.holder_secret, DIGITS, at_least=1),
        Range(Attribute(0, LAYOUT.size), DIGITS, at_least=1),
        Range(Attribute(0, -1), DIGITS, at_least=1),
        Range(Attribute(1, 0), DIGITS, at_least=1),
        Membership(POSSESSION.attribute("revocation_id"), COUNTRIES),
        Pseudonym(POSSESSION.attribute("family_name")),
        Pseudonym(Attribute(0, 10**9)),
        Pseudonym(Attribute(0, LAYOUT.blind_index)),
        Disclosure(Attribute(0, LAYOUT.blind_index), Kind.BLIND, 1),
        Disclosure(POSSESSION.attribute("family_name"), Kind.INTEGER, 1),
        Equality(POSSESSION.attribute("family_name"), POSSESSION.attribute("birth_date")),
        Equality(POSSESSION.attribute("family_name"), Attribute(3, 0)),
        Possession(0, ISSUER_KEY, LAYOUT),
        Possession(2, ISSUER_KEY, LAYOUT),
        Possession(1, ISSUER_KEY, Layout("x", (Field("s", Kind.SECRET),))),
        Possession(1, ISSUER_KEY, Layout("x", (Field("a", Kind.TEXT), Field("a", Kind.TEXT)))),
        Possession(1, ISSUER_KEY, Layout("x", tuple(Field(str(n), Kind.TEXT) for n in range(65)))),
        Possession(1, bytes(96), LAYOUT),
        Committed(POSSESSION.holder_secret, b""),
        Committed(POSSESSION.holder_secret, b"\xc0" + bytes(47)),
    ],
)
def test_a_statement_that_makes_no_sense_is_a_format_error(statement: object) -> None:
    with pytest.raises(FormatError):
        check(HOLDS, (statement, SIGNED_DIGITS))


def test_nothing_is_stated_about_a_disclosed_attribute() -> None:
    shown = Disclosure(POINTS, Kind.INTEGER, 12)
    with pytest.raises(FormatError):
        check(HOLDS, (shown, None), (Range(POINTS, DIGITS, at_least=1), SIGNED_DIGITS))
    with pytest.raises(FormatError):
        check(HOLDS, (shown, None), (Disclosure(POINTS, Kind.INTEGER, 13), None))


def test_absent_attributes_are_in_no_range_and_no_set() -> None:
    holder = enrol(new_secret(), birth_date=None, nationality=None, points=None)
    for statement, witness in ((ADULT, SIGNED_DIGITS), (FROM_HERE, SIGNED_COUNTRIES)):
        with pytest.raises(Refused):
            check((POSSESSION, holder.credential), (statement, witness))
    check((POSSESSION, holder.credential), (Disclosure(POINTS, Kind.INTEGER, None), None))


def test_membership() -> None:
    check(HOLDS, (FROM_HERE, SIGNED_COUNTRIES))
    foreigner = enrol(new_secret(), nationality="XXA")
    with pytest.raises(Refused):
        check((POSSESSION, foreigner.credential), (FROM_HERE, SIGNED_COUNTRIES))


def test_not_revoked() -> None:
    check(HOLDS, (NOT_REVOKED, ERIKSSON.token))


def test_valid_today() -> None:
    check(HOLDS, (VALID, SIGNED_DIGITS))
    expired = enrol(new_secret(), expiry_date=TODAY - timedelta(days=1))
    with pytest.raises(Refused):
        check((POSSESSION, expired.credential), (VALID, SIGNED_DIGITS))


def test_pseudonyms_are_stable_for_one_verifier_and_purpose_and_different_elsewhere() -> None:
    def pseudonym(credential: VerifiedCredential, audience: str, purpose: str) -> bytes:
        claims: Claims = [(POSSESSION, credential), (replace(SAME_CUSTOMER, purpose=purpose), None)]
        context = Context(os.urandom(16), audience, "")
        return accepted(proved(claims, context), claims, context).pseudonyms[0]

    renewed = enrol(ERIKSSON.secret, expiry_date=date(2040, 1, 1))
    here = pseudonym(ERIKSSON.credential, "https://a.example", "p")
    assert here == pseudonym(ERIKSSON.credential, "https://a.example", "p")
    assert here == pseudonym(renewed.credential, "https://a.example", "p")
    others = {
        here,
        pseudonym(ERIKSSON.credential, "https://b.example", "p"),
        pseudonym(ERIKSSON.credential, "https://a.example", "q"),
        pseudonym(ERIKSSON.credential, "https://a.examplep", ""),
        pseudonym(OTHER.credential, "https://a.example", "p"),
    }
    assert len(others) == 5


def test_equality_of_two_credentials_of_one_holder() -> None:
    second = enrol(ERIKSSON.secret, points=3)
    other = Possession(1, ISSUER_KEY, LAYOUT)
    same_person = Equality(POSSESSION.holder_secret, other.holder_secret)
    same_name = Equality(POSSESSION.attribute("family_name"), other.attribute("family_name"))
    holds_second = (other, second.credential)
    check(HOLDS, holds_second, (same_person, None), (same_name, None), (SAME_CUSTOMER, None))
    check(HOLDS, holds_second, (same_person, None), (same_name, None), (NAMED, None))
    with pytest.raises(Refused):
        check(HOLDS, (other, OTHER.credential), (same_person, None))
    same_points = Equality(POINTS, other.attribute("points"))
    with pytest.raises(Refused):
        check(HOLDS, holds_second, (same_points, None))


def test_equality_saves_a_response_and_is_transitive() -> None:
    first, second, third = (Possession(number, ISSUER_KEY, LAYOUT) for number in range(3))
    credential = ERIKSSON.credential
    claims: Claims = [(first, credential), (second, credential), (third, credential)]
    linked: Claims = [
        *claims,
        (Equality(third.holder_secret, second.holder_secret), None),
        (Equality(first.holder_secret, third.holder_secret), None),
        (Equality(second.holder_secret, first.holder_secret), None),
    ]
    assert len(proved(linked)) == len(proved(claims)) - 64
    check(*linked)


def test_renewal_commits_to_the_same_secret() -> None:
    commitment, blind = request(ERIKSSON.secret, entropy=os.urandom)
    renewal = Committed(POSSESSION.holder_secret, commitment)
    check(HOLDS, (renewal, int.from_bytes(blind.reveal(), "big")))
    other, other_blind = request(new_secret(), entropy=os.urandom)
    lie = Committed(POSSESSION.holder_secret, other)
    with pytest.raises(VerificationError):
        check(HOLDS, (lie, int.from_bytes(other_blind.reveal(), "big")))


def test_a_witness_of_another_kind_is_a_mistake_of_the_caller() -> None:
    for statement in (POSSESSION, ADULT, NOT_REVOKED, FROM_HERE, Committed(POSSESSION.holder_secret, bytes(48))):
        with pytest.raises((TypeError, FormatError)):
            check(HOLDS, (statement, "something else"))


def test_a_credential_of_another_type_or_issuer_is_refused() -> None:
    with pytest.raises(Refused):
        check((POSSESSION, enrol(new_secret(), replace(LAYOUT, document_type="other")).credential))
    presentation = proved([HOLDS])
    with pytest.raises(VerificationError):
        accepted(presentation, [(replace(POSSESSION, layout=replace(LAYOUT, document_type="other")), None)])


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.INTEGER, -1),
        (Kind.INTEGER, 2**64),
        (Kind.INTEGER, "12"),
        (Kind.DATE, 12),
        (Kind.TEXT, 12),
        (Kind.IDENTIFIER, 0),
        (Kind.IDENTIFIER, 2**255),
        (Kind.IDENTIFIER, "x"),
    ],
)
def test_values_out_of_range_are_refused_at_issuance(kind: Kind, value: int | str) -> None:
    with pytest.raises(Refused):
        to_scalar(kind, value)
    layout = Layout("x", (Field("a", kind),))
    with pytest.raises(Refused):
        issue(ISSUER_SK, ISSUER_KEY, layout, [value], request(new_secret(), entropy=os.urandom)[0])


def test_issuance_takes_one_commitment_and_every_value() -> None:
    commitment, _ = request(new_secret(), entropy=os.urandom)
    layout = Layout("x", (Field("a", Kind.TEXT),))
    for damaged in (commitment[:-1], commitment + bytes(32), b""):
        with pytest.raises(FormatError):
            issue(ISSUER_SK, ISSUER_KEY, layout, ["v"], damaged)
    with pytest.raises(Refused):
        issue(ISSUER_SK, ISSUER_KEY, layout, [], commitment)
    with pytest.raises(VerificationError):
        issue(ISSUER_SK, ISSUER_KEY, layout, ["v"], commitment[:-1] + bytes([commitment[-1] ^ 1]))


@pytest.mark.parametrize(
    ("on", "age", "latest"),
    [
        (date(2026, 11, 24), 18, date(2008, 11, 24)),
        (date(2026, 2, 28), 18, date(2008, 2, 28)),  # born 29 February 2008: not yet
        (date(2026, 3, 1), 18, date(2008, 3, 1)),  # and now
        (date(2028, 2, 29), 18, date(2010, 2, 28)),
        (date(2028, 2, 29), 20, date(2008, 2, 29)),
    ],
)
def test_birthdays(on: date, age: int, latest: date) -> None:
    assert latest_birth_date(age=age, on=on) == latest
    assert day_number(latest) == latest.toordinal()


def test_the_layout_names_its_attributes() -> None:
    assert LAYOUT.index("points") == 4
    with pytest.raises(FormatError):
        LAYOUT.index("shoe_size")


def test_a_token_of_the_holder_is_a_point() -> None:
    assert parse_g1(ERIKSSON.token.encode()) == ERIKSSON.token
    assert repr(ERIKSSON.credential) == "<secret credential>"


def test_an_opening_binds_a_commitment_to_a_nonce() -> None:
    secret = new_secret()
    commitment, blind = request(secret, entropy=os.urandom)
    opened = Opened(int.from_bytes(blind.reveal(), "big"), int.from_bytes(secret.reveal(), "big"))
    opening, here = Opening(commitment), Context(b"n" * 32, "issuer", "issuance")
    proof = prove([(opening, opened)], here, entropy=os.urandom)
    verify(proof, expected_statements=[opening], expected_context=here, entropy=os.urandom)
    for expected, context in (
        (opening, Context(b"m" * 32, "issuer", "issuance")),
        (opening, Context(b"n" * 32, "another", "issuance")),
        (Opening(request(secret, entropy=os.urandom)[0]), here),
    ):
        with pytest.raises(VerificationError):
            verify(proof, expected_statements=[expected], expected_context=context, entropy=os.urandom)
    lie = prove([(opening, replace(opened, blind=opened.blind + 1))], here, entropy=os.urandom)
    with pytest.raises(VerificationError):
        verify(lie, expected_statements=[opening], expected_context=here, entropy=os.urandom)
    assert repr(opened) == "<secret opening>"
    with pytest.raises(FormatError):
        verify(b"", expected_statements=[Opening(b"")], expected_context=here, entropy=os.urandom)
    with pytest.raises(TypeError):
        prove([(opening, None)], here, entropy=os.urandom)
