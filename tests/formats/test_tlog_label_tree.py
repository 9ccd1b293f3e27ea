"""Part of a tree, and what a label tree shows: what is there, and that nothing else is."""

import hashlib
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog import tree
from diptych.formats.tlog.entry import ActorClass, ActType, Entry
from diptych.formats.tlog.label_range import (
    SHARD_LABELS,
    LabelRange,
    build_range,
    build_range_of,
    parse_range,
    shard_bits,
    shard_number,
    shard_path,
    verify_range,
)
from diptych.formats.tlog.label_tree import LabelLeaf, LabelTree, label_tree_of, leaves_of, parse_leaves
from diptych.formats.tlog.partial import PartialTree, hashes_beside


def levels_of(size: int) -> tree.Levels:
    return tree.Levels(b"".join(tree.leaf_hash(b"%d" % i) for i in range(size)))


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), max_size=20))))
def test_some_leaves_and_the_hashes_beside_them_make_the_root_and_every_path(case: tuple[int, set[int]]) -> None:
    size, indexes = case
    levels = levels_of(size)
    leaves = {i: tree.leaf_hash(b"%d" % i) for i in indexes}
    part = PartialTree(size, leaves, hashes_beside(size, list(indexes), levels.node))
    assert part.root == levels.root == tree.root_of([b"%d" % i for i in range(size)])
    for index in indexes:
        assert part.path(index) == tree.build_inclusion_proof(index, size, levels.node)
        fewer = PartialTree(size, {index: leaves[index]}, part.hashes_beside([index]))
        assert fewer.root == levels.root


def test_a_part_with_a_hash_too_many_too_few_or_a_leaf_beyond_is_refused() -> None:
    hashes = hashes_beside(7, [3, 4], levels_of(7).node)
    leaves = {i: tree.leaf_hash(b"%d" % i) for i in (3, 4)}
    for size, some, beside in (
        (7, leaves, hashes[1:]),
        (7, leaves, (*hashes, bytes(32))),
        (4, leaves, hashes),
        (0, {}, (bytes(32),)),
        (3, {-1: bytes(32)}, ()),
    ):
        with pytest.raises(VerificationError):
            PartialTree(size, some, beside)
    assert PartialTree(0, {}, ()).root == tree.EMPTY_ROOT


