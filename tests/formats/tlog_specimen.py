"""A log of Utopia with three witnesses, in memory: keys from fixed seeds, every file a function of the entries."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from diptych.crypto.log_signing import SeedSigner
from diptych.formats.tlog import checkpoint as checkpoints
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import Checkpoint, SignedCheckpoint
from diptych.formats.tlog.cosignature import CheckpointSigner
from diptych.formats.tlog.note import SignatureType
from diptych.formats.tlog.policy import Keyholder, Policy, require_both
from diptych.formats.tlog.tile import Tile
from diptych.private import Secret

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ORIGIN = "log.utopia.example/acts"
WITNESS_NAMES = ("witness.north.example/w", "witness.south.example/w", "witness.abroad.example/w")


def signer(name: str, signature_type: SignatureType) -> CheckpointSigner:
    seed = hashlib.sha256(f"specimen {name} {signature_type}".encode()).digest()
    return CheckpointSigner(name, signature_type, SeedSigner(signature_type.algorithm, Secret(seed)))


LOG_SIGNERS = (
    signer(ORIGIN, SignatureType.ED25519),
    signer(ORIGIN, SignatureType.ML_DSA_44_COSIGNATURE),
)
WITNESS_SIGNERS = tuple(
    (signer(name, SignatureType.ED25519_COSIGNATURE), signer(name, SignatureType.ML_DSA_44_COSIGNATURE))
    for name in WITNESS_NAMES
)


def keyholder(name: str, signers: tuple[CheckpointSigner, CheckpointSigner]) -> Keyholder:
    return Keyholder(name, signers[0].verifier_key, signers[1].verifier_key)


POLICY: Policy = require_both(
    log=keyholder("log", LOG_SIGNERS),
    witnesses=[keyholder(f"w{i}", signers) for i, signers in enumerate(WITNESS_SIGNERS)],
    threshold=2,
)


def checkpoint_of(entries: Sequence[bytes], origin: str = ORIGIN) -> Checkpoint:
    return Checkpoint(origin, len(entries), tree.root_of(entries))


def signed_by_the_log(checkpoint: Checkpoint, now: datetime = NOW) -> SignedCheckpoint:
    return checkpoints.sign(checkpoint, tuple(signer.sign(checkpoint, now=now) for signer in LOG_SIGNERS))


def cosigned(checkpoint: Checkpoint, *, witnesses: Sequence[int] = (0, 1), now: datetime = NOW) -> SignedCheckpoint:
    """Signed by the log at `now`, and by each witness some seconds later than the one before."""
    signatures = tuple(
        signer.sign(checkpoint, now=now + timedelta(seconds=1 + position))
        for position, witness in enumerate(witnesses)
        for signer in WITNESS_SIGNERS[witness]
    )
    return signed_by_the_log(checkpoint, now).with_signatures(signatures)


def files_of(entries: Sequence[bytes]) -> dict[str, bytes]:
    """Tiles and entry bundles of a log that published once, at its present size. Written apart from any writer."""
    size = len(entries)
    leaves = [tree.leaf_hash(entry) for entry in entries]
    files = {
        bundle.path: tiles.encode_bundle(entries[bundle.start : bundle.start + bundle.width])
        for bundle in tiles.bundles_of(size)
    }
    for tile in tiles.tiles_of(size):
        span = 256 ** (tile.level or 0)
        starts = range(tile.start, tile.start + tile.width * span, span)
        files[tile.path] = b"".join(subtree(leaves[start : start + span]) for start in starts)
    return files


def subtree(leaves: Sequence[bytes]) -> bytes:
    """MTH by the definition of RFC 6962 2.1, as slow as it reads."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return tree.node_hash(subtree(leaves[:split]), subtree(leaves[split:]))


def reader(files: dict[str, bytes]) -> tiles.TileReader:
    def read(tile: Tile) -> bytes:
        return files[tile.path]

    return read


def log_files(entries: Sequence[bytes]) -> dict[str, bytes]:
    """Everything that such a log serves."""
    return {**files_of(entries), "checkpoint": cosigned(checkpoint_of(entries)).encode()}
