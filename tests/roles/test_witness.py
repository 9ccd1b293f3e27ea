"""A witness meets honest, forgetful, racing and lying logs; and a log reads what honest and lying witnesses answer."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.tlog import checkpoint as checkpoints
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import Checkpoint, SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.note import NoteSignature, SignatureType
from diptych.formats.tlog.policy import verify_checkpoint, verify_signatures
from diptych.protocols.witnessing.add_checkpoint import (
    SIZE_MEDIA_TYPE,
    AddCheckpoint,
    Answer,
    Cosigned,
    OtherSize,
    answer_cosigned,
    checkpoint_path,
    parse_add_checkpoint,
    read_answer,
)
from diptych.roles.witness.fakes import Death, MemoryWitnessStore
from diptych.roles.witness.model import FollowedLog
from diptych.roles.witness.service import Witness
from tests.formats.tlog_specimen import (
    LOG_SIGNERS,
    NOW,
    ORIGIN,
    POLICY,
    WITNESS_SIGNERS,
    checkpoint_of,
    signed_by_the_log,
    signer,
)

ENTRIES = [f"entry {i}".encode() for i in range(40)]
LOG_KEYS = tuple(signer.verifier_key for signer in LOG_SIGNERS)
KEYS = tuple(signer.verifier_key for signer in WITNESS_SIGNERS[0])
SECOND = "log.second.example"
SECOND_SIGNER = signer(SECOND, SignatureType.ED25519)


def witness(store: MemoryWitnessStore | None = None, number: int = 0) -> Witness:
    return Witness(
        signers=WITNESS_SIGNERS[number],
        logs=[FollowedLog(ORIGIN, LOG_KEYS), FollowedLog(SECOND, (SECOND_SIGNER.verifier_key,))],
        store=store or MemoryWitnessStore(),
    )


def request(
    old: int, new: int, *, entries: Sequence[bytes] = ENTRIES, proof: tuple[bytes, ...] | None = None
) -> AddCheckpoint:
    node = tree.memory_nodes([tree.leaf_hash(entry) for entry in entries])
    if proof is None:
        proof = tree.build_consistency_proof(old, new, node) if 0 < old <= new else ()
    return AddCheckpoint(old, proof, signed_by_the_log(checkpoint_of(entries[:new])))


def asked(who: Witness, what: AddCheckpoint, now: datetime = NOW) -> Answer:
    return who.add_checkpoint(what.encode(), now=now)


# The witness


def test_a_log_that_grows_is_cosigned_at_every_size() -> None:
    who = witness()
    old = 0
    for new in (0, 1, 2, 2, 7, 8, 40):
        what = request(old, new)
        answer = asked(who, what, NOW + timedelta(seconds=new))
        found = read_answer(answer, checkpoint=what.checkpoint, keys=KEYS)
        assert isinstance(found, Cosigned), answer
        assert {s.key for s in found.signatures} == set(KEYS)
        assert {s.time for s in found.signatures} == {NOW + timedelta(seconds=new)}
        old = new


def test_two_witnesses_make_a_quorum() -> None:
    what = request(0, 40)
    signed = what.checkpoint
    for number in (0, 2):
        who = witness(number=number)
        found = read_answer(asked(who, what), checkpoint=signed, keys=who.keys)
        assert isinstance(found, Cosigned)
        signed = signed.with_signatures(found.lines)
    assert verify_checkpoint(signed, policy=POLICY).checkpoint == what.checkpoint.checkpoint


def test_what_was_cosigned_last_is_shown_to_whoever_asks() -> None:
    who = witness()
    assert who.checkpoint(checkpoint_path(ORIGIN)) is None
    assert who.checkpoint(checkpoint_path("log.unknown.example")) is None
    stranger = NoteSignature("stranger.example", b"1234", b"noise")
    what = request(0, 5)
    asked(who, replace(what, checkpoint=what.checkpoint.with_signatures((stranger,))))
    shown = who.checkpoint(checkpoint_path(ORIGIN))
    assert shown is not None
    signed = parse_signed_checkpoint(shown)
    assert len(signed.note.signatures) == 4
    assert len(verify_signatures(signed, (*LOG_KEYS, *KEYS))) == 4


def by_no_one(signed: SignedCheckpoint) -> SignedCheckpoint:
    return signed.only_signed_by([]).with_signatures((NoteSignature("nobody.example", b"1234", b"noise"),))


def with_a_false_signature(signed: SignedCheckpoint) -> SignedCheckpoint:
    line = signed.note.signatures[0]
    return signed.with_signatures((replace(line, signature=bytes(64)),))


OTHER = [*ENTRIES[:3], b"another", *ENTRIES[4:]]
FORGED_EMPTY = signed_by_the_log(Checkpoint(ORIGIN, 0, bytes(32)))
FORGED_FULL = signed_by_the_log(Checkpoint(ORIGIN, 9, tree.EMPTY_ROOT))


@pytest.mark.parametrize(
    ("what", "status"),
    [
        (replace(request(5, 9), checkpoint=signed_by_the_log(checkpoint_of(ENTRIES[:9], "unknown.example"))), 404),
        (replace(request(5, 9), checkpoint=by_no_one(request(5, 9).checkpoint)), 403),
        (replace(request(5, 9), checkpoint=with_a_false_signature(request(5, 9).checkpoint)), 403),
        (replace(request(5, 9), checkpoint=request(5, 9).checkpoint.only_signed_by(LOG_KEYS[:1])), 403),
        (replace(request(5, 9), checkpoint=request(5, 9).checkpoint.only_signed_by(LOG_KEYS[1:])), 403),
        (request(9, 5), 400),
        (request(6, 5), 400),
        (request(0, 9), 409),
        (request(4, 9), 409),
        (request(6, 9), 409),
        (request(5, 9, proof=()), 422),
        (request(5, 9, proof=(bytes(32),) * 4), 422),
        (request(5, 9, entries=OTHER), 422),
        (request(5, 5, entries=OTHER), 422),
        (request(5, 5, proof=(bytes(32),)), 422),
        (replace(request(5, 9), checkpoint=FORGED_FULL), 422),
    ],
)
def test_what_is_not_cosigned_has_its_status(what: AddCheckpoint, status: int) -> None:
    store = MemoryWitnessStore()
    who = witness(store)
    asked(who, request(0, 5))
    before = store.latest(ORIGIN)
    answer = asked(who, what)
    assert answer.status == status
    assert store.latest(ORIGIN) == before
    if status == 409:
        assert (answer.media_type, answer.body) == (SIZE_MEDIA_TYPE, b"5\n")
        assert read_answer(answer, checkpoint=what.checkpoint, keys=KEYS) == OtherSize(5)
    else:
        with pytest.raises(Refused, match=r"witnessing\.refused"):
            read_answer(answer, checkpoint=what.checkpoint, keys=KEYS)


@pytest.mark.parametrize(
    ("what", "status"),
    [
        (request(0, 5, proof=(bytes(32),)), 422),
        (AddCheckpoint(0, (), FORGED_EMPTY), 422),
        (request(3, 5), 409),
    ],
)
def test_a_first_checkpoint_needs_no_proof_and_may_have_none(what: AddCheckpoint, status: int) -> None:
    assert asked(witness(), what).status == status


@pytest.mark.parametrize("body", [b"", b"old 5\n", b"nonsense", request(5, 9).encode()[:-1], b"\xff"])
def test_nonsense_has_its_status(body: bytes) -> None:
    assert witness().add_checkpoint(body, now=NOW).status == 400


def test_a_log_that_was_rolled_back_is_told_so() -> None:
    """The operator restored an old database: what the witness cosigned is gone from it, and stays true."""
    who = witness()
    asked(who, request(0, 40))
    for what in (request(0, 12), request(12, 12), request(7, 12)):
        assert asked(who, what).status == 409
    assert asked(who, request(40, 12, proof=())).status == 400


def test_logs_do_not_mix() -> None:
    who = witness()
    asked(who, request(0, 40))
    second = checkpoint_of(ENTRIES[:3], SECOND)
    assert asked(who, AddCheckpoint(0, (), signed_by_the_log(second))).status == 403  # by the first log's keys
    own = checkpoints.sign(second, (SECOND_SIGNER.sign(second, now=NOW),))
    assert asked(who, AddCheckpoint(0, (), own)).status == 200
    shown = who.checkpoint(checkpoint_path(ORIGIN))
    assert shown is not None
    assert parse_signed_checkpoint(shown).checkpoint.size == 40


def test_nothing_is_dated_before_the_last_cosignature() -> None:
    who = witness()
    asked(who, request(0, 5))
    with pytest.raises(Unavailable, match=r"witness\.clock"):
        asked(who, request(5, 9), NOW - timedelta(seconds=1))
    assert asked(who, request(5, 9)).status == 200


@pytest.mark.parametrize("death", Death)
def test_a_store_that_fails_gives_no_cosignature_away(death: Death) -> None:
    store = MemoryWitnessStore(dies={1: death})
    who = witness(store)
    asked(who, request(0, 5))
    with pytest.raises(Unavailable):
        asked(who, request(5, 9))
    kept = store.latest(ORIGIN)
    assert kept is not None
    assert kept.signed.checkpoint.size == (5 if death is Death.BEFORE_SAVING else 9)
    # Whatever was saved, the log finds its way on by itself.
    answer = asked(who, request(kept.signed.checkpoint.size, 20))
    assert answer.status == 200


def test_of_two_racing_checkpoints_one_loses() -> None:
    class Racing(MemoryWitnessStore):
        """Another request is served between this one's check and its write."""

        def keep(self, *args: object, **kwargs: object) -> None:
            if not self.writes:
                self.writes += 1
                asked(witness(self), request(0, 9))
            super().keep(*args, **kwargs)  # type: ignore[arg-type]  # whatever was passed

    store = Racing()
    answer = asked(witness(store), request(0, 5))
    assert (answer.status, answer.body) == (409, b"9\n")
    kept = store.latest(ORIGIN)
    assert kept is not None
    assert kept.signed.checkpoint.size == 9


