"""Everything a log, a witness or a stranger may send: arbitrary bytes are a value or a `FormatError`; what parses
re-encodes to the same bytes."""

import contextlib
import os
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import DiptychError, FormatError, VerificationError
from diptych.formats.tlog import (
    act,
    checkpoint,
    entry,
    evidence,
    label_range,
    label_tree,
    note,
    policy,
    proof,
    tile,
    tree,
)
from diptych.private import Personal
from diptych.protocols.witnessing import add_checkpoint
from tests.formats.tlog_specimen import POLICY, WITNESS_SIGNERS, checkpoint_of, cosigned

ENTRIES = [b"one", b"two", b"three"]
SIGNED = cosigned(checkpoint_of(ENTRIES))
PATH = tree.build_inclusion_proof(1, 3, tree.memory_nodes([tree.leaf_hash(e) for e in ENTRIES]))
ACT = act.Act(
    entry.ActType.ISSUED,
    date(2026, 11, 24),
    entry.ActorClass.ISSUER,
    Personal({"type": "driving-licence", "count": 3, "credentials": bytes(32)}),
)
COMMITTED = act.commit(ACT, entropy=os.urandom)
HEAD = label_tree.LabelTreeHead(
    label_tree.LabelTree(2, 1, bytes(32)), proof.build_receipt(b"two", index=1, path=PATH, checkpoint=SIGNED)
)
RANGE = label_range.LabelRange(0, (label_tree.LabelLeaf(b"\x01" * 32, 1),), PATH)

Parsed = tuple[Callable[[bytes], bytes], bytes]


def text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("text", "texts are UTF-8 before they are parsed") from error


PARSERS: dict[str, Parsed] = {
    "note": (lambda data: note.parse_note(data).encode(), SIGNED.encode()),
    "signatures": (
        lambda data: note.encode_signatures(note.parse_signatures(text(data))).encode(),
        note.encode_signatures(SIGNED.note.signatures[:1]).encode(),
    ),
    "vkey": (lambda data: note.parse_vkey(text(data)).encode().encode(), POLICY.logs[0].key.encode().encode()),
    "checkpoint": (lambda data: checkpoint.parse_checkpoint(text(data)).encode().encode(), SIGNED.note.text.encode()),
    "signed checkpoint": (lambda data: checkpoint.parse_signed_checkpoint(data).encode(), SIGNED.encode()),
    "policy": (lambda data: policy.parse_policy(data).encode(), POLICY.encode()),
    "proof": (
        lambda data: proof.parse_proof(data).encode(),
        proof.build_receipt(b"two", index=1, path=PATH, checkpoint=SIGNED).encode(),
    ),
    "tile path": (lambda data: tile.parse_path(text(data)).path.encode(), b"tile/entries/x001/x234/067.p/12"),
    "bundle": (lambda data: tile.encode_bundle(tile.parse_bundle(data, width=3)), tile.encode_bundle(ENTRIES)),
    "entry": (
        lambda data: entry.parse_entry(data).encode(),
        COMMITTED.entry(policy_hash=bytes(32), label=b"\x01" * 32).encode(),
    ),
    "label tree's head": (lambda data: label_tree.parse_head(data).encode(), HEAD.encode()),
    "label range": (lambda data: label_range.parse_range(data).encode(), RANGE.encode()),
    "label shard": (
        lambda data: label_range.parse_shard(data).encode(),
        label_range.LabelShard(
            RANGE, (COMMITTED.entry(policy_hash=bytes(32), label=b"\x01" * 32).encode(),), PATH
        ).encode(),
    ),
    "all labels": (
        lambda data: b"".join(leaf.encode() for leaf in label_tree.parse_leaves(data)),
        label_tree.LabelLeaf(b"\x01" * 32, 1).encode() + label_tree.LabelLeaf(b"\x01" * 32, 2).encode(),
    ),
    "evidence of labels": (
        lambda data: evidence.encode_evidence(evidence.parse_evidence(data)),
        evidence.encode_evidence(evidence.LabelsDisagree(HEAD, RANGE, HEAD.receipt)),
    ),
    "evidence of a fork": (
        lambda data: evidence.encode_evidence(evidence.parse_evidence(data)),
        evidence.encode_evidence(evidence.Fork(SIGNED, SIGNED, bytes(32), PATH)),
    ),
    "evidence of files": (
        lambda data: evidence.encode_evidence(evidence.parse_evidence(data)),
        evidence.encode_evidence(evidence.FilesDisagree(SIGNED, {"tile/0/000.p/3": bytes(96)})),
    ),
    "request to a witness": (
        lambda data: add_checkpoint.parse_add_checkpoint(data).encode(),
        add_checkpoint.AddCheckpoint(2, PATH, SIGNED).encode(),
    ),
    "act": (lambda data: act.parse_act(data).encode(), ACT.encode()),
}
each = pytest.mark.parametrize("parser", PARSERS)


