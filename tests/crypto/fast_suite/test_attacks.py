"""What a lying prover, a relaying one and a careless deployment would try against the fast suite.

The liars here know the whole code: `Lie` replaces the honest prover's points and secrets, and everything after that
(nonces, commitments, challenge, responses) is computed for the lie as well as it can be.
"""

import os
from dataclasses import replace
from datetime import date

import pytest
from py_arkworks_bls12381 import G1Point

from diptych.crypto.bls12381 import (
    G1,
    G1_BYTES,
    ORDER,
    encode_scalar,
    g1_base,
    hash_to_g1,
    inverse,
    random_scalars,
)
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite import proof as proof_module
from diptych.crypto.fast_suite.credential import (
    Kind,
    VerifiedCredential,
    day_number,
    issue,
    receive,
    request,
    to_scalar,
)
from diptych.crypto.fast_suite.proof import Context, prove, verify
from diptych.crypto.fast_suite.statements import Statement
from diptych.crypto.fast_suite.statements.disclosure import Disclosure
from diptych.crypto.fast_suite.statements.equality import Equality
from diptych.crypto.fast_suite.statements.membership import Membership
from diptych.crypto.fast_suite.statements.not_revoked import NotRevoked
from diptych.crypto.fast_suite.statements.possession import Possession
from diptych.crypto.fast_suite.statements.pseudonym import Pseudonym, scope_point
from diptych.crypto.fast_suite.statements.range import Range
from diptych.crypto.fast_suite.tokens import EpochKey, PublicSet, issue_tokens, public_set, verify_set, verify_token
from diptych.errors import FormatError, Refused, VerificationError
from tests.crypto.fast_suite.setting import (
    ADULT,
    CONTEXT,
    COUNTRIES,
    DIGITS,
    DIGITS_SK,
    EPOCH,
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
    Claims,
    Lie,
    accepted,
    altered,
    everything,
    new_key,
    proved,
)

HOLDS = (POSSESSION, ERIKSSON.credential)
MINOR = OTHER
CLAIMS = everything()
PRESENTATION = proved(CLAIMS)
POINT_COUNT = 2 * 9  # nine sent points: Abar, D, two digits twice, epoch, set, pseudonym; nine equations with one each


def refused(presentation: bytes, claims: Claims = CLAIMS, context: Context = CONTEXT) -> None:
    with pytest.raises((VerificationError, FormatError)):
        accepted(presentation, claims, context)


def draw() -> int:
    return random_scalars(1, os.urandom)[0]


# Damage


def test_every_byte_flipped_is_refused() -> None:
    accepted(PRESENTATION, CLAIMS)
    for position in range(len(PRESENTATION)):
        damaged = bytearray(PRESENTATION)
        damaged[position] ^= 1 << (position % 8)
        refused(bytes(damaged))


@pytest.mark.parametrize("length", [0, 1, 47, len(PRESENTATION) - 32, len(PRESENTATION) - 1])
def test_a_shorter_or_longer_presentation_is_refused(length: int) -> None:
    refused(PRESENTATION[:length])
    refused(PRESENTATION + bytes(len(PRESENTATION) - length))


def outside_the_subgroup() -> bytes:
    for x in range(1, 100):
        data = bytes([0x80]) + x.to_bytes(47, "big")
        try:
            if not G1Point.from_compressed_bytes_unchecked(data).is_in_subgroup():
                return data
        except ValueError:
            continue
    raise AssertionError


@pytest.mark.parametrize(
    "point", [outside_the_subgroup(), b"\xc0" + bytes(47), b"\xff" * 48, bytes(48)], ids=["torsion", "0", "ff", "00"]
)
def test_points_outside_the_group_and_identities_are_refused_everywhere(point: bytes) -> None:
    for number in range(POINT_COUNT):
        start = number * G1_BYTES
        with pytest.raises(FormatError):
            accepted(PRESENTATION[:start] + point + PRESENTATION[start + G1_BYTES :], CLAIMS)


