"""Submissions and receipts: every field is covered by a signature or by the checkpoint, and refused by name."""

from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.cose import sign1
from diptych.formats.tlog.entry import ActorClass, parse_entry
from diptych.formats.tlog.proof import parse_proof, verify_receipt
from diptych.protocols.recording.receipts import Placed, Receipts, parse_receipts, receipts_of, verify_receipts
from diptych.protocols.recording.submission import (
    MAX_ENTRIES,
    Writer,
    parse_submission,
    sign_submission,
    verify_submission,
    writer_fingerprint,
)
from tests.formats.tlog_specimen import NOW, ORIGIN, checkpoint_of, signed_by_the_log
from tests.log_world import POLICY, World, entries

ISSUER, STRANGER = generate_signer(), generate_signer()
WRITERS = {writer_fingerprint(ISSUER.public_key): Writer(ISSUER.public_key, (ActorClass.ISSUER,))}
ENTRIES = tuple(map(parse_entry, entries(0, 3)))
SUBMISSION = sign_submission(ENTRIES, origin=ORIGIN, signer=ISSUER)


def test_a_registered_writers_entries_are_accepted_as_they_came() -> None:
    parsed = parse_submission(SUBMISSION.encode())
    assert parsed.encode() == SUBMISSION.encode()
    found = verify_submission(parsed, writers=WRITERS, expected_origin=ORIGIN, now=NOW)
    assert (found.entries, list(found.encoded)) == (ENTRIES, entries(0, 3))


def test_a_stranger_another_log_another_actor_and_another_time_are_refused_by_name() -> None:
    by_stranger = sign_submission(ENTRIES, origin=ORIGIN, signer=STRANGER)
    with pytest.raises(Refused, match=r"recording\.writer"):
        verify_submission(by_stranger, writers=WRITERS, expected_origin=ORIGIN, now=NOW)
    with pytest.raises(VerificationError, match=r"recording\.origin"):
        verify_submission(SUBMISSION, writers=WRITERS, expected_origin="other.example", now=NOW)
    officer = sign_submission([replace(ENTRIES[0], actor=ActorClass.OFFICER)], origin=ORIGIN, signer=ISSUER)
    with pytest.raises(Refused, match=r"recording\.actor"):
        verify_submission(officer, writers=WRITERS, expected_origin=ORIGIN, now=NOW)


def test_every_flipped_bit_of_a_submission_is_noticed() -> None:
    data = SUBMISSION.encode()
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1
        with pytest.raises((FormatError, VerificationError, Refused)):
            verify_submission(parse_submission(bytes(flipped)), writers=WRITERS, expected_origin=ORIGIN, now=NOW)


def test_a_signature_for_something_else_is_no_submission() -> None:
    assert SUBMISSION.signature.unverified_payload is not None
    other = sign1.sign(SUBMISSION.signature.unverified_payload, signer=ISSUER, external_aad=b"diptych order 1")
    with pytest.raises(VerificationError):
        verify_submission(replace(SUBMISSION, signature=other), writers=WRITERS, expected_origin=ORIGIN, now=NOW)


def _signed(payload: object) -> bytes:
    return sign1.sign(cbor.encode(payload), signer=ISSUER, external_aad=b"diptych submission 1").encode()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "check"),
    [
        ([2, ORIGIN, bytes(32), entries(0, 1)[0]], "recording.version"),
        ([1, 7, bytes(32), entries(0, 1)[0]], "recording.origin"),
        ([1, ORIGIN, bytes(31), entries(0, 1)[0]], "recording.writer"),
        ([1, ORIGIN, bytes(32), b""], "recording.entries"),
        ([1, ORIGIN, bytes(32), entries(0, 1)[0] + b"x"], "recording.entries"),
        ([1, ORIGIN, bytes(32), entries(0, 1)[0] * (MAX_ENTRIES + 1)], "recording.entries"),
        ([1, ORIGIN, bytes(32), bytes(103)], "tlog.entry.version"),
        ([1, ORIGIN, bytes(32)], "recording"),
        ([1, ORIGIN, bytes(32), entries(0, 1)[0] * 1000], "recording.size"),
    ],
)
def test_what_is_no_submission_is_refused_by_name(payload: list[object], check: str) -> None:
    with pytest.raises(FormatError) as error:
        parse_submission(_signed(payload))
    assert error.value.check == check


def test_a_submission_has_at_least_one_entry_and_not_too_many() -> None:
    for wrong in ([], ENTRIES * MAX_ENTRIES):
        with pytest.raises(FormatError, match=r"recording\.entries"):
            sign_submission(wrong, origin=ORIGIN, signer=ISSUER)


def _answer() -> Receipts:
    world = World()
    world.append(*entries(10, 20))
    return receipts_of(world.append(*entries(0, 3)).receipts)


def test_the_answer_becomes_receipts_that_anyone_can_verify() -> None:
    answer = _answer()
    parsed = parse_receipts(answer.encode())
    assert parsed == answer
    for receipt, entry in zip(verify_receipts(parsed, entries=ENTRIES, policy=POLICY), ENTRIES, strict=True):
        assert verify_receipt(parse_proof(receipt.encode()), policy=POLICY).entry == entry.encode()


def test_an_answer_that_shows_less_than_was_asked_is_refused() -> None:
    answer = _answer()
    swapped = replace(answer, places=(answer.places[1], answer.places[0], answer.places[2]))
    short = replace(answer, places=answer.places[:2])
    pathless = replace(answer, places=(Placed(answer.places[0].index, ()), *answer.places[1:]))
    unwitnessed = replace(answer, checkpoint=signed_by_the_log(answer.checkpoint.checkpoint))
    foreign = replace(answer, checkpoint=signed_by_the_log(checkpoint_of([b"x"] * 13), NOW + timedelta(seconds=1)))
    for wrong in (swapped, short, pathless, unwitnessed, foreign):
        with pytest.raises(VerificationError):
            verify_receipts(parse_receipts(wrong.encode()), entries=ENTRIES, policy=POLICY)