def test_many_threads_never_take_a_witness_back() -> None:
    store = MemoryWitnessStore(lock=threading.Lock())
    who = witness(store)
    sizes: list[int] = []

    def grow(step: int) -> None:
        for new in range(step, 41, step):
            latest = store.latest(ORIGIN)
            old = latest.signed.checkpoint.size if latest else 0
            if old <= new and asked(who, request(old, new)).status == 200:
                sizes.append(new)

    threads = [threading.Thread(target=grow, args=(step,)) for step in (1, 3, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = store.latest(ORIGIN)
    assert kept is not None
    assert kept.signed.checkpoint.size == max(sizes)


def test_the_store_compares_before_it_replaces() -> None:
    store = MemoryWitnessStore()
    who = witness(store)
    asked(who, request(0, 5))
    kept = store.latest(ORIGIN)
    assert kept is not None
    with pytest.raises(Conflict, match=r"witness\.changed"):
        store.keep(ORIGIN, after=None, cosigned=kept)


# The log's side


WHAT = request(0, 9)
LINES = tuple(signer.sign(WHAT.checkpoint.checkpoint, now=NOW) for signer in WITNESS_SIGNERS[0])


def answered(*lines: NoteSignature) -> Answer:
    return answer_cosigned(lines)


def test_cosignatures_of_strangers_are_dropped() -> None:
    stranger = WITNESS_SIGNERS[1][0].sign(WHAT.checkpoint.checkpoint, now=NOW)
    found = read_answer(answered(stranger, *LINES), checkpoint=WHAT.checkpoint, keys=KEYS)
    assert isinstance(found, Cosigned)
    assert found.lines == LINES


@pytest.mark.parametrize(
    ("answer", "check"),
    [
        (answered(WITNESS_SIGNERS[1][0].sign(WHAT.checkpoint.checkpoint, now=NOW)), "witnessing.unknown_key"),
        (answered(LINES[0], replace(LINES[1], signature=LINES[1].signature[:-1] + b"\x00\x00")), "tlog.signature"),
        (answered(WITNESS_SIGNERS[0][0].sign(checkpoint_of(ENTRIES[:8]), now=NOW)), "tlog.signature"),
    ],
)
def test_a_lying_witness_adds_nothing(answer: Answer, check: str) -> None:
    with pytest.raises(VerificationError) as refused:
        read_answer(answer, checkpoint=WHAT.checkpoint, keys=KEYS)
    assert refused.value.check == check


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, "text/plain", b""),
        Answer(200, "text/plain", b"nonsense\n"),
        Answer(409, "text/plain", b"5\n"),
        Answer(409, SIZE_MEDIA_TYPE, b"five\n"),
        Answer(409, SIZE_MEDIA_TYPE, b"5"),
        Answer(409, SIZE_MEDIA_TYPE, b"05\n"),
        Answer(409, SIZE_MEDIA_TYPE, b""),
    ],
)
def test_an_answer_of_nonsense_is_refused(answer: Answer) -> None:
    with pytest.raises(FormatError):
        read_answer(answer, checkpoint=WHAT.checkpoint, keys=KEYS)


