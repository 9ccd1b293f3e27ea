"""Checkpoints, their signatures and policies: what counts, and that nothing else does."""

import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto.log_signing import Algorithm
from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog import checkpoint as checkpoints
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import Checkpoint, SignedCheckpoint, parse_checkpoint, parse_signed_checkpoint
from diptych.formats.tlog.cosignature import verify_signature
from diptych.formats.tlog.note import NoteSignature, SignatureType
from diptych.formats.tlog.policy import parse_policy, verify_checkpoint, verify_log_signature
from tests.formats.tlog_specimen import (
    LOG_SIGNERS,
    NOW,
    ORIGIN,
    POLICY,
    WITNESS_NAMES,
    WITNESS_SIGNERS,
    checkpoint_of,
    cosigned,
    signed_by_the_log,
    signer,
)
from tests.vectors_folder import published

CHECKPOINT = checkpoint_of([b"one", b"two", b"three"])
BEHIND_THE_SOFA = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def test_the_example_of_the_specification_is_read() -> None:
    checkpoint = parse_checkpoint(BEHIND_THE_SOFA)
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint.encode() == BEHIND_THE_SOFA


def test_extension_lines_are_kept() -> None:
    text = BEHIND_THE_SOFA + "extension one\nextension two\n"
    assert parse_checkpoint(text).extensions == ("extension one", "extension two")
    assert parse_checkpoint(text).encode() == text


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        "\n",
        "origin\n1\n",
        BEHIND_THE_SOFA[:-1],
        BEHIND_THE_SOFA + "\n",
        BEHIND_THE_SOFA + "\nx\n",
        "\n" + BEHIND_THE_SOFA,
        BEHIND_THE_SOFA.replace("2085", "02085"),
        BEHIND_THE_SOFA.replace("2085", "+2085"),
        BEHIND_THE_SOFA.replace("2085", "2_085"),
        BEHIND_THE_SOFA.replace("20852163", "9223372036854775808"),
        BEHIND_THE_SOFA.replace("20852163", "٢"),
        BEHIND_THE_SOFA.replace("q2I=", "q2J="),
        BEHIND_THE_SOFA.replace("q2I=", "q2I"),
        BEHIND_THE_SOFA.replace("CsUY", ""),
        BEHIND_THE_SOFA.replace("example.com", "e" * 256),
    ],
)
def test_nonsense_is_refused(damaged: str) -> None:
    with pytest.raises(FormatError):
        parse_checkpoint(damaged)


def test_the_published_log_signed_every_checkpoint() -> None:
    folder = published("tlog/15-leaf-log")
    vkey = (folder / "vkey.txt").read_text().strip()
    policy = parse_policy(f"log {vkey}\nquorum none\n".encode())
    for size in range(16):
        data = (folder / f"checkpoint.{size}").read_bytes()
        signed = parse_signed_checkpoint(data)
        assert verify_checkpoint(signed, policy=policy).checkpoint.size == size
        assert signed.encode() == data


def test_a_quorum_makes_a_checkpoint_count() -> None:
    verified = verify_checkpoint(cosigned(CHECKPOINT), policy=POLICY)
    assert verified.checkpoint == CHECKPOINT
    assert {s.key.name for s in verified.signatures} == {ORIGIN, *WITNESS_NAMES[:2]}
    assert parse_signed_checkpoint(verified.signed.encode()) == verified.signed


def test_the_time_is_when_the_quorum_stood() -> None:
    assert verify_checkpoint(cosigned(CHECKPOINT, witnesses=(0, 1, 2)), policy=POLICY).time == NOW + timedelta(
        seconds=2
    )
    # A witness that lies about its clock, early or late, does not move it beyond what an honest one says.
    early = WITNESS_SIGNERS[2][0].sign(CHECKPOINT, now=NOW - timedelta(days=9))
    also = WITNESS_SIGNERS[2][1].sign(CHECKPOINT, now=NOW - timedelta(days=9))
    signed = cosigned(CHECKPOINT).with_signatures((early, also))
    assert verify_checkpoint(signed, policy=POLICY).time == NOW + timedelta(seconds=1)


