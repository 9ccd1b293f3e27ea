"""The Merkle tree of RFC 6962 2.1: hashes, inclusion and consistency proofs, built and verified.

Where hashes are stored is left to `tile`: building asks for them through `NodeReader`. Every verification recomputes
from what it was given and compares with a root that the caller took from a verified checkpoint.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from diptych.errors import Refused, VerificationError

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
_AT_ONCE = 2**18
"""Bytes of hashes, an even number of them, whose parents are made at once."""
MAX_PROOF_HASHES = 63  # tlog-witness, "add-checkpoint"; enough for trees of less than 2^61

NodeReader = Callable[[int, int], bytes]
"""`node(level, index)` is the hash of leaves `index * 2^level` to `(index + 1) * 2^level`, all of them in the tree."""

_sha256 = hashlib.sha256


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962 2.1: the hash of one leaf."""
    return _sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 2.1: the hash over two children."""
    return _sha256(b"\x01" + left + right).digest()


def subtree_root(hashes: bytes) -> bytes:
    """The root over concatenated child hashes, a power of two of them (a full tile has 256)."""
    count = len(hashes) // HASH_BYTES
    if count * HASH_BYTES != len(hashes) or count == 0 or count & (count - 1):
        raise ValueError("a perfect subtree has a power of two of 32-byte hashes")
    while len(hashes) > HASH_BYTES:
        hashes = b"".join([_sha256(b"\x01" + hashes[i : i + 64]).digest() for i in range(0, len(hashes), 64)])
    return hashes


def root(size: int, node: NodeReader) -> bytes:
    """MTH of the first `size` leaves."""
    return range_hash(0, size, node) if size else EMPTY_ROOT


def root_of(entries: Sequence[bytes]) -> bytes:
    """MTH of a short list of entries, all in memory."""
    leaves = [leaf_hash(entry) for entry in entries]
    return root(len(leaves), memory_nodes(leaves))


def memory_nodes(leaves: Sequence[bytes]) -> NodeReader:
    """Nodes over leaf hashes held in memory; for short lists, as every node is computed anew."""

    def node(level: int, index: int) -> bytes:
        return subtree_root(b"".join(leaves[index << level : (index + 1) << level]))

    return node


def range_hash(start: int, end: int, node: NodeReader) -> bytes:
    """MTH(D[start:end]) for a range that occurs in an RFC 6962 proof: complete, or at the right edge."""
    parts = list(_perfect_subtrees(start, end))
    level, index = parts.pop()
    found = node(level, index)
    for level, index in reversed(parts):
        found = node_hash(node(level, index), found)
    return found


def split_of(start: int, end: int) -> int:
    """Where a range of two leaves or more falls into its two subtrees: RFC 6962 2.1, the largest power of two below."""
    return start + (1 << ((end - start - 1).bit_length() - 1))


class Levels:
    """A whole tree in memory, 64 bytes a leaf, for many questions: `node` is its `NodeReader`."""

    def __init__(self, leaves: bytes) -> None:
        self._levels = [leaves]
        while len(hashes := self._levels[-1]) >= 2 * HASH_BYTES:
            parts = range(0, len(hashes), _AT_ONCE)
            self._levels.append(b"".join([_parents(hashes[i : i + _AT_ONCE]) for i in parts]))

    @classmethod
    def over(cls, leaves: Iterable[bytes]) -> "Levels":
        """The tree over these leaves, of which none is held: a hash by itself takes three times its 32 bytes."""
        return cls(_leaf_hashes(leaves))

    @property
    def size(self) -> int:
        return len(self._levels[0]) // HASH_BYTES

    @property
    def root(self) -> bytes:
        return root(self.size, self.node)

    def node(self, level: int, index: int) -> bytes:
        return self._levels[level][index * HASH_BYTES : (index + 1) * HASH_BYTES]

    def path(self, index: int) -> tuple[bytes, ...]:
        """The inclusion proof of a leaf, its sibling first, among a power of two of leaves."""
        found: list[bytes] = []
        for level in self._levels[:-1]:
            at = (index ^ 1) * HASH_BYTES
            found.append(level[at : at + HASH_BYTES])
            index >>= 1
        return tuple(found)


def _leaf_hashes(leaves: Iterable[bytes]) -> bytes:
    hashes = bytearray()
    for leaf in leaves:
        hashes += leaf_hash(leaf)
    return bytes(hashes)


def _parents(hashes: bytes) -> bytes:
    """The hashes over every two of these; the last of an odd number has no parent yet."""
    pairs = range(0, len(hashes) - HASH_BYTES, 2 * HASH_BYTES)
    return b"".join([_sha256(b"\x01" + hashes[i : i + 2 * HASH_BYTES]).digest() for i in pairs])


def build_inclusion_proof(index: int, size: int, node: NodeReader) -> tuple[bytes, ...]:
    """RFC 6962 2.1.1: the audit path of leaf `index` in the first `size` leaves, leaf's sibling first."""
    if not 0 <= index < size:
        raise Refused("tlog.inclusion.index", f"entry {index} is not among the first {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = split_of(start, end)
        if index < split:
            path.append(range_hash(split, end, node))
            end = split
        else:
            path.append(range_hash(start, split, node))
            start = split
    return tuple(reversed(path))


def build_consistency_proof(old_size: int, new_size: int, node: NodeReader) -> tuple[bytes, ...]:
    """RFC 6962 2.1.2: that the first `old_size` of `new_size` leaves are the old tree. Empty for equal sizes."""
    # RFC 6962 2.1.2 defines proofs for 0 < m <= n only.
    if not 0 < old_size <= new_size:
        raise Refused("tlog.consistency.sizes", f"there is no proof from size {old_size} to size {new_size}")
    path: list[bytes] = []
    start, end, is_old_root = 0, new_size, True
    while old_size != end:
        split = split_of(start, end)
        if old_size <= split:
            path.append(range_hash(split, end, node))
            end = split
        else:
            path.append(range_hash(start, split, node))
            start, is_old_root = split, False
    if not is_old_root:
        path.append(range_hash(start, end, node))
    return tuple(reversed(path))


def verify_inclusion(leaf: bytes, *, index: int, proof: Sequence[bytes], size: int, expected_root: bytes) -> None:
    """Raises `VerificationError` unless leaf hash `leaf` is at `index` in the tree of `size` and `expected_root`."""
    if inclusion_root(leaf, index=index, proof=proof, size=size) != expected_root:
        raise VerificationError("tlog.inclusion.root", "the inclusion proof leads to another root hash")


def inclusion_root(leaf: bytes, *, index: int, proof: Sequence[bytes], size: int) -> bytes:
    """The root that leaf and proof lead to (RFC 9162 2.1.3.2); `VerificationError` for a proof of another shape."""
    # The empty tree has no leaf, whatever comes with it; this refuses size zero too.
    if not 0 <= index < size:
        raise VerificationError("tlog.inclusion.index", f"a tree of {size} has no entry {index}")
    first, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise VerificationError("tlog.inclusion.length", "the inclusion proof is too long")
        if first & 1 or first == last:
            found = node_hash(sibling, found)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        first, last = first >> 1, last >> 1
    if last:
        raise VerificationError("tlog.inclusion.length", "the inclusion proof is too short")
    return found


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raises `VerificationError` unless the tree of `new_size` begins with that of `old_size` (RFC 9162 2.1.4.2)."""
    # Any tree is consistent with the empty one: a proof from size zero would show nothing, so there is none.
    if old_size == 0:
        raise VerificationError("tlog.consistency.empty", "a proof from the empty tree proves nothing")
    if not 0 < old_size <= new_size:
        raise VerificationError("tlog.consistency.sizes", f"size {new_size} comes before size {old_size}")
    if old_size == new_size:
        if proof:
            raise VerificationError("tlog.consistency.length", "equal sizes need no proof")
        if old_root != new_root:
            raise VerificationError("tlog.consistency.fork", f"two root hashes for size {old_size}")
        return
    old_found, new_found = consistency_roots(old_size=old_size, old_root=old_root, new_size=new_size, proof=proof)
    if new_found != new_root:
        raise VerificationError("tlog.consistency.new", "the consistency proof leads to another new root hash")
    if old_found != old_root:
        raise VerificationError("tlog.consistency.old", "the consistency proof leads to another old root hash")


def consistency_roots(*, old_size: int, old_root: bytes, new_size: int, proof: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The old and the new root that a proof leads to (RFC 9162 2.1.4.2), `0 < old_size < new_size`.

    `VerificationError` for a proof of another shape. Where `old_size` is a power of two the proof does not hold the old
    root: then `old_root` is taken for it.
    """
    # 1.
    if not proof:
        raise VerificationError("tlog.consistency.length", "the consistency proof is empty")
    # 2. The proof leaves out the old root where it is itself a node of the new tree.
    hashes = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    # 3. and 4.
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    # 5.
    old_found = new_found = hashes[0]
    # 6.
    for sibling in hashes[1:]:
        if last == 0:
            raise VerificationError("tlog.consistency.length", "the consistency proof is too long")
        if first & 1 or first == last:
            old_found = node_hash(sibling, old_found)
            new_found = node_hash(sibling, new_found)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            new_found = node_hash(new_found, sibling)
        first, last = first >> 1, last >> 1
    # 7.
    if last:
        raise VerificationError("tlog.consistency.length", "the consistency proof is too short")
    return old_found, new_found


def _perfect_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The fewest perfect subtrees that make up a range, left to right, as (level, index)."""
    while start < end:
        level = (end - start).bit_length() - 1
        if start & ((1 << level) - 1):
            raise ValueError("a range of an RFC 6962 proof begins on a multiple of its largest power of two")
        yield level, start >> level
        start += 1 << level
