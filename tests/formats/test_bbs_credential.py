"""Fast-suite credentials as documents: layouts, encodings, questions, trust and epochs."""

import hashlib
import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.adapters.catalogue_files import PACKAGED
from diptych.crypto.fast_suite.credential import Field, Kind, Layout, Value
from diptych.crypto.fast_suite.proof import Context, VerifiedPresentation, prove, verify
from diptych.crypto.fast_suite.statements import Statement, Witness
from diptych.crypto.fast_suite.statements.disclosure import Disclosure
from diptych.crypto.fast_suite.statements.not_revoked import NotRevoked
from diptych.crypto.fast_suite.statements.possession import Possession
from diptych.crypto.fast_suite.statements.range import Range
from diptych.crypto.fast_suite.tokens import EpochKey, issue_tokens, verify_token
from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import strict_json
from diptych.formats.bbs_credential import epoch as epochs
from diptych.formats.bbs_credential.credential import encode_credential, parse_credential, parse_document_type
from diptych.formats.bbs_credential.epoch import Epoch, accepted, sign_epoch, verify_epoch
from diptych.formats.bbs_credential.presentation import encode_answer, key_id, parse_answer
from diptych.formats.bbs_credential.question import Keys, Question, can_ask, check_day, check_phrase, statements
from diptych.formats.bbs_credential.trust import encode_member, parse_member, parse_trust
from diptych.formats.catalogue.layout import layout_values, parse_layout
from diptych.formats.catalogue.parse import parse_type
from diptych.formats.cbor import FullDate
from diptych.private import Personal
from tests.formats.bbs_specimen import (
    CATALOGUE,
    LICENCE,
    NOW,
    TODAY,
    URL,
    VALID_UNTIL,
    Holder,
    issuer,
    licence_layout,
    new_holder,
    new_key,
    values,
)

ERIKA = new_holder()
CONTEXT = Context(b"n" * 32, "bar.example", "over_18")
PHRASES = ("age >= 18", "valid", "not revoked", "same pseudonym")


def question(*phrases: str, disclosed: tuple[str, ...] = (), on: date = TODAY) -> Question:
    return Question(LICENCE.doc_type, phrases, disclosed, on)


def keys(epoch: EpochKey | None = None) -> Keys:
    here = issuer()
    return Keys(here.licence.keys[-1], here.licence.layout, here.trust.digits, epoch or here.epoch.epoch_key)


def claims(
    asked: Question, holder: Holder = ERIKA, disclosed: dict[str, Value] | None = None
) -> list[tuple[Statement, Witness]]:
    digits = issuer().trust.signed_digits(entropy=os.urandom)
    epoch = issuer().epoch.key
    found: list[tuple[Statement, Witness]] = []
    for statement in statements(asked, keys(), disclosed or {}):
        witness: Witness = None
        if isinstance(statement, Possession):
            witness = holder.credential
        elif isinstance(statement, Range):
            witness = digits
        elif isinstance(statement, NotRevoked):
            witness = verify_token(epoch, holder.revocation_id, holder.token)
        found.append((statement, witness))
    return found


def answered(asked: Question, holder: Holder = ERIKA, disclosed: dict[str, Value] | None = None) -> bytes:
    return prove(claims(asked, holder, disclosed), CONTEXT, entropy=os.urandom)


def judged(
    proof: bytes,
    asked: Question,
    *,
    context: Context = CONTEXT,
    with_keys: Keys | None = None,
    disclosed: dict[str, Value] | None = None,
) -> VerifiedPresentation:
    expected = statements(asked, with_keys or keys(), disclosed or {})
    return verify(proof, expected_statements=expected, expected_context=context, entropy=os.urandom)


# Layouts


def test_every_packaged_type_but_the_permit_has_a_layout_that_ends_as_it_must() -> None:
    layouts = {one.id: one.layout for one in CATALOGUE.types.values()}
    assert {name for name, layout in layouts.items() if layout is None} == {"residence-permit"}
    for layout in layouts.values():
        if layout is not None:
            assert [one.name for one in layout.fields[-2:]] == ["valid_until", "revocation_id"]
            layout.check()


def test_values_stand_in_the_order_of_the_layout_with_derived_booleans_as_integers() -> None:
    found = dict(zip([one.name for one in licence_layout().fields], values(7), strict=True))
    assert found["birth_date"] == date(1964, 8, 12)
    assert (found["category_B_valid"], found["category_D_valid"]) == (1, 0)
    assert (found["valid_until"], found["revocation_id"]) == (VALID_UNTIL, 7)


