"""The log's files as a reader sees them: its checkpoint, its tree, and whether it goes on from what was seen before.

What entries mean is left to the reader; finding those under a label is `labels`.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Protocol

from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog import evidence as proofs
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.evidence import Contradiction, Evidence, Fork
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, verify_checkpoint
from diptych.formats.tlog.tile import Tile

CHECKPOINT = "checkpoint"
TILE_BYTES = tiles.WIDTH * tree.HASH_BYTES

ABSENT = "tlog.file.absent"


class LogFiles(Protocol):
    """The static files of one log, by path below its prefix. Nothing in them is trusted."""

    def read(self, path: str, *, max_bytes: int) -> bytes | None:
        """The whole file, or None where there is none.

        `FormatError` if it is longer than `max_bytes`, or no file; `Unavailable` if it cannot be read now. Two calls
        may give two answers: the log is live, and whoever serves it may lie differently each time.
        """
        ...

    def paths(self) -> Iterable[str] | None:
        """The path of every file there is, or None where that cannot be asked (over HTTP)."""
        ...


class Contradicted(Exception):
    """The log does not hold: what contradicts what, and the evidence, where there is any."""

    def __init__(self, contradiction: Contradiction, evidence: Evidence | None = None) -> None:
        super().__init__(contradiction.message)
        self.contradiction = contradiction
        self.evidence = evidence


def read_file(files: LogFiles, path: str, *, max_bytes: int) -> bytes:
    """The file; `VerificationError` where it is missing."""
    data = files.read(path, max_bytes=max_bytes)
    if data is None:
        raise VerificationError(ABSENT, f"{path} is missing")
    return data


def read_checkpoint(files: LogFiles, *, policy: Policy) -> VerifiedCheckpoint:
    """The log's checkpoint of now, once the policy accepts it."""
    data = read_file(files, CHECKPOINT, max_bytes=MAX_NOTE_BYTES)
    return verify_checkpoint(parse_signed_checkpoint(data), policy=policy)


def read_tile(files: LogFiles, tile: Tile) -> tuple[Tile, bytes]:
    """The file of a tile or bundle, or the full one that has replaced it, with what it turned out to be."""
    max_bytes = tiles.MAX_BUNDLE_BYTES if tile.level is None else TILE_BYTES
    # tlog-tiles, "Partial Tiles": a log may delete a partial tile once the full one is there.
    for held in dict.fromkeys((tile, tile.full())):
        data = files.read(held.path, max_bytes=max_bytes)
        if data is not None:
            return held, data
    raise VerificationError(ABSENT, f"{tile.path} is missing")


def read_bundle(files: LogFiles, bundle: Tile) -> tuple[bytes, ...]:
    """The entries of a bundle, as many as it has. They are not verified."""
    held, data = read_tile(files, bundle)
    return tiles.parse_bundle(data, width=held.width)[: bundle.width]


def tree_nodes(files: LogFiles, size: int) -> tree.NodeReader:
    """The nodes of the tree of `size`, each file read once. They are not verified: whatever is built is."""

    def read(tile: Tile) -> bytes:
        held, data = read_tile(files, tile)
        return tiles.check_tile(data, width=held.width)[: tile.width * tree.HASH_BYTES]

    return cache(tiles.tile_nodes(size, cache(read)))


def entries_of(files: LogFiles, checkpoint: VerifiedCheckpoint, *, start: int) -> Iterator[tuple[int, bytes]]:
    """The entries from `start` on with their index, each verified to stand in the tree, or `VerificationError`."""
    size, root = checkpoint.checkpoint.size, checkpoint.checkpoint.root
    node = tree_nodes(files, size)
    for number in range(start // tiles.WIDTH, -(-size // tiles.WIDTH)):
        bundle = tiles.tile_at(None, number, size)
        for position, entry in enumerate(read_bundle(files, bundle)):
            index = bundle.start + position
            if index >= start:
                path = tree.build_inclusion_proof(index, size, node)
                tree.verify_inclusion(tree.leaf_hash(entry), index=index, proof=path, size=size, expected_root=root)
                yield index, entry


def check_goes_on(files: LogFiles, *, before: SignedCheckpoint, now: VerifiedCheckpoint, policy: Policy) -> None:
    """Raises `Contradicted` unless the log of `now` begins with that of `before`, which this reader accepted.

    1. They are of one log, which has not become smaller.
    2. The tree of now begins with that of before; where it does not, the log's two signatures are the evidence.
    """
    # 1.
    old, new = before.checkpoint, now.checkpoint
    if old.origin != new.origin:
        raise Contradicted(Contradiction("tlog.checkpoint.origin", "the checkpoint is of another log"))
    if new.size < old.size:
        raise Contradicted(Contradiction("tlog.stale", f"the log showed {old.size} entries and shows {new.size} now"))
    # 2.
    try:
        root, proof = _beginning(files, now, old.size)
    except (FormatError, VerificationError) as error:
        message = f"the log cannot show that it goes on: {error.message}"
        raise Contradicted(Contradiction(error.check, message)) from error
    if root != old.root:
        fork = Fork(before, now.signed, root, proof)
        raise Contradicted(proofs.verify_evidence(fork, policy=policy), fork)


def _beginning(files: LogFiles, now: VerifiedCheckpoint, size: int) -> tuple[bytes, tuple[bytes, ...]]:
    """The root of the first `size` entries, and the proof that the log of now begins with them."""
    checkpoint = now.checkpoint
    if size == 0:
        return tree.EMPTY_ROOT, ()
    node = tree_nodes(files, checkpoint.size)
    root = checkpoint.root if size == checkpoint.size else tree.root(size, node)
    proof = tree.build_consistency_proof(size, checkpoint.size, node)
    tree.verify_consistency(
        old_size=size, old_root=root, new_size=checkpoint.size, new_root=checkpoint.root, proof=proof
    )
    return root, proof
