"""Proofs and receipts: verified offline under a policy; every field flipped is refused."""

from dataclasses import replace

import pytest

from diptych.errors import DiptychError, FormatError, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.proof import LogProof, build_receipt, parse_proof, verify_proof, verify_receipt
from tests.formats.tlog_specimen import POLICY, checkpoint_of, cosigned

ENTRIES = [f"entry {i}".encode() for i in range(11)]
NODE = tree.memory_nodes([tree.leaf_hash(entry) for entry in ENTRIES])
PATH = tree.build_inclusion_proof(6, 11, NODE)
RECEIPT = build_receipt(ENTRIES[6], index=6, path=PATH, checkpoint=cosigned(checkpoint_of(ENTRIES)))


def test_a_receipt_shows_its_entry() -> None:
    verified = verify_receipt(parse_proof(RECEIPT.encode()), policy=POLICY)
    assert verified.entry == ENTRIES[6]
    assert verified.inclusion.index == 6
    assert verified.inclusion.checkpoint.checkpoint.size == 11


def test_a_proof_without_extra_data_shows_a_leaf_that_the_verifier_knows() -> None:
    proof = parse_proof(replace(RECEIPT, extra=None).encode())
    assert b"extra" not in proof.encode()
    verify_proof(proof, expected_leaf=tree.leaf_hash(ENTRIES[6]), policy=POLICY)
    with pytest.raises(VerificationError, match=r"tlog\.inclusion\.root"):
        verify_proof(proof, expected_leaf=tree.leaf_hash(ENTRIES[5]), policy=POLICY)
    with pytest.raises(VerificationError, match=r"tlog\.receipt\.entry"):
        verify_receipt(proof, policy=POLICY)


def test_the_only_entry_of_a_log_has_an_empty_path() -> None:
    proof = build_receipt(b"only", index=0, path=(), checkpoint=cosigned(checkpoint_of([b"only"])))
    assert parse_proof(proof.encode()) == proof
    verify_receipt(proof, policy=POLICY)


@pytest.mark.parametrize(
    "damaged",
    [
        replace(RECEIPT, extra=b"another entry"),
        replace(RECEIPT, index=7),
        replace(RECEIPT, index=11),
        replace(RECEIPT, path=PATH[:-1]),
        replace(RECEIPT, path=(*PATH, PATH[0])),
        replace(RECEIPT, checkpoint=cosigned(checkpoint_of(ENTRIES[:10]))),
        replace(RECEIPT, checkpoint=cosigned(checkpoint_of(ENTRIES), witnesses=(0,))),
        replace(RECEIPT, checkpoint=cosigned(checkpoint_of(ENTRIES, origin="elsewhere.example"))),
    ],
)
def test_every_field_counts(damaged: LogProof) -> None:
    with pytest.raises(VerificationError):
        verify_receipt(damaged, policy=POLICY)


def test_every_flipped_byte_is_refused() -> None:
    data = RECEIPT.encode()
    head = data.index(b"\n\n") + 120
    for position in [*range(head), *range(head, len(data), 97)]:
        flipped = bytearray(data)
        flipped[position] ^= 1
        with pytest.raises(DiptychError):
            verify_receipt(parse_proof(bytes(flipped)), policy=POLICY)


TEXT = RECEIPT.encode().decode()


@pytest.mark.parametrize(
    "damaged",
    [
        "",
        TEXT.replace("@v1", "@v2"),
        TEXT.replace("index 6\n", ""),
        TEXT.replace("index 6", "index 06"),
        TEXT.replace("index 6", "index -6"),
        TEXT.replace("index 6", "index  6"),
        TEXT.replace("extra ", "Extra "),
        TEXT.replace("extra ", "extra"),
        TEXT.replace("extra ", "extra \nextra ", 1),
        TEXT.replace("index 6\n", "index 6\nAAAA\n"),
        TEXT.replace("index 6\n", "index 6\n" + "A" * 43 + "=\n" * 1 + ("A" * 43 + "=\n") * 63),
        TEXT.replace("\n\n", "\n", 1),
        TEXT.replace("\n\n", "\n\n\n", 1),
        TEXT.split("\n\n", maxsplit=1)[0],
        TEXT[:-1],
        TEXT.replace("\n", "\r\n"),
    ],
)
def test_nonsense_is_refused(damaged: str) -> None:
    with pytest.raises(FormatError):
        parse_proof(damaged.encode())