@pytest.mark.parametrize(
    ("raw", "named"),
    [(1 << 64, "points"), (-1, "points"), (True, None), ((1 << 64) - 1, None), ("text", "points")],
)
def test_integers_out_of_range_are_refused_at_issuance_by_name(raw: int, named: str | None) -> None:
    layout = Layout(LICENCE.doc_type, (Field("points", Kind.INTEGER), *licence_layout().fields[-2:]))
    document_type = replace(LICENCE, layout=layout, layout_rules={})
    attributes = {"points": Personal(raw)}
    if named is None:
        found = layout_values(document_type, attributes, day=TODAY, valid_until=VALID_UNTIL, revocation_id=7)  # type: ignore[arg-type]
        assert found[0] == int(raw)
        return
    with pytest.raises(Refused, match=named) as refused:
        layout_values(document_type, attributes, day=TODAY, valid_until=VALID_UNTIL, revocation_id=7)  # type: ignore[arg-type]
    assert refused.value.check == "bbs.value"


def test_a_date_that_is_none_and_a_revocation_id_of_zero_are_refused_at_issuance() -> None:
    attributes = {"birth_date": Personal("1964-08-12"), "expiry_date": Personal(FullDate("2030-01-01"))}
    with pytest.raises(Refused, match="birth_date"):
        layout_values(LICENCE, attributes, day=TODAY, valid_until=VALID_UNTIL, revocation_id=7)  # type: ignore[arg-type]
    with pytest.raises(Refused, match="revocation_id"):
        values(0)


@pytest.mark.parametrize(
    "lines",
    [
        ["birth_date: date"],
        ["birth_date: integer", "valid_until: date", "revocation_id: revocation_id"],
        ["portrait: text", "valid_until: date", "revocation_id: revocation_id"],
        ["nobody: date", "valid_until: date", "revocation_id: revocation_id"],
        ["birth_date: date", "birth_date: date", "valid_until: date", "revocation_id: revocation_id"],
        ["birth_date: secret", "valid_until: date", "revocation_id: revocation_id"],
        ["x: integer = age_over:1", "valid_until: date", "revocation_id: revocation_id"],
        ["birth_date: date = age_over:18", "valid_until: date", "revocation_id: revocation_id"],
        ["revocation_id: revocation_id", "valid_until: date"],
    ],
)
def test_a_layout_that_cannot_be_signed_does_not_load(lines: list[str]) -> None:
    assert parse_layout(lines, LICENCE.doc_type, LICENCE.attributes).layout is None


def test_a_catalogue_file_says_what_is_wrong_with_its_layout() -> None:
    text = (PACKAGED / "proof_of_age.toml").read_text(encoding="utf-8")
    with pytest.raises(FormatError, match="fast_suite: the last two are"):
        parse_type(text.replace('"valid_until: date", ', "").encode())


# Credentials on the wire


def test_a_credential_is_read_back_as_it_was_written_and_says_nothing_when_printed() -> None:
    data = encode_credential(ERIKA.issued, licence_layout())
    assert parse_credential(data, licence_layout()) == ERIKA.issued
    assert parse_document_type(data) == LICENCE.doc_type
    assert "Mustermann" not in repr(ERIKA.issued)


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_changed_credential_is_another_one_or_none(position: int, mask: int) -> None:
    data = bytearray(encode_credential(ERIKA.issued, licence_layout()))
    data[position % len(data)] ^= mask
    try:
        found = parse_credential(bytes(data), licence_layout())
    except FormatError:
        return
    assert encode_credential(found, licence_layout()) == bytes(data)


def test_a_credential_of_another_layout_is_refused() -> None:
    other = CATALOGUE.type("proof-of-age").layout
    assert other is not None
    with pytest.raises(FormatError, match="layout"):
        parse_credential(encode_credential(ERIKA.issued, licence_layout()), other)


# Questions


def test_the_four_phrases_are_proved_and_nothing_is_disclosed() -> None:
    asked = question(*PHRASES)
    assert len(judged(answered(asked), asked).pseudonyms) == 1


def test_a_disclosed_attribute_is_the_one_under_the_signature() -> None:
    asked = question("valid", disclosed=("family_name",))
    proof = answered(asked, disclosed={"family_name": "Mustermann"})
    judged(proof, asked, disclosed={"family_name": "Mustermann"})
    with pytest.raises(VerificationError):
        judged(proof, asked, disclosed={"family_name": "Musterfrau"})
    with pytest.raises(Refused):
        answered(asked, disclosed={"family_name": "Musterfrau"})


