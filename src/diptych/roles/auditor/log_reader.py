"""Reading a log a little at a time: single entries with their receipts, consistency proofs, from files alone.

Everything is verified against a checkpoint that the policy accepts before it is handed out. Whether the rest of the log
holds too is left to `log_audit`.
"""

from diptych.errors import VerificationError
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, verify_checkpoint
from diptych.formats.tlog.proof import LogProof, build_receipt, verify_receipt
from diptych.formats.tlog.tile import Tile
from diptych.roles.auditor.log_audit import CHECKPOINT, TILE_BYTES
from diptych.roles.auditor.ports import LogFiles


class LogReader:
    """A log as of one verified checkpoint."""

    def __init__(self, files: LogFiles, checkpoint: VerifiedCheckpoint, policy: Policy) -> None:
        self._files = files
        self._policy = policy
        self.verified = checkpoint
        self._size = checkpoint.checkpoint.size
        self._node = tiles.tile_nodes(self._size, self._tile)

    def receipt(self, index: int) -> LogProof:
        """The receipt of entry `index`, verified; `Refused` for an index that the log has not reached."""
        path = tree.build_inclusion_proof(index, self._size, self._node)
        bundle = tiles.tile_at(None, index // tiles.WIDTH, self._size)
        held, data = self._held(bundle, tiles.MAX_BUNDLE_BYTES)
        entry = tiles.parse_bundle(data, width=held.width)[index % tiles.WIDTH]
        receipt = build_receipt(entry, index=index, path=path, checkpoint=self.verified.signed)
        verify_receipt(receipt, policy=self._policy)
        return receipt

    def consistency_proof(self, old_size: int) -> tuple[bytes, tuple[bytes, ...]]:
        """The root of the first `old_size` entries and the proof that the log begins with them, verified."""
        old_root = tree.root(old_size, self._node) if 0 < old_size <= self._size else tree.EMPTY_ROOT
        proof = tree.build_consistency_proof(old_size, self._size, self._node)
        tree.verify_consistency(
            old_size=old_size,
            old_root=old_root,
            new_size=self._size,
            new_root=self.verified.checkpoint.root,
            proof=proof,
        )
        return old_root, proof

    def _tile(self, tile: Tile) -> bytes:
        held, data = self._held(tile, TILE_BYTES)
        return tiles.check_tile(data, width=held.width)[: tile.width * tree.HASH_BYTES]

    def _held(self, tile: Tile, max_bytes: int) -> tuple[Tile, bytes]:
        # tlog-tiles, "Partial Tiles": a log may delete a partial tile once the full one is there.
        for held in dict.fromkeys((tile, tile.full())):
            data = self._files.read(held.path, max_bytes=max_bytes)
            if data is not None:
                return held, data
        raise VerificationError("tlog.file.absent", f"{tile.path} is missing")


def open_log(files: LogFiles, *, policy: Policy) -> LogReader:
    """The log, once the policy accepts its checkpoint."""
    data = files.read(CHECKPOINT, max_bytes=MAX_NOTE_BYTES)
    if data is None:
        raise VerificationError("tlog.file.absent", f"{CHECKPOINT} is missing")
    return LogReader(files, verify_checkpoint(parse_signed_checkpoint(data), policy=policy), policy)
