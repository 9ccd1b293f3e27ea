"""Reading a log a little at a time: single entries with their receipts, consistency proofs, from files alone.

Everything is verified against a checkpoint that the policy accepts before it is handed out. Whether the rest of the log
holds too is left to `log_audit`.
"""

from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint
from diptych.formats.tlog.proof import LogProof, build_receipt, verify_receipt
from diptych.protocols.reading.files import LogFiles, read_bundle, read_checkpoint, tree_nodes


class LogReader:
    """A log as of one verified checkpoint."""

    def __init__(self, files: LogFiles, checkpoint: VerifiedCheckpoint, policy: Policy) -> None:
        self._files = files
        self._policy = policy
        self.verified = checkpoint
        self._size = checkpoint.checkpoint.size
        self._node = tree_nodes(files, self._size)

    def receipt(self, index: int) -> LogProof:
        """The receipt of entry `index`, verified; `Refused` for an index that the log has not reached."""
        path = tree.build_inclusion_proof(index, self._size, self._node)
        bundle = tiles.tile_at(None, index // tiles.WIDTH, self._size)
        entry = read_bundle(self._files, bundle)[index % tiles.WIDTH]
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


def open_log(files: LogFiles, *, policy: Policy) -> LogReader:
    """The log, once the policy accepts its checkpoint."""
    return LogReader(files, read_checkpoint(files, policy=policy), policy)