def label(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest()


def leaves_of_numbers(count: int) -> list[bytes]:
    return sorted(LabelLeaf(label(i), 2 * i).encode() for i in range(count))


LEAVES = leaves_of_numbers(50)
LEVELS = tree.Levels.over(LEAVES)
TREE = label_tree_of(LEAVES, entries=100)


@pytest.mark.parametrize("size", [8191, 8192, 8193, 16384, 16385, 20001])
def test_a_tree_that_is_made_in_parts_has_the_root_of_one_that_is_not(size: int) -> None:
    assert levels_of(size).root == tree.root_of([b"%d" % i for i in range(size)])


def entries_about(labels: list[bytes]) -> Iterator[bytes]:
    for one in labels:
        yield Entry(ActType.ISSUED, date(2026, 3, 2), ActorClass.ISSUER, one, bytes(32), bytes(32)).encode()


@given(
    st.lists(
        st.sampled_from([bytes([n]) * 32 for n in range(1, 256)]) | st.binary(min_size=32, max_size=32), max_size=60
    )
)
def test_leaves_stand_in_the_order_of_their_bytes_and_are_a_sequence_as_a_list_is(labels: list[bytes]) -> None:
    labels = [one for one in labels if any(one)]
    found = leaves_of([b"no act", *entries_about(labels)])
    expected = sorted(LabelLeaf(one, i + 1).encode() for i, one in enumerate(labels))
    assert list(found) == expected
    assert found[1:-1] == expected[1:-1]
    assert [found[-i] for i in range(1, len(found) + 1)] == expected[::-1]
    with pytest.raises(IndexError):
        found[len(expected)]


def test_a_tree_over_labels_takes_little_more_memory_than_its_bytes() -> None:
    labels = [label(i) for i in range(20_000)]
    tracemalloc.start()
    try:
        leaves = leaves_of(entries_about(labels))
        of_leaves = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        tree.Levels.over(leaves)
        of_both = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert of_leaves < len(labels) * 44
    assert of_both < len(labels) * (44 + 4 * 32)


def test_two_adjacent_leaves_prove_that_a_label_is_absent_and_a_neighbour_on_each_side_that_it_is_there_once() -> None:
    for number in range(80):
        shown = verify_range(build_range_of(LEAVES, LEVELS, label(number)), tree_=TREE)
        assert shown.indexes_of(label(number)) == ((2 * number,) if number < 50 else ())
        assert len(shown.range.leaves) <= (3 if number < 50 else 2)
        assert parse_range(shown.range.encode()) == shown.range
    for edge in (bytes(31) + b"\x01", b"\xff" * 32):
        shown = verify_range(build_range_of(LEAVES, LEVELS, edge), tree_=TREE)
        assert shown.indexes_of(edge) == ()
        assert len(shown.range.leaves) == 1


def test_a_label_that_stands_twice_is_shown_twice() -> None:
    leaves = sorted([*LEAVES, LabelLeaf(label(7), 98).encode(), LabelLeaf(label(7), 3).encode()])
    levels = tree.Levels.over(leaves)
    shown = verify_range(build_range_of(leaves, levels, label(7)), tree_=label_tree_of(leaves, entries=100))
    assert shown.indexes_of(label(7)) == (3, 14, 98)
    assert shown.narrowed(label(7)) == shown.range


def test_a_range_that_stops_short_of_a_label_says_nothing_of_it() -> None:
    middle = build_range(LEAVES, LEVELS, start=20, end=25)
    shown = verify_range(middle, tree_=TREE)
    for leaf in (middle.leaves[0], middle.leaves[-1], parse_leaves(LEAVES[3])[0]):
        with pytest.raises(VerificationError, match="do not tell"):
            shown.indexes_of(leaf.label)
        with pytest.raises(VerificationError, match="do not tell"):
            shown.narrowed(leaf.label)
    inside = middle.leaves[2]
    narrowed = verify_range(shown.narrowed(inside.label), tree_=TREE)
    assert narrowed.indexes_of(inside.label) == (inside.index,)
    assert len(narrowed.range.leaves) == 3


def test_leaves_left_out_moved_or_changed_lead_to_another_root() -> None:
    middle = build_range(LEAVES, LEVELS, start=20, end=24)
    gap = LabelRange(20, (middle.leaves[0], middle.leaves[2], middle.leaves[3]), middle.hashes)
    moved = replace(middle, start=19)
    changed = replace(middle, leaves=(replace(middle.leaves[0], index=1), *middle.leaves[1:]))
    for damaged in (gap, moved, changed, replace(middle, hashes=middle.hashes[1:])):
        with pytest.raises(VerificationError):
            verify_range(damaged, tree_=TREE)
    for tree_ in (replace(TREE, size=49), replace(TREE, root=bytes(32)), replace(TREE, entries=50)):
        with pytest.raises(VerificationError):
            verify_range(build_range(LEAVES, LEVELS, start=0, end=50), tree_=tree_)


def test_leaves_stand_in_order_and_a_tree_is_no_larger_than_its_log() -> None:
    for data in (LEAVES[1] + LEAVES[0], LEAVES[0] * 2, LEAVES[0][:-1], bytes(32) + b"\xff" * 8):
        with pytest.raises(FormatError):
            parse_leaves(data)
    for entries, size, root in ((3, 4, bytes(32)), (3, -1, bytes(32)), (3, 1, bytes(31))):
        with pytest.raises(FormatError):
            LabelTree(entries, size, root)


def test_a_shard_has_at_most_a_thousand_labels_on_average_and_a_path_of_its_own() -> None:
    sizes = (0, 1, 1024, 1025, 2048, 2049, 10**6, 365 * 10**6)
    assert [shard_bits(size) for size in sizes] == [0, 0, 0, 1, 1, 2, 10, 19]
    assert all(SHARD_LABELS // 2 < size / (1 << shard_bits(size)) <= SHARD_LABELS for size in sizes[3:])
    assert shard_number(b"\xc0" + bytes(31), 3) == 6
    assert shard_number(b"\xff" * 32, 0) == 0
    assert shard_path(LabelTree(10**6, 10**6, bytes(32)), b"\xff" * 32) == "labels/1000000/x001/023"