@pytest.mark.parametrize(
    ("born", "is_adult"),
    [(date(2008, 11, 28), True), (date(2008, 11, 29), False), (date(2008, 2, 29), True), (date(1904, 1, 1), True)],
)
def test_age_is_of_the_day(born: date, is_adult: bool) -> None:
    holder = new_holder(birth_date=born)
    asked = question("age >= 18")
    if is_adult:
        judged(answered(asked, holder), asked)
    else:
        with pytest.raises(Refused):
            answered(asked, holder)


def test_who_was_born_on_29_february_comes_of_age_on_1_march() -> None:
    holder = new_holder(birth_date=date(2008, 2, 29))
    with pytest.raises(Refused):
        answered(question("age >= 18", on=date(2026, 2, 28)), holder)
    judged(answered(question("age >= 18", on=date(2026, 3, 1)), holder), question("age >= 18", on=date(2026, 3, 1)))


def test_valid_means_valid_on_that_day() -> None:
    asked, later = question("valid", on=VALID_UNTIL), question("valid", on=VALID_UNTIL + timedelta(days=1))
    judged(answered(asked), asked)
    with pytest.raises(Refused):
        answered(later)


@pytest.mark.parametrize(
    "other",
    [
        question("age >= 19", "valid", "not revoked", "same pseudonym"),
        question("valid", "age >= 18", "not revoked", "same pseudonym"),
        question("age >= 18", "valid", "not revoked", "same pseudonym", on=TODAY + timedelta(days=1)),
        replace(question(*PHRASES), phrases=PHRASES[:3]),
    ],
)
def test_an_answer_answers_one_question(other: Question) -> None:
    proof = answered(question(*PHRASES))
    with pytest.raises((VerificationError, FormatError)):
        judged(proof, other)


@pytest.mark.parametrize(
    "context",
    [
        replace(CONTEXT, nonce=b"m" * 32),
        replace(CONTEXT, audience="other.example"),
        replace(CONTEXT, policy="over_21"),
    ],
)
def test_an_answer_is_for_one_nonce_audience_and_policy(context: Context) -> None:
    asked = question(*PHRASES)
    with pytest.raises(VerificationError):
        judged(answered(asked), asked, context=context)


def test_an_answer_is_about_one_epoch_document_type_and_issuer() -> None:
    asked = question(*PHRASES)
    proof, here = answered(asked), keys()
    assert here.epoch is not None
    other_layout = Layout("org.iso.18013.5.1.mDL2", here.layout.fields)
    for changed in (
        replace(here, epoch=EpochKey("20261129T120000Z", here.epoch.key)),
        replace(here, epoch=EpochKey(here.epoch.epoch, new_key()[1])),
        replace(here, issuer_key=new_key()[1]),
    ):
        with pytest.raises(VerificationError):
            judged(proof, asked, with_keys=changed)
    with pytest.raises(VerificationError):
        judged(
            proof, replace(asked, document_type="org.iso.18013.5.1.mDL2"), with_keys=replace(here, layout=other_layout)
        )


def test_another_holders_token_proves_nothing() -> None:
    other = new_holder()
    with pytest.raises(VerificationError):
        verify_token(issuer().epoch.key, ERIKA.revocation_id, other.token)
    # And a holder who skips that check makes a proof that nobody takes.
    stolen = [
        (statement, verify_token(issuer().epoch.key, other.revocation_id, other.token))
        if isinstance(statement, NotRevoked)
        else (statement, witness)
        for statement, witness in claims(question(*PHRASES))
    ]
    with pytest.raises(VerificationError):
        judged(prove(stolen, CONTEXT, entropy=os.urandom), question(*PHRASES))


@pytest.mark.parametrize(
    "asked",
    [
        question(),
        question("age >= 18", "age >= 18"),
        question("age >= 0"),
        question("age >= 151"),
        question("age > 18"),
        question("birth_date <= 2008-01-01"),
        question(disclosed=("revocation_id",)),
        question(disclosed=("family_name", "family_name")),
        question("valid", on=date(99, 1, 1)),
        question(*(f"age >= {n}" for n in range(10, 19))),
        question(disclosed=("nothing_like_it",)),
    ],
)
def test_what_may_not_be_asked_is_no_question(asked: Question) -> None:
    with pytest.raises(FormatError):
        statements(asked, keys(), dict.fromkeys(asked.disclosed))


