"""Following a log: each look verifies that it goes on from what was seen before, and what is new in it.

The monitor keeps one checkpoint between two looks; keeping it, and looking again, is left to the caller. Entries before
the first look are left to `log_audit`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog import evidence as proofs
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.evidence import Contradiction, Evidence, Fork, Refusal
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, verify_checkpoint
from diptych.formats.tlog.tile import Tile
from diptych.roles.auditor.log_audit import CHECKPOINT, TILE_BYTES
from diptych.roles.auditor.ports import LogFiles


@dataclass(frozen=True)
class Look:
    """What one look found: the checkpoint that the next one starts from, or what contradicts what was seen before."""

    checkpoint: VerifiedCheckpoint | None
    failure: Contradiction | None = None
    evidence: Evidence | None = None


def look(files: LogFiles, *, policy: Policy, last: SignedCheckpoint | None) -> Look:
    """The log's checkpoint of now, verified to go on from `last`:

    1. the policy accepts it;
    2. it is of the same log, and not smaller;
    3. the tree of now begins with that of `last`; where it does not, two signatures of the log are the evidence.

    Raises `Unavailable` where the files cannot be read: that is no finding.
    """
    # 1.
    data = files.read(CHECKPOINT, max_bytes=MAX_NOTE_BYTES)
    if data is None:
        return Look(None, Contradiction("tlog.file.absent", f"{CHECKPOINT} is missing"))
    try:
        verified = verify_checkpoint(parse_signed_checkpoint(data), policy=policy)
    except (FormatError, VerificationError) as error:
        return Look(None, Contradiction(error.check, f"{CHECKPOINT}: {error.message}"), Refusal(data))
    if last is None:
        return Look(verified)
    # 2.
    now, before = verified.checkpoint, last.checkpoint
    if now.origin != before.origin:
        return Look(None, Contradiction("tlog.checkpoint.origin", "the checkpoint is of another log"))
    if now.size < before.size:
        message = f"the log showed {before.size} entries and shows {now.size} now"
        return Look(None, Contradiction("tlog.stale", message))
    # 3.
    try:
        root, proof = _beginning(files, verified, before.size)
    except (FormatError, VerificationError) as error:
        return Look(None, Contradiction(error.check, f"the log cannot show that it goes on: {error.message}"))
    if root != before.root:
        fork = Fork(last, verified.signed, root, proof)
        return Look(None, proofs.verify_evidence(fork, policy=policy), fork)
    return Look(verified)


def entries_of(files: LogFiles, checkpoint: VerifiedCheckpoint, *, start: int) -> Iterator[tuple[int, bytes]]:
    """The entries from `start` on with their index, each verified to stand in the tree, or `VerificationError`."""
    size, root = checkpoint.checkpoint.size, checkpoint.checkpoint.root
    node = _node(files, size)
    for number in range(start // tiles.WIDTH, -(-size // tiles.WIDTH)):
        bundle = tiles.tile_at(None, number, size)
        held, data = _held(files, bundle, tiles.MAX_BUNDLE_BYTES)
        for position, entry in enumerate(tiles.parse_bundle(data, width=held.width)[: bundle.width]):
            index = bundle.start + position
            if index >= start:
                path = tree.build_inclusion_proof(index, size, node)
                tree.verify_inclusion(tree.leaf_hash(entry), index=index, proof=path, size=size, expected_root=root)
                yield index, entry


def _beginning(files: LogFiles, verified: VerifiedCheckpoint, size: int) -> tuple[bytes, tuple[bytes, ...]]:
    """The root of the first `size` entries, and the proof that the log of now begins with them."""
    now = verified.checkpoint
    if size == 0:
        return tree.EMPTY_ROOT, ()
    node = _node(files, now.size)
    root = now.root if size == now.size else tree.root(size, node)
    proof = tree.build_consistency_proof(size, now.size, node)
    tree.verify_consistency(old_size=size, old_root=root, new_size=now.size, new_root=now.root, proof=proof)
    return root, proof


def _node(files: LogFiles, size: int) -> tree.NodeReader:
    def read(tile: Tile) -> bytes:
        held, data = _held(files, tile, TILE_BYTES)
        return tiles.check_tile(data, width=held.width)[: tile.width * tree.HASH_BYTES]

    return cache(tiles.tile_nodes(size, cache(read)))


def _held(files: LogFiles, tile: Tile, max_bytes: int) -> tuple[Tile, bytes]:
    # tlog-tiles, "Partial Tiles": a log may delete a partial tile once the full one is there.
    for held in dict.fromkeys((tile, tile.full())):
        data = files.read(held.path, max_bytes=max_bytes)
        if data is not None:
            return held, data
    raise VerificationError("tlog.file.absent", f"{tile.path} is missing")