def check(parser: str, data: bytes) -> None:
    with contextlib.suppress(FormatError):
        assert PARSERS[parser][0](data) == data


@each
def test_a_valid_message_re_encodes_to_itself(parser: str) -> None:
    again, valid = PARSERS[parser]
    assert again(valid) == valid


@each
@given(data=st.binary(max_size=200))
def test_arbitrary_bytes_are_a_value_or_a_format_error(parser: str, data: bytes) -> None:
    check(parser, data)


@each
@given(
    mutations=st.lists(
        st.tuples(st.integers(0, 400) | st.integers(0, 50_000), st.integers(0, 255)), min_size=1, max_size=4
    ),
    cut=st.integers(0, 3),
)
def test_a_mutated_message_re_encodes_to_itself_or_is_refused(
    parser: str, mutations: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(PARSERS[parser][1])
    for position, value in mutations:
        damaged[position % len(damaged)] = value
    check(parser, bytes(damaged[: len(damaged) - cut]))


LINES = [
    "",
    "\n",
    "\n\n",
    "— ",
    "a.example",
    " ",
    "+",
    "0",
    "17",
    "old 0",
    "index 1\n",
    "extra ",
    "AAAA",
    "A" * 43 + "=\n",
]


@each
@given(pieces=st.lists(st.sampled_from(LINES) | st.text(max_size=3), max_size=12), header=st.booleans())
def test_texts_woven_of_the_formats_own_pieces(parser: str, pieces: list[str], header: bool) -> None:
    start = "c2sp.org/tlog-proof@v1\n" if header else ""
    check(parser, (start + "".join(pieces)).encode())


@given(
    status=st.sampled_from([200, 400, 403, 404, 409, 422, 500]),
    media_type=st.sampled_from(["text/plain", add_checkpoint.SIZE_MEDIA_TYPE]),
    body=st.binary(max_size=60) | st.text(max_size=60).map(str.encode) | st.integers().map(lambda n: f"{n}\n".encode()),
)
def test_any_answer_of_a_witness_is_believed_or_refused(status: int, media_type: str, body: bytes) -> None:
    keys = [signer.verifier_key for signer in WITNESS_SIGNERS[0]]
    with contextlib.suppress(DiptychError):
        found = add_checkpoint.read_answer(
            add_checkpoint.Answer(status, media_type, body), checkpoint=SIGNED, keys=keys
        )
        assert isinstance(found, add_checkpoint.OtherSize)
        assert f"{found.size}\n".encode() == body


@given(
    path=st.sampled_from(["tile/0/000.p/3", "tile/0/000", "tile/1/000.p/1", "tile/63/000", "tile/entries/000.p/3"]),
    other=st.sampled_from(["tile/0/000.p/1", "tile/1/000", "tile/entries/000", "tile/2/000.p/1"]),
    first=st.binary(max_size=110) | st.sampled_from([bytes(8192), bytes(96)]),
    second=st.binary(max_size=110) | st.sampled_from([bytes(8192), bytes(32)]),
)
def test_files_given_as_evidence_show_something_or_are_refused(
    path: str, other: str, first: bytes, second: bytes
) -> None:
    with contextlib.suppress(VerificationError):
        evidence.verify_evidence(evidence.FilesDisagree(SIGNED, {path: first, other: second}), policy=POLICY)


@given(
    size=st.integers(-2, 40),
    index=st.integers(-2, 40),
    old=st.integers(-2, 40),
    hashes=st.lists(st.sampled_from([bytes(32), b"\x01" * 32]), max_size=7),
)
def test_proofs_of_any_shape_verify_or_are_refused(size: int, index: int, old: int, hashes: list[bytes]) -> None:
    """Never anything but a `VerificationError`; and no made-up hashes verify against a true root."""
    node = tree.memory_nodes([tree.leaf_hash(bytes([i])) for i in range(40)])
    root, old_root = tree.root(max(size, 0), node), tree.root(max(old, 0), node)
    with pytest.raises(VerificationError):
        tree.verify_inclusion(bytes(32), index=index, proof=hashes, size=size, expected_root=root)
    if old != size or hashes or old <= 0:
        with pytest.raises(VerificationError):
            tree.verify_consistency(old_size=old, old_root=old_root, new_size=size, new_root=root, proof=hashes)