def test_a_question_about_another_day_is_refused() -> None:
    for days in (-1, 0, 1):
        check_day(question("age >= 18", on=TODAY + timedelta(days=days)), TODAY)
    for days in (-2, 2, -6570):
        with pytest.raises(Refused):
            check_day(question("age >= 18", on=TODAY + timedelta(days=days)), TODAY)


def test_what_a_layout_cannot_answer_is_known_before_it_is_asked() -> None:
    proof_of_age = CATALOGUE.type("proof-of-age").layout
    assert proof_of_age is not None
    assert can_ask(proof_of_age, ("valid", "not revoked", "same pseudonym"), ("age_over_18",))
    assert not can_ask(proof_of_age, ("age >= 18",), ())
    assert not can_ask(licence_layout(), (), ("revocation_id",))
    assert check_phrase("age >= 150") == "age >= 150"


# Presentations on the wire


def test_an_answer_is_read_back_as_it_was_written() -> None:
    disclosed: dict[str, Value] = {
        "family_name": "Mustermann",
        "birth_date": date(1964, 8, 12),
        "document_number": None,
    }
    data = encode_answer(
        licence_layout(), issuer_key=keys().issuer_key, epoch="20261128T120000Z", disclosed=disclosed, proof=b"proof"
    )
    found = parse_answer(data)
    assert (found.document_type, found.key_id) == (LICENCE.doc_type, key_id(keys().issuer_key))
    assert {name: value.reveal() for name, value in found.values(licence_layout()).items()} == disclosed
    assert "Mustermann" not in repr(found)
    with pytest.raises(FormatError):
        parse_answer(data + b"\0")
    with pytest.raises(VerificationError):
        issuer().licence.by_id(b"12345678")


# Trust


def test_the_trust_file_is_read_back_as_it_was_written() -> None:
    member = encode_member(issuer().trust)
    assert parse_member(member) == issuer().trust
    assert parse_trust(strict_json.encode({"fast_suite": member})) == issuer().trust
    assert parse_trust(b"{}") is None


def test_one_key_in_two_roles_is_no_trust_file() -> None:
    here = issuer().trust
    types = {LICENCE.doc_type: replace(here.types[LICENCE.doc_type], keys=(here.digits.key,))}
    with pytest.raises(FormatError, match="two roles"):
        parse_member(encode_member(replace(here, types=types)))


def test_a_wrong_digit_is_found_by_its_holder() -> None:
    here = issuer().trust
    swapped = (here.digit_tokens[1], here.digit_tokens[0], *here.digit_tokens[2:])
    with pytest.raises(VerificationError):
        replace(here, digit_tokens=swapped).signed_digits(entropy=os.urandom)


# Epochs


def test_an_epoch_is_what_its_signer_said() -> None:
    here = issuer()
    compact = sign_epoch(here.epoch, signer=here.epoch_signer)
    assert verify_epoch(compact, signer=here.trust.epoch_signer, expected_issuer=URL, now=NOW) == here.epoch
    listed = epochs.UnverifiedListedEpoch(compact, "— receipt".encode())
    assert epochs.parse_list(epochs.encode_list([listed])) == (listed,)
    with pytest.raises(VerificationError):
        verify_epoch(compact, signer=generate_signer().public_key, expected_issuer=URL, now=NOW)
    with pytest.raises(FormatError):
        verify_epoch(compact, signer=here.trust.epoch_signer, expected_issuer="https://other.example", now=NOW)


def test_two_epochs_are_accepted_around_a_change_and_one_after_an_incident() -> None:
    first = issuer().epoch
    day = timedelta(days=1)
    second = replace(first, name="2", number=2, starts=first.starts + day, ends=first.ends + day)
    third = replace(first, name="3", number=3, starts=first.starts + 2 * day, ends=first.ends + 2 * day)
    found: list[Epoch] = [first, third, second]
    assert accepted(found, now=NOW) == (first,)
    assert accepted(found, now=NOW + day) == (second, first)
    assert accepted(found, now=NOW + 2 * day) == (third, second)
    incident = replace(second, since=2)
    assert accepted([first, incident], now=NOW + day) == (incident,)
    # What an incident ended stays ended when the next epoch counts from it.
    assert accepted([first, incident, replace(third, since=2)], now=NOW + 2 * day)[1:] == (incident,)
    assert accepted(found, now=NOW + 9 * day) == ()
    assert accepted(found, now=NOW - day) == ()