def test_unknown_signatures_are_ignored() -> None:
    stranger = signer("stranger.example/w", SignatureType.ED25519_COSIGNATURE).sign(CHECKPOINT, now=NOW)
    nonsense = NoteSignature("nobody.example", b"\x00\x01\x02\x03", b"nonsense")
    signed = cosigned(CHECKPOINT).with_signatures((stranger, nonsense))
    assert len(verify_checkpoint(signed, policy=POLICY).signatures) == 6


Damage = Callable[[SignedCheckpoint], SignedCheckpoint]


def without(name: str, signature_type: SignatureType | None = None) -> Damage:
    gone = {
        s.verifier_key.key_id
        for s in (*LOG_SIGNERS, *(s for pair in WITNESS_SIGNERS for s in pair))
        if s.name == name and signature_type in (None, s.signature_type)
    }

    def damage(signed: SignedCheckpoint) -> SignedCheckpoint:
        kept = tuple(s for s in signed.note.signatures if s.key_id not in gone)
        return SignedCheckpoint(signed.checkpoint, replace(signed.note, signatures=kept))

    return damage


def of_another_checkpoint(signed: SignedCheckpoint) -> SignedCheckpoint:
    return checkpoints.sign(checkpoint_of([b"other"]), signed.note.signatures)


def undated(signed: SignedCheckpoint) -> SignedCheckpoint:
    """A subtree signature of the second witness, which states nothing about the largest tree."""
    ml_dsa = WITNESS_SIGNERS[1][1]
    name, origin = ml_dsa.name.encode(), ORIGIN.encode()
    message = b"subtree/v1\n\0" + bytes([len(name)]) + name + bytes(8) + bytes([len(origin)]) + origin
    message += struct.pack(">QQ", 0, CHECKPOINT.size) + CHECKPOINT.root
    line = NoteSignature(ml_dsa.name, ml_dsa.verifier_key.key_id, bytes(8) + ml_dsa.signer.sign(message))
    assert not verify_signature(line, checkpoint=CHECKPOINT, key=ml_dsa.verifier_key).is_observation
    return without(ml_dsa.name, SignatureType.ML_DSA_44_COSIGNATURE)(signed).with_signatures((line,))


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (without(ORIGIN, SignatureType.ED25519), "tlog.policy.log"),
        (without(ORIGIN, SignatureType.ML_DSA_44_COSIGNATURE), "tlog.policy.quorum"),
        (without(WITNESS_NAMES[0]), "tlog.policy.quorum"),
        (without(WITNESS_NAMES[0], SignatureType.ED25519_COSIGNATURE), "tlog.policy.quorum"),
        (without(WITNESS_NAMES[0], SignatureType.ML_DSA_44_COSIGNATURE), "tlog.policy.quorum"),
        (of_another_checkpoint, "tlog.signature"),
        (undated, "tlog.policy.quorum"),
    ],
)
def test_a_checkpoint_with_too_few_signatures_does_not_count(damage: Damage, check: str) -> None:
    with pytest.raises(VerificationError) as refused:
        verify_checkpoint(damage(cosigned(CHECKPOINT)), policy=POLICY)
    assert refused.value.check == check


def test_a_checkpoint_of_another_log_does_not_count() -> None:
    foreign = cosigned(checkpoint_of([b"one"], origin="log.elsewhere.example"))
    for verify in (verify_checkpoint, verify_log_signature):
        with pytest.raises(VerificationError) as refused:
            verify(foreign, policy=POLICY)
        assert refused.value.check == "tlog.policy.origin"


def test_the_logs_own_signature_is_enough_to_hold_it_against_the_log_only() -> None:
    signed = signed_by_the_log(CHECKPOINT)
    assert verify_log_signature(signed, policy=POLICY) is signed
    with pytest.raises(VerificationError, match="quorum"):
        verify_checkpoint(signed, policy=POLICY)
    with pytest.raises(VerificationError, match=r"tlog\.policy\.log"):
        verify_log_signature(without(ORIGIN, SignatureType.ED25519)(signed), policy=POLICY)


