"""A shown act is public in the history that its reader follows, whichever of two checkpoints is the older."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diptych.errors import Conflict, FormatError, VerificationError
from diptych.formats import cbor
from diptych.formats.tlog import tree
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint, accept_checkpoint
from diptych.formats.tlog.policy import Policy, parse_policy, verify_checkpoint
from diptych.formats.tlog.shown_act import parse_shown_act, verify_shown_act
from tests.formats.tlog_specimen import LOG_SIGNERS, NOW, POLICY, checkpoint_of, cosigned
from tests.registry_world import PublicLog, verified

LOG = PublicLog()
ACTS = [
    LOG.record(LOG.publish(str(number), ActType.POLICY_CHANGED, ActorClass.AGENCY, bytes(32)).committed.act)
    for number in range(12)
]
SIZES = st.integers(ACTS[0][0] + 1, len(LOG.entries))


@given(before=SIZES, after=SIZES)
@settings(max_examples=40, deadline=None)
def test_any_two_checkpoints_of_one_history_are_consistent_and_the_larger_is_kept(before: int, after: int) -> None:
    first = verified(LOG.show(*ACTS[0], size=before)).kept
    shown = LOG.show(*ACTS[0], kept=first, size=after)
    found = verify_shown_act(parse_shown_act(shown.encode()), policy=POLICY, kept=first)
    assert found.kept.checkpoint.size == max(before, after)
    assert found.act == ACTS[0][1].act


def test_the_logs_time_never_runs_backwards() -> None:
    late = verified(LOG.show(*ACTS[0])).kept
    later = replace(late, time=late.time + timedelta(days=1))
    found = verify_shown_act(LOG.show(*ACTS[0], kept=later), policy=POLICY, kept=later)
    assert found.kept.time == later.time
    assert found.time == late.time


def test_a_proof_from_nothing_or_from_elsewhere_is_refused() -> None:
    kept = verified(LOG.show(*ACTS[0], size=5)).kept
    shown = LOG.show(*ACTS[0], kept=kept)
    with pytest.raises(Conflict, match=r"shown_act\.moved"):
        verify_shown_act(shown, policy=POLICY, kept=None)
    with pytest.raises(VerificationError, match=r"tlog\.consistency"):
        verify_shown_act(replace(shown, consistency=shown.consistency[:-1]), policy=POLICY, kept=kept)
    with pytest.raises(VerificationError, match=r"tlog\.consistency\.empty"):
        verify_shown_act(replace(shown, since=0), policy=POLICY, kept=None)


def test_a_checkpoint_of_another_log_does_not_follow() -> None:
    kept = verified(LOG.show(*ACTS[0])).kept
    elsewhere = replace(kept.signed, checkpoint=replace(kept.checkpoint, origin="log.other.example"))
    with pytest.raises(VerificationError, match=r"shown_act\.origin"):
        accept_checkpoint(
            verify_checkpoint(kept.signed, policy=POLICY),
            since=kept.checkpoint.size,
            consistency=(),
            kept=KeptCheckpoint(elsewhere, kept.time),
        )


def test_everything_follows_the_empty_log() -> None:
    empty = KeptCheckpoint(cosigned(checkpoint_of([])), NOW)
    shown = LOG.show(*ACTS[0])
    assert verify_shown_act(shown, policy=POLICY, kept=empty).kept.checkpoint.size == len(LOG.entries)


def test_a_policy_without_witnesses_has_no_clock_and_shows_nothing() -> None:
    lines = [f"log {signer.verifier_key.encode()}" for signer in LOG_SIGNERS[:1]]
    policy: Policy = parse_policy("\n".join([*lines, "quorum none", ""]).encode())
    with pytest.raises(VerificationError, match=r"shown_act\.time"):
        verify_shown_act(LOG.show(*ACTS[0]), policy=policy, kept=None)


def test_a_receipt_of_another_act_opens_nothing() -> None:
    shown = LOG.show(*ACTS[0])
    with pytest.raises(VerificationError, match=r"tlog\.act"):
        verified(replace(shown, committed=ACTS[1][1]))
    bare = replace(shown, receipt=replace(shown.receipt, extra=None))
    with pytest.raises(VerificationError, match=r"tlog\.receipt\.entry"):
        verified(bare)


def test_too_many_bytes_or_hashes_are_refused() -> None:
    shown = LOG.show(*ACTS[0])
    with pytest.raises(FormatError, match=r"shown_act\.size"):
        parse_shown_act(bytes(48 * 1024 + 1))
    with pytest.raises(FormatError, match=r"shown_act\.consistency"):
        parse_shown_act(replace(shown, consistency=(bytes(32),) * (tree.MAX_PROOF_HASHES + 1)).encode())
    with pytest.raises(FormatError, match=r"shown_act\.consistency"):
        parse_shown_act(replace(shown, consistency=(bytes(31),)).encode())
    members = cbor.as_map(cbor.decode(shown.encode()), "shown")
    with pytest.raises(FormatError, match="another order"):
        parse_shown_act(cbor.encode(dict(reversed(list(members.items())))))