def test_epochs_are_listed_by_number_and_start_the_newest_first() -> None:
    here, day = issuer(), timedelta(days=1)
    first = here.epoch
    second = replace(first, name=epochs.name_of(NOW + day), number=2, starts=NOW + day, ends=first.ends + day)

    def listed(*found: Epoch) -> bytes:
        return epochs.encode_list(
            [epochs.UnverifiedListedEpoch(sign_epoch(one, signer=here.epoch_signer), None) for one in found]
        )

    def verify(data: bytes) -> tuple[epochs.ListedEpoch, ...]:
        return epochs.verify_list(data, signer=here.trust.epoch_signer, expected_issuer=URL, now=NOW)

    assert [one.epoch for one in verify(listed(second, first))] == [second, first]
    for wrong in (listed(first, second), listed(second, replace(first, number=2)), listed(second, second)):
        with pytest.raises(FormatError):
            verify(wrong)


@pytest.mark.parametrize("changed", [{"since": 2}, {"number": -1}, {"buckets": bytes(31)}, {"number": 2**32}])
def test_an_epochs_number_and_digest_are_checked(changed: dict[str, object]) -> None:
    here = issuer()
    compact = sign_epoch(replace(here.epoch, **changed), signer=here.epoch_signer)  # type: ignore[arg-type]
    with pytest.raises(FormatError):
        verify_epoch(compact, signer=here.trust.epoch_signer, expected_issuer=URL, now=NOW)


def test_a_bucket_is_the_one_that_the_epoch_is_signed_with() -> None:
    buckets = [bytes(56), bytes(112)]
    digests = b"".join(hashlib.sha256(bucket).digest() for bucket in buckets)
    epoch = replace(issuer().epoch, bits=1, buckets=epochs.buckets_digest(digests))
    epochs.verify_bucket(buckets[1], 1, digests=digests, epoch=epoch)
    for bucket, number, said in ((buckets[0], 1, digests), (buckets[0], 2, digests), (buckets[0], 0, digests[:32])):
        with pytest.raises(VerificationError):
            epochs.verify_bucket(bucket, number, digests=said, epoch=epoch)


@given(st.integers(1, 1 << 250), st.integers(0, 23))
def test_a_bucket_splits_in_two_and_nobody_moves_elsewhere(revocation_id: int, bits: int) -> None:
    assert epochs.bucket_of(revocation_id, bits + 1) >> 1 == epochs.bucket_of(revocation_id, bits)


def test_buckets_hold_a_crowd() -> None:
    assert [epochs.bits_for(count) for count in (0, 1, 512, 513, 1024, 1025)] == [0, 0, 0, 1, 1, 2]
    assert 70_000_000 / 2 ** epochs.bits_for(70_000_000) > epochs.BUCKET_ENTRIES / 2


def test_the_owner_of_an_id_finds_its_token_in_its_bucket() -> None:
    here, name = issuer(), issuer().epoch.name
    ids = list(range(1, 40))
    tokens = issue_tokens(here.epoch_secret, ids)
    bucket = epochs.encode_bucket(
        [(epochs.entry_tag(one, name), token) for one, token in zip(ids, tokens, strict=True)]
    )
    for one, token in zip(ids, tokens, strict=True):
        assert epochs.find_tokens(bucket, epochs.entry_tag(one, name)) == (token,)
        verify_token(here.epoch.key, one, token)
    assert epochs.find_tokens(bucket, epochs.entry_tag(99, name)) == ()
    assert epochs.entry_tags(bucket) == sorted(epochs.entry_tag(one, name) for one in ids)
    with pytest.raises(FormatError):
        epochs.find_tokens(bucket[:-1], b"12345678")
    with pytest.raises(FormatError):
        epochs.entry_tags(bucket[:-1])


def test_an_epoch_is_named_by_the_moment_it_starts() -> None:
    assert epochs.name_of(datetime(2026, 11, 28, 23, 59, 7, tzinfo=UTC)) == "20261128T235907Z"


def test_a_disclosure_is_of_the_layouts_own_kind() -> None:
    (_, found) = statements(question(disclosed=("birth_date",)), keys(), {"birth_date": date(1964, 8, 12)})
    assert isinstance(found, Disclosure)
    assert found.kind is Kind.DATE