@pytest.mark.parametrize("line", range(6))
def test_one_damaged_signature_of_a_known_key_spoils_the_note(line: int) -> None:
    signed = cosigned(CHECKPOINT, witnesses=(0, 1, 2))
    for position in (0, 7, 8, 40, -1):
        lines = list(signed.note.signatures)
        data = bytearray(lines[line].signature)
        data[position] ^= 1
        lines[line] = replace(lines[line], signature=bytes(data))
        damaged = SignedCheckpoint(signed.checkpoint, replace(signed.note, signatures=tuple(lines)))
        with pytest.raises(VerificationError, match=r"tlog\.signature"):
            verify_checkpoint(damaged, policy=POLICY)
    for length in (0, 4, 8, 63):
        lines[line] = replace(signed.note.signatures[line], signature=bytes(length))
        damaged = SignedCheckpoint(signed.checkpoint, replace(signed.note, signatures=tuple(lines)))
        with pytest.raises(VerificationError, match=r"tlog\.signature"):
            verify_checkpoint(damaged, policy=POLICY)


@pytest.mark.parametrize("field", ["origin", "size", "root", "extensions"])
def test_every_field_is_signed(field: str) -> None:
    changed = {
        "origin": ORIGIN + "2",
        "size": CHECKPOINT.size + 1,
        "root": tree.leaf_hash(b"other"),
        "extensions": ("extension",),
    }
    checkpoint = replace(CHECKPOINT, **{field: changed[field]})
    for log_or_witness in (*LOG_SIGNERS, *WITNESS_SIGNERS[0]):
        line = log_or_witness.sign(CHECKPOINT, now=NOW)
        # tlog-cosignature: extension lines are outside what ML-DSA-44 signs, which is why nothing here reads them.
        if field == "extensions" and log_or_witness.signature_type is SignatureType.ML_DSA_44_COSIGNATURE:
            verify_signature(line, checkpoint=checkpoint, key=log_or_witness.verifier_key)
            continue
        with pytest.raises(VerificationError, match=r"tlog\.signature"):
            verify_signature(line, checkpoint=checkpoint, key=log_or_witness.verifier_key)


def test_a_signature_is_bound_to_its_type_and_ml_dsa_to_its_name() -> None:
    ed25519, ml_dsa = WITNESS_SIGNERS[0]
    renamed = replace(ml_dsa.verifier_key, name="other.example")
    with pytest.raises(VerificationError):
        verify_signature(ml_dsa.sign(CHECKPOINT, now=NOW), checkpoint=CHECKPOINT, key=renamed)
    note_key = replace(ed25519.verifier_key, signature_type=SignatureType.ED25519)
    with pytest.raises(VerificationError):
        verify_signature(ed25519.sign(CHECKPOINT, now=NOW), checkpoint=CHECKPOINT, key=note_key)


def test_a_timestamp_that_is_no_date_is_refused() -> None:
    ed25519 = WITNESS_SIGNERS[0][0]
    timestamp = 253_402_300_800
    message = f"cosignature/v1\ntime {timestamp}\n{CHECKPOINT.encode()}".encode()
    line = NoteSignature(
        ed25519.name, ed25519.verifier_key.key_id, struct.pack(">Q", timestamp) + ed25519.signer.sign(message)
    )
    with pytest.raises(VerificationError, match=r"tlog\.signature"):
        verify_signature(line, checkpoint=CHECKPOINT, key=ed25519.verifier_key)


@pytest.mark.parametrize(
    "checkpoint",
    [Checkpoint(ORIGIN, 0, tree.leaf_hash(b"")), Checkpoint(ORIGIN, 1, tree.EMPTY_ROOT)],
)
def test_the_empty_root_belongs_to_the_empty_tree_alone(checkpoint: Checkpoint) -> None:
    with pytest.raises(VerificationError, match=r"tlog\.checkpoint\.root"):
        verify_checkpoint(cosigned(checkpoint), policy=POLICY)


def test_an_empty_log_has_a_checkpoint() -> None:
    assert verify_checkpoint(cosigned(checkpoint_of([])), policy=POLICY).checkpoint.size == 0


@pytest.mark.parametrize("algorithm", Algorithm)
def test_our_policies_outlive_either_algorithm(algorithm: Algorithm) -> None:
    assert POLICY.outlives(algorithm)


def test_a_signer_does_not_sign_under_a_type_of_another_algorithm() -> None:
    with pytest.raises(ValueError, match="algorithm"):
        replace(LOG_SIGNERS[0], signature_type=SignatureType.ML_DSA_44_COSIGNATURE)
    with pytest.raises(ValueError, match="at least one"):
        checkpoints.sign(CHECKPOINT, ())