@pytest.mark.parametrize("status", [100, 204, 301, 429, 500, 503])
def test_any_other_status_means_later(status: int) -> None:
    with pytest.raises(Unavailable, match=r"witnessing\.status"):
        read_answer(Answer(status, "", b""), checkpoint=WHAT.checkpoint, keys=KEYS)


# The message


def test_the_example_of_the_specification_is_read() -> None:
    text = "".join(
        line + "\n"
        for line in (
            "old 20852014",
            "PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=",
            "jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=",
            "5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=",
            "/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=",
            "",
            "example.com/behind-the-sofa",
            "20852163",
            "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=",
            "",
            "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZ"
            "niMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=",
            "— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62"
            "DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=",
        )
    )
    found = parse_add_checkpoint(text.encode())
    assert (found.old_size, len(found.proof), found.checkpoint.checkpoint.size) == (20852014, 4, 20852163)
    assert found.encode() == text.encode()


VALID = request(5, 9).encode().decode()


@pytest.mark.parametrize(
    "damaged",
    [
        VALID.replace("old 5", "old 05"),
        VALID.replace("old 5", "old -5"),
        VALID.replace("old 5", "Old 5"),
        VALID.replace("old 5\n", ""),
        VALID.replace("old 5\n", "old 5\n" + "A" * 40 + "\n"),
        VALID.replace("old 5\n", "old 5\n" + ("A" * 43 + "=\n") * 64),
        VALID.replace("\n\n", "\n", 1),
        VALID.replace("\n\n", "\n\n\n", 1),
        VALID.replace("\n", "\r\n"),
        VALID[:-1],
    ],
)
def test_other_requests_are_refused(damaged: str) -> None:
    with pytest.raises(FormatError):
        parse_add_checkpoint(damaged.encode())


def test_the_path_of_a_log_is_the_hash_of_its_origin() -> None:
    digest = "4d3203c8f35cdf600e475f55fede6081a703d3d322f208865fca2ec4f0e030f8"  # printf example.com/log | sha256sum
    assert checkpoint_path("example.com/log") == f"/{digest}/checkpoint"