def test_scalars_above_the_order_are_refused() -> None:
    for start in range(POINT_COUNT * G1_BYTES, len(PRESENTATION), 32):
        scalar = int.from_bytes(PRESENTATION[start : start + 32], "big") + ORDER
        if scalar < 2**256:
            with pytest.raises(FormatError):
                accepted(PRESENTATION[:start] + scalar.to_bytes(32, "big") + PRESENTATION[start + 32 :], CLAIMS)


def test_torsion_added_to_a_point_is_refused() -> None:
    torsion = G1Point.from_compressed_bytes_unchecked(outside_the_subgroup())
    for number in range(POINT_COUNT):
        start = number * G1_BYTES
        point = G1Point.from_compressed_bytes(PRESENTATION[start : start + G1_BYTES]) + torsion
        refused(PRESENTATION[:start] + point.to_compressed_bytes() + PRESENTATION[start + G1_BYTES :])


# Another question


@pytest.mark.parametrize(
    "context",
    [
        replace(CONTEXT, nonce=b"another nonce 16"),
        replace(CONTEXT, nonce=CONTEXT.nonce + b"\0"),
        replace(CONTEXT, audience="https://other.example"),
        replace(CONTEXT, policy="older than 21"),
        Context(CONTEXT.nonce + b"h", CONTEXT.audience[1:], CONTEXT.policy),
    ],
)
def test_a_presentation_answers_one_context(context: Context) -> None:
    refused(PRESENTATION, context=context)


NEW_KEY = new_key()[1]


@pytest.mark.parametrize(
    "other",
    [
        (0, replace(POSSESSION, issuer_key=NEW_KEY)),
        (0, replace(POSSESSION, layout=replace(LAYOUT, document_type="other"))),
        (0, replace(POSSESSION, layout=replace(LAYOUT, fields=LAYOUT.fields[::-1]))),
        (1, replace(NAMED, value="Mustermann")),
        (1, Disclosure(POSSESSION.attribute("nationality"), Kind.TEXT, "UTO")),
        (2, replace(ADULT, at_most=day_number(date(2010, 1, 1)))),
        (2, replace(ADULT, at_most=day_number(date(1990, 5, 17)))),
        (2, replace(ADULT, at_most=None, at_least=day_number(date(1980, 1, 1)))),
        (2, replace(ADULT, attribute=POSSESSION.attribute("expiry_date"))),
        (2, replace(ADULT, digits=PublicSet(DIGITS.elements, NEW_KEY))),
        (4, replace(NOT_REVOKED, epoch_key=EpochKey("2026-11-25", EPOCH.key))),
        (4, replace(NOT_REVOKED, epoch_key=EpochKey("2026-11-24", NEW_KEY))),
        (5, replace(FROM_HERE, among=PublicSet(COUNTRIES.elements[:2], COUNTRIES.key))),
        (5, replace(FROM_HERE, attribute=POSSESSION.attribute("points"))),
        (6, replace(SAME_CUSTOMER, purpose="other")),
    ],
)
def test_a_presentation_answers_one_question(other: tuple[int, Statement]) -> None:
    place, statement = other
    claims: Claims = list(CLAIMS)
    claims[place] = (statement, None)
    refused(PRESENTATION, claims)


def test_statements_in_another_order_or_number_are_another_question() -> None:
    refused(PRESENTATION, [CLAIMS[0], *CLAIMS[:0:-1]])
    refused(PRESENTATION, CLAIMS[:-1])
    refused(PRESENTATION, [*CLAIMS, CLAIMS[-1]])


def test_a_presentation_without_a_possession_or_with_too_much_is_refused() -> None:
    for claims in ([], CLAIMS[1:], [CLAIMS[0]] + [CLAIMS[6]] * 32):
        with pytest.raises(FormatError):
            proved(claims)


