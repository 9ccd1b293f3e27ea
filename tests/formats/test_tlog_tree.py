"""The Merkle tree: against its definition, for every size; every proof flipped; degenerate proofs refused by name."""

import pytest

from diptych.errors import Refused, VerificationError
from diptych.formats.tlog import tree
from tests.formats.tlog_specimen import subtree

SIZES = 40
LEAVES = [tree.leaf_hash(i.to_bytes(2, "big")) for i in range(SIZES)]
NODE = tree.memory_nodes(LEAVES)
ROOTS = [tree.EMPTY_ROOT] + [subtree(LEAVES[:size]) for size in range(1, SIZES + 1)]

# RFC 6962 reference vectors, as certificate-transparency implementations carry them.
REFERENCE = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
REFERENCE_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


@pytest.mark.parametrize("size", REFERENCE_ROOTS)
def test_roots_are_those_of_other_implementations(size: int) -> None:
    assert tree.root_of(REFERENCE[:size]).hex() == REFERENCE_ROOTS[size]


def test_roots_are_the_definitions() -> None:
    for size in range(SIZES + 1):
        assert tree.root(size, NODE) == ROOTS[size]


def test_every_inclusion_proof_verifies_and_only_where_it_belongs() -> None:
    for size in range(1, SIZES + 1):
        for index in range(size):
            proof = tree.build_inclusion_proof(index, size, NODE)
            tree.verify_inclusion(LEAVES[index], index=index, proof=proof, size=size, expected_root=ROOTS[size])
            for other in {index - 1, index + 1, size - 1, size} - {index}:
                with pytest.raises(VerificationError):
                    tree.verify_inclusion(LEAVES[index], index=other, proof=proof, size=size, expected_root=ROOTS[size])


def test_every_consistency_proof_verifies_and_only_for_its_trees() -> None:
    for new in range(1, SIZES + 1):
        for old in range(1, new + 1):
            proof = tree.build_consistency_proof(old, new, NODE)
            tree.verify_consistency(old_size=old, old_root=ROOTS[old], new_size=new, new_root=ROOTS[new], proof=proof)
            with pytest.raises(VerificationError):
                tree.verify_consistency(
                    old_size=old, old_root=ROOTS[old - 1], new_size=new, new_root=ROOTS[new], proof=proof
                )
            with pytest.raises(VerificationError):
                tree.verify_consistency(
                    old_size=old, old_root=ROOTS[old], new_size=new, new_root=ROOTS[new - 1], proof=proof
                )


def test_a_flipped_missing_or_added_hash_is_refused() -> None:
    inclusion = tree.build_inclusion_proof(21, SIZES, NODE)
    consistency = tree.build_consistency_proof(21, SIZES, NODE)
    for damaged in damages(inclusion):
        with pytest.raises(VerificationError, match=r"tlog\.inclusion\.(root|length)"):
            tree.verify_inclusion(LEAVES[21], index=21, proof=damaged, size=SIZES, expected_root=ROOTS[SIZES])
    for damaged in damages(consistency):
        with pytest.raises(VerificationError, match=r"tlog\.consistency\.(old|new|length)"):
            tree.verify_consistency(
                old_size=21, old_root=ROOTS[21], new_size=SIZES, new_root=ROOTS[SIZES], proof=damaged
            )


def damages(proof: tuple[bytes, ...]) -> list[tuple[bytes, ...]]:
    flipped = [(*proof[:i], bytes([proof[i][0] ^ 1]) + proof[i][1:], *proof[i + 1 :]) for i in range(len(proof))]
    return [*flipped, (), proof[:-1], proof[1:], (*proof, proof[-1]), tuple(reversed(proof))]


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 1), (5, 4)])
def test_a_leaf_outside_the_tree_has_no_proof(index: int, size: int) -> None:
    with pytest.raises(VerificationError, match=r"tlog\.inclusion\.index"):
        tree.verify_inclusion(tree.EMPTY_ROOT, index=index, proof=(), size=size, expected_root=tree.EMPTY_ROOT)
    with pytest.raises(Refused, match=r"tlog\.inclusion\.index"):
        tree.build_inclusion_proof(index, size, NODE)


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        (0, 0, "tlog.consistency.empty"),
        (0, 5, "tlog.consistency.empty"),
        (6, 5, "tlog.consistency.sizes"),
        (-1, 5, "tlog.consistency.sizes"),
        (4, 5, "tlog.consistency.length"),
        (3, 5, "tlog.consistency.length"),
    ],
)
def test_degenerate_consistency_proofs_are_refused(old: int, new: int, check: str) -> None:
    with pytest.raises(VerificationError, match=check):
        tree.verify_consistency(old_size=old, old_root=ROOTS[max(old, 0)], new_size=new, new_root=ROOTS[new], proof=())
    if old <= 0 or old > new:
        with pytest.raises(Refused):
            tree.build_consistency_proof(old, new, NODE)


def test_equal_sizes_have_equal_roots_and_no_proof() -> None:
    tree.verify_consistency(old_size=5, old_root=ROOTS[5], new_size=5, new_root=ROOTS[5], proof=())
    with pytest.raises(VerificationError, match=r"tlog\.consistency\.fork"):
        tree.verify_consistency(old_size=5, old_root=ROOTS[5], new_size=5, new_root=ROOTS[6], proof=())
    with pytest.raises(VerificationError, match=r"tlog\.consistency\.length"):
        tree.verify_consistency(old_size=5, old_root=ROOTS[5], new_size=5, new_root=ROOTS[5], proof=(ROOTS[5],))


def test_an_interior_node_does_not_pass_for_a_leaf() -> None:
    two = tree.node_hash(LEAVES[0], LEAVES[1])
    entry = b"\x01" + LEAVES[0] + LEAVES[1]
    assert tree.leaf_hash(entry) != two
    assert tree.leaf_hash(LEAVES[0] + LEAVES[1]) != two


def test_a_subtree_has_a_power_of_two_of_hashes() -> None:
    assert tree.subtree_root(b"".join(LEAVES[:8])) == ROOTS[8]
    for odd in (b"", LEAVES[0][:31], b"".join(LEAVES[:3])):
        with pytest.raises(ValueError, match="power of two"):
            tree.subtree_root(odd)


def test_proofs_grow_with_the_logarithm() -> None:
    largest = 2**61 - 5

    def node(level: int, index: int) -> bytes:
        return tree.leaf_hash(f"{level} {index}".encode())

    assert len(tree.build_inclusion_proof(3, largest, node)) <= tree.MAX_PROOF_HASHES
    assert len(tree.build_consistency_proof(2**60 + 1, largest, node)) <= tree.MAX_PROOF_HASHES