@pytest.mark.parametrize("context", [Context(b"short", "https://v.example", ""), Context(bytes(16), "", "")])
def test_a_context_has_a_nonce_and_someone(context: Context) -> None:
    with pytest.raises(FormatError):
        proved([HOLDS], context)


# A lying prover, for each statement


def test_possession_with_another_attribute_under_the_signature() -> None:
    older = altered(MINOR.credential, "birth_date", day_number(date(1990, 1, 1)))
    claims: Claims = [(POSSESSION, older), (ADULT, SIGNED_DIGITS)]
    refused(proved(claims), claims)


def test_possession_without_a_signature() -> None:
    points, secrets = [g1_base() * draw(), g1_base() * draw()], [draw(), draw(), draw()]
    forged = VerifiedCredential(
        ISSUER_KEY, LAYOUT, ERIKSSON.credential.scalars, a=g1_base(), e=1, b=ERIKSSON.credential.b
    )
    claims: Claims = [(Lie(POSSESSION, points, secrets), forged)]
    refused(proved(claims), [HOLDS])


def test_possession_with_vanishing_blinding() -> None:
    """r1 = 0 or r3 = 0 would drop the signature out of the equations, if Abar or D could be anything."""
    credential = ERIKSSON.credential
    for secrets in ([0, credential.e, 1], [1, credential.e, 0], [0, 0, 0]):
        lie = Lie(POSSESSION, [credential.a, credential.b], secrets)
        refused(proved([(lie, credential)]), [HOLDS])


def test_possession_of_a_credential_from_another_issuer() -> None:
    sk, key = new_key()
    values = ["Eriksson", date(1990, 1, 1), None, None, None, 5]
    commitment, blind = request(ERIKSSON.secret, entropy=os.urandom)
    signature = issue(sk, key, LAYOUT, values, commitment)
    own = receive(signature, issuer_key=key, layout=LAYOUT, values=values, holder_secret=ERIKSSON.secret, blind=blind)
    relabelled = VerifiedCredential(ISSUER_KEY, LAYOUT, own.scalars, a=own.a, e=own.e, b=own.b)
    refused(proved([(POSSESSION, relabelled)]), [HOLDS])


def test_disclosure_of_another_value() -> None:
    named = replace(NAMED, value="Mustermann")
    claims: Claims = [HOLDS, (Lie(named, [], []), None)]
    refused(proved(claims), [HOLDS, (named, None)])


def range_lie(credential: VerifiedCredential, digits: list[int], tokens: list[G1]) -> Claims:
    """The honest range prover's layout, with these digits and tokens."""
    rhos = [draw() for _ in tokens]
    points = [token * rho for token, rho in zip(tokens, rhos, strict=True)]
    return [(POSSESSION, credential), (Lie(ADULT, points, [*digits[1:], *rhos]), None)]


@pytest.mark.parametrize("low", [-1, 256, -256, 65535, ORDER - 1, ORDER // 2])
def test_range_with_a_forged_digit(low: int) -> None:
    """The sum is right, one digit is not a digit: it has no token, whichever one is sent in its place."""
    assert ADULT.at_most is not None
    distance = ADULT.at_most - day_number(date(2010, 5, 17))  # negative: a minor
    high = (distance - low) * inverse(256) % ORDER
    for token in (SIGNED_DIGITS.tokens[0], SIGNED_DIGITS.tokens[255], g1_base(), ERIKSSON.token):
        lie = range_lie(MINOR.credential, [low, high], [token, SIGNED_DIGITS.tokens[high % 256]])
        refused(proved(lie), [(POSSESSION, None), (ADULT, None)])


def test_range_that_wraps_around_the_group_order() -> None:
    """distance = -1 is ORDER - 1 in the field; written in base 256 it needs 32 digits, and the window has two."""
    assert ADULT.at_most is not None
    distance = (ADULT.at_most - day_number(date(2010, 5, 17))) % ORDER
    digits = [distance % 256, distance // 256 % 256]
    lie = range_lie(MINOR.credential, digits, [SIGNED_DIGITS.tokens[digit] for digit in digits])
    refused(proved(lie), [(POSSESSION, None), (ADULT, None)])
    for wide in (9, 31, 32, 255):
        with pytest.raises(FormatError):
            proved([HOLDS, (replace(ADULT, length=wide), SIGNED_DIGITS)])


def test_range_about_another_value_than_the_credentials() -> None:
    """Digits of an adult's distance, in a minor's presentation: the lowest digit is tied to the attribute."""
    lie = range_lie(MINOR.credential, [7, 26], [SIGNED_DIGITS.tokens[7], SIGNED_DIGITS.tokens[26]])
    refused(proved(lie), [(POSSESSION, None), (ADULT, None)])


def test_digits_of_another_set_are_refused() -> None:
    own_sk, own_key = new_key()
    own = public_set(range(256), own_key)
    signed = verify_set(own, issue_tokens(own_sk, own.elements), entropy=os.urandom)
    claims: Claims = [HOLDS, (replace(ADULT, digits=own), signed)]
    presentation = proved(claims)
    accepted(presentation, claims)
    refused(presentation, [HOLDS, (ADULT, None)])


def test_another_holders_token_is_refused() -> None:
    claims: Claims = [HOLDS, (NOT_REVOKED, OTHER.token)]
    refused(proved(claims), claims)


def test_a_revoked_holder_cannot_use_any_token() -> None:
    for token in (g1_base(), ERIKSSON.credential.a, SIGNED_DIGITS.tokens[1], hash_to_g1(b"x", b"y")):
        claims: Claims = [HOLDS, (NOT_REVOKED, token)]
        refused(proved(claims), claims)


def test_a_token_of_the_last_epoch_is_refused() -> None:
    sk, key = new_key()
    old = verify_token(key, ERIKSSON.revocation_id, issue_tokens(sk, [ERIKSSON.revocation_id])[0])
    claims: Claims = [HOLDS, (NOT_REVOKED, old)]
    refused(proved(claims), claims)


def test_membership_of_a_value_outside_the_set() -> None:
    lie = altered(ERIKSSON.credential, "nationality", to_scalar(Kind.TEXT, "FR"))
    claims: Claims = [(POSSESSION, lie), (FROM_HERE, SIGNED_COUNTRIES)]
    refused(proved(claims), claims)


@pytest.mark.parametrize("secret", [1, 2])
def test_a_pseudonym_of_another_secret(secret: int) -> None:
    point = scope_point(CONTEXT.audience, SAME_CUSTOMER.purpose) * secret
    refused(proved([HOLDS, (Lie(SAME_CUSTOMER, [point], []), None)]), [HOLDS, (SAME_CUSTOMER, None)])


def test_the_pseudonym_of_somebody_else() -> None:
    mine: Claims = [(POSSESSION, OTHER.credential), (SAME_CUSTOMER, None)]
    stolen = hash_to_g1(b"", b"x")
    theirs: Claims = [HOLDS, (SAME_CUSTOMER, None)]
    pseudonym = accepted(proved(theirs), theirs).pseudonyms[0]
    for point in (stolen, G1Point.from_compressed_bytes(pseudonym)):
        encoded = point.encode() if isinstance(point, G1) else point.to_compressed_bytes()
        presentation = proved(mine)
        start = 2 * G1_BYTES
        refused(presentation[:start] + encoded + presentation[start + G1_BYTES :], mine)


def test_an_honest_prover_sends_no_identity() -> None:
    with pytest.raises(Refused):
        proved([HOLDS, (Lie(SAME_CUSTOMER, [g1_base() * 0], []), None)])


def test_equality_of_different_attributes() -> None:
    other = Possession(1, ISSUER_KEY, LAYOUT)
    equal = Equality(POSSESSION.holder_secret, other.holder_secret)
    claims: Claims = [HOLDS, (other, OTHER.credential), (Lie(equal, [], []), None)]
    refused(proved(claims), [HOLDS, (other, None), (equal, None)])


# Pieces of other presentations


def test_reused_nonces_give_the_secrets_away() -> None:
    """Why entropy is drawn for every proof and nothing of it is kept: this is the attack, and it succeeds."""
    stream = os.urandom(100_000)

    def replayed() -> Entropy:
        position = 0

        def entropy(count: int) -> bytes:
            nonlocal position
            position += count
            return stream[position - count : position]

        return entropy

    contexts = (CONTEXT, replace(CONTEXT, nonce=b"another nonce 16"))
    first, second = (prove([HOLDS], context, entropy=replayed()) for context in contexts)
    points = 4 * G1_BYTES
    assert first[:points] == second[:points]
    challenges = [proof_module._challenge([POSSESSION], context, first[:points]) for context in contexts]
    # Attributes were asked for first, so their responses come first
    responses = [int.from_bytes(data[points : points + 32], "big") for data in (first, second)]
    stolen = (responses[0] - responses[1]) * inverse((challenges[0] - challenges[1]) % ORDER) % ORDER
    assert stolen == to_scalar(Kind.TEXT, "Eriksson")


def test_reused_commitments_prove_nothing() -> None:
    """The points and commitments of one presentation, with the responses of another, or in another context."""
    first, second = proved(CLAIMS), proved(CLAIMS)
    points = POINT_COUNT * G1_BYTES
    refused(first[:points] + second[points:])
    refused(first[: points // 2] + second[points // 2 :])


def test_points_of_two_presentations_do_not_mix() -> None:
    other = proved(CLAIMS)
    same = 0
    for number in range(POINT_COUNT):
        start = number * G1_BYTES
        mixed = PRESENTATION[:start] + other[start : start + G1_BYTES] + PRESENTATION[start + G1_BYTES :]
        if mixed == PRESENTATION:
            same += 1
        else:
            refused(mixed)
    assert same == 1  # the pseudonym, which is what a pseudonym is for


def test_two_equations_whose_errors_cancel_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in one commitment, its opposite in another: only random weights, drawn after receipt, find it."""
    offset = g1_base() * draw()
    shifts = iter([offset, -offset])
    honest = proof_module._commitment
    monkeypatch.setattr(proof_module, "_commitment", lambda *arguments: honest(*arguments) + next(shifts))
    presentation = proved([HOLDS])
    refused(presentation, [HOLDS])
    # On a weakened verifier, whose weights are all one, the attack succeeds.
    verify(
        presentation,
        expected_statements=[POSSESSION],
        expected_context=CONTEXT,
        entropy=lambda count: (bytes(15) + b"\1") * (count // 16),
    )


# Careless deployments


def test_one_key_in_two_roles_is_refused() -> None:
    for claims in (
        [(POSSESSION, None), (replace(NOT_REVOKED, epoch_key=EpochKey("e", ISSUER_KEY)), None)],
        [(POSSESSION, None), (replace(ADULT, digits=PublicSet(DIGITS.elements, ISSUER_KEY)), None)],
        [(POSSESSION, None), (ADULT, None), (replace(NOT_REVOKED, epoch_key=EpochKey("e", DIGITS.key)), None)],
        [(POSSESSION, None), (ADULT, None), (replace(FROM_HERE, among=PublicSet((1, 2), DIGITS.key)), None)],
        [(POSSESSION, None), (NOT_REVOKED, None), (NotRevoked(NOT_REVOKED.attribute, EpochKey("e", EPOCH.key)), None)],
    ):
        with pytest.raises(FormatError, match="two roles"):
            accepted(b"", claims)


def test_a_digit_key_used_for_epochs_would_make_a_digit_a_token() -> None:
    """Why the roles are apart: shared, the digit 5's public token says that id 5 is not revoked."""
    digit = issue_tokens(DIGITS_SK, [5])[0]
    assert verify_token(DIGITS.key, 5, digit) == SIGNED_DIGITS.tokens[5]
    with pytest.raises(VerificationError):
        verify_token(EPOCH.key, 5, digit)


def test_wrong_tokens_in_a_set_are_found_by_its_first_user() -> None:
    tokens = issue_tokens(DIGITS_SK, DIGITS.elements)
    for wrong in (tokens[1:] + tokens[:1], [*tokens[:-1], g1_base().encode()], [tokens[0], tokens[0], *tokens[2:]]):
        with pytest.raises(VerificationError):
            verify_set(DIGITS, wrong, entropy=os.urandom)
    for malformed in (tokens[:-1], [*tokens[:-1], b"\xc0" + bytes(47)], [*tokens, tokens[0]]):
        with pytest.raises(FormatError):
            verify_set(DIGITS, malformed, entropy=os.urandom)


@pytest.mark.parametrize("elements", [[], [1, 1], [-1], [ORDER], list(range(2_000))])
def test_sets_are_small_and_of_scalars(elements: list[int]) -> None:
    with pytest.raises(FormatError):
        public_set(elements, DIGITS.key)


def test_a_credential_that_does_not_verify_is_not_received() -> None:
    values = ["Eriksson", date(1990, 1, 1), None, None, None, 5]
    commitment, blind = request(ERIKSSON.secret, entropy=os.urandom)
    signature = issue(ISSUER_SK, ISSUER_KEY, LAYOUT, values, commitment)
    with pytest.raises(VerificationError):
        receive(
            signature,
            issuer_key=ISSUER_KEY,
            layout=LAYOUT,
            values=["Erikson", *values[1:]],
            holder_secret=ERIKSSON.secret,
            blind=blind,
        )


def test_a_zero_id_or_the_negated_key_has_no_inverse() -> None:
    sk = int.from_bytes(DIGITS_SK.reveal(), "big")
    with pytest.raises(ValueError):
        issue_tokens(DIGITS_SK, [1, ORDER - sk])
    assert issue_tokens(DIGITS_SK, []) == []


# What a verifier sees


def test_two_presentations_of_one_holder_share_no_point_and_no_scalar() -> None:
    without_pseudonym = CLAIMS[:-1]
    first, second = proved(without_pseudonym), proved(without_pseudonym)
    pieces = [{data[start : start + 16] for start in range(0, len(data), 16)} for data in (first, second)]
    assert len(first) == len(second)
    assert not pieces[0] & pieces[1]


def test_everyones_presentation_has_the_same_length() -> None:
    claims: Claims = [(POSSESSION, OTHER.credential), (FROM_HERE, SIGNED_COUNTRIES), (SAME_CUSTOMER, None)]
    mine: Claims = [HOLDS, *claims[1:]]
    assert len(proved(claims)) == len(proved(mine))


def test_a_membership_presentation_does_not_depend_on_which_element() -> None:
    for token in SIGNED_COUNTRIES.tokens.values():
        assert not (token * draw()).is_identity()
    assert encode_scalar(0) == bytes(32)


def test_pseudonyms_of_one_holder_at_two_verifiers_are_different_points() -> None:
    claims: Claims = [HOLDS, (Pseudonym(POSSESSION.holder_secret), None)]
    elsewhere = replace(CONTEXT, audience="https://other.example")
    here = accepted(proved(claims), claims).pseudonyms
    there = accepted(proved(claims, elsewhere), claims, elsewhere).pseudonyms
    assert here != there
    assert Membership(POSSESSION.attribute("points"), COUNTRIES).describe() != FROM_HERE.describe()
    assert Range(POSSESSION.attribute("points"), DIGITS, at_least=1).describe() != ADULT.describe()
