"""The audit of a whole log, offline: from its files, the keys and the policy, every byte that a checkpoint vouches for.

Shares nothing with whoever writes logs but the parsers. What acts mean, and whether one was left out of the log
altogether, no log can show.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from diptych.errors import FormatError, Unavailable, VerificationError
from diptych.formats.tlog import evidence as proofs
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.entry import ActType, Entry, label_in, parse_entry, parse_kind
from diptych.formats.tlog.evidence import Contradiction, Evidence, FilesDisagree, ForeignEntry, Fork, Refusal
from diptych.formats.tlog.label_range import all_path
from diptych.formats.tlog.label_tree import (
    LEAF_BYTES,
    MAX_HEAD_BYTES,
    LabelLeaf,
    VerifiedLabelTree,
    head_path,
    label_tree_of,
    parse_head,
    parse_leaves,
    verify_head,
)
from diptych.formats.tlog.note import MAX_NOTE_BYTES
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, verify_checkpoint, verify_log_signature
from diptych.formats.tlog.proof import LogProof, build_receipt
from diptych.formats.tlog.tile import Tile
from diptych.formats.tlog.tree import HASH_BYTES
from diptych.protocols.reading.files import CHECKPOINT, TILE_BYTES, Contradicted, LogFiles
from diptych.protocols.reading.labels import check_label_tree
from diptych.roles.auditor.model import Report

_KEPT = re.compile(rf"{CHECKPOINT}\.[0-9]+")

Progress = Callable[[int, int], None]
"""Called with (entries checked, entries in the log) now and then."""


def audit(
    files: LogFiles,
    *,
    policy: Policy,
    seen: Sequence[SignedCheckpoint] = (),
    progress: Progress = lambda checked, size: None,
) -> Report:
    """Verify the log in `files` whole, and against checkpoints `seen` earlier or elsewhere.

    1. The checkpoint parses, and the policy accepts it.
    2. Every entry bundle is there and holds what its tile of leaf hashes says.
    3. Every tile above holds the roots of the tiles below.
    4. The root over them is the checkpoint's.
    5. Every earlier checkpoint that the log signed, kept beside it or handed in, is of a beginning of this tree.
    6. Every other file (partial tiles of earlier sizes) agrees with the tree too.
    7. A log of acts holds nothing but acts.
    8. Every label tree is that of the labels before it.

    Raises `Unavailable` where the files cannot be read: that is no finding.
    """
    walk = _Audit(files, policy, progress)
    try:
        walk.run(seen)
    except _Found as found:
        walk.failure, walk.evidence = found.contradiction, found.evidence
        _check_evidence(found.evidence, policy)
    return walk.report()


def _check_evidence(evidence: Evidence | None, policy: Policy) -> None:
    """Nobody is accused with evidence that a third party would not confirm."""
    try:
        if evidence is not None:
            proofs.verify_evidence(evidence, policy=policy)
    except VerificationError as error:
        raise Unavailable("log.files.changed", "the files changed while they were being read: try again") from error


class _Found(Exception):
    """The first contradiction ends the audit."""

    def __init__(self, contradiction: Contradiction, evidence: Evidence | None = None) -> None:
        super().__init__(contradiction.message)
        self.contradiction = contradiction
        self.evidence = evidence


class _Audit:
    """One audit: the tree as the entries make it, and what was found on the way."""

    def __init__(self, files: LogFiles, policy: Policy, progress: Progress) -> None:
        self._files = files
        self._policy = policy
        self._progress = progress
        self._verified: VerifiedCheckpoint | None = None
        self._levels = [bytearray()]  # [0]: the leaf hashes of the last, partial tile; above: every hash of the level
        self._read: set[str] = {CHECKPOINT}
        self._foreign: tuple[int, bytes] | None = None
        self._acts: Counter[ActType] = Counter()
        self._labels: list[bytes] = []
        self._label_trees: list[tuple[int, Entry]] = []
        self._checked = self._others = self._earlier = self._unsigned = 0
        self.failure: Contradiction | None = None
        self.evidence: Evidence | None = None

    def report(self) -> Report:
        verified = self._verified
        return Report(
            origin=verified.checkpoint.origin if verified else None,
            size=verified.checkpoint.size if verified else None,
            root=verified.checkpoint.root if verified else None,
            time=verified.time if verified else None,
            witnesses=tuple(name.decode("utf-8", "replace") for name in verified.witnesses) if verified else (),
            checked=self._checked,
            acts=self._acts,
            other_entries=self._others,
            earlier_checkpoints=self._earlier,
            unsigned_files=self._unsigned,
            failure=self.failure,
            evidence=self.evidence,
        )

    def run(self, seen: Sequence[SignedCheckpoint]) -> None:
        self._verify_checkpoint()  # 1.
        for bundle in tiles.bundles_of(self._size):  # 2.
            self._verify_bundle(bundle)
        self._verify_upper_tiles()  # 3.
        self._verify_root()  # 4.
        kept = self._verify_kept_checkpoints()  # 5.
        for number, signed in enumerate(seen, start=1):
            self._verify_earlier(signed, f"checkpoint {number} of those handed in")
        self._verify_other_files(kept)  # 6.
        self._verify_acts()  # 7.
        self._verify_label_trees()  # 8.

    # 1.

    def _verify_checkpoint(self) -> None:
        data = self._file(CHECKPOINT, MAX_NOTE_BYTES)
        if data is None:
            raise _absent(CHECKPOINT)
        try:
            self._verified = verify_checkpoint(parse_signed_checkpoint(data), policy=self._policy)
        except (FormatError, VerificationError) as error:
            raise _Found(Contradiction(error.check, f"{CHECKPOINT}: {error.message}"), Refusal(data)) from error

    @property
    def _signed(self) -> SignedCheckpoint:
        assert self._verified is not None
        return self._verified.signed

    @property
    def _size(self) -> int:
        return self._signed.checkpoint.size

    # 2.

    def _verify_bundle(self, bundle: Tile) -> None:
        held, data = self._tile_file(bundle)
        entries = self._parsed(held, data)[: bundle.width]
        leaves = b"".join([tree.leaf_hash(entry) for entry in entries])
        tile = Tile(0, bundle.index, bundle.width)
        tile_held, hashes = self._tile_file(tile)
        if leaves != self._hashes(tile_held, hashes)[: len(leaves)]:
            raise self._wrong_leaf(held, data, tile_held, hashes)
        if bundle.is_full:
            self._append(1, tree.subtree_root(leaves))
        else:
            self._levels[0] += leaves
        self._count(bundle.start, entries)
        self._checked += len(entries)
        self._progress(self._checked, self._size)

    def _append(self, level: int, subtree: bytes) -> None:
        """Keep a hash of `level`, and the one above it once 256 are complete."""
        if level == len(self._levels):
            self._levels.append(bytearray())
        self._levels[level] += subtree
        if len(self._levels[level]) % TILE_BYTES == 0:
            self._append(level + 1, tree.subtree_root(bytes(self._levels[level][-TILE_BYTES:])))

    def _count(self, start: int, entries: Sequence[bytes]) -> None:
        for position, entry in enumerate(entries):
            try:
                kind = parse_kind(entry)
            except FormatError:
                self._others += 1
                self._foreign = self._foreign or (start + position, entry)
                continue
            self._acts[kind.act_type] += 1
            if kind.act_type.is_about_a_subject:
                self._labels.append(LabelLeaf(label_in(entry), start + position).encode())
            elif kind.act_type is ActType.LABEL_TREE:
                self._label_trees.append((start + position, parse_entry(entry)))

    def _wrong_leaf(self, bundle: Tile, data: bytes, tile: Tile, hashes: bytes) -> _Found:
        leaves = proofs.hashes_in(bundle, data)
        position = proofs.first_difference(leaves, hashes)
        assert position is not None
        shown = proofs.disagreement(bundle, tile, position, leaves, hashes)
        index, at = bundle.start + position, slice(position * HASH_BYTES, (position + 1) * HASH_BYTES)
        blame = self._blame(index, {bundle.path: leaves[at], tile.path: hashes[at]})
        evidence = FilesDisagree(self._signed, {bundle.path: data, tile.path: hashes})
        return _Found(Contradiction(shown.check, f"{shown.message}; {blame}"), evidence)

    def _blame(self, index: int, claims: Mapping[str, bytes]) -> str:
        """Which of two files the signed checkpoint sides with, as far as the other tiles can still tell."""
        root = self._signed.checkpoint.root
        node = tiles.tile_nodes(
            self._size, lambda tile: self._hashes(*self._tile_file(tile))[: tile.width * HASH_BYTES]
        )
        try:
            path = tree.build_inclusion_proof(index, self._size, node)
        except _Found:
            return "other files are damaged too"
        for name, leaf in claims.items():
            if tree.inclusion_root(leaf, index=index, proof=path, size=self._size) == root:
                return f"{name} agrees with the signed checkpoint"
        return "neither leads to the signed checkpoint"

    # 3.

    def _verify_upper_tiles(self) -> None:
        for tile in tiles.tiles_of(self._size):
            if not tile.level:
                continue
            held, hashes = self._tile_file(tile)
            position = proofs.first_difference(self._expected(tile), self._hashes(held, hashes))
            if position is not None:
                below, data = self._tile_file(Tile(tile.level - 1, tile.index * tiles.WIDTH + position))
                shown = proofs.parent_disagreement(below, held)
                raise _Found(shown, FilesDisagree(self._signed, {below.path: data, held.path: hashes}))

    def _expected(self, tile: Tile) -> bytes:
        """What a tile above the leaves must hold, as the entries have it."""
        assert tile.level
        level = self._levels[tile.level] if tile.level < len(self._levels) else b""
        start = tile.index * TILE_BYTES
        return bytes(level[start : start + tile.width * HASH_BYTES])

    # 4.

    def _verify_root(self) -> None:
        root = tree.root(self._size, tiles.tile_nodes(self._size, self._right_edge))
        if root != self._signed.checkpoint.root:
            edge = [tile for tile in tiles.tiles_of(self._size) if not tile.is_full]
            files = {held.path: data for held, data in map(self._tile_file, edge)}
            shown = proofs.root_disagreement(self._size, root, self._signed.checkpoint.root)
            raise _Found(shown, FilesDisagree(self._signed, files))

    def _right_edge(self, tile: Tile) -> bytes:
        return self._expected(tile) if tile.level else bytes(self._levels[0])

    # 5.

    def _verify_kept_checkpoints(self) -> set[str]:
        """Files named `checkpoint.<size>`, as some logs keep them; the paths that were."""
        kept = {path for path in self._files.paths() or () if _KEPT.fullmatch(path)}
        for path in sorted(kept):
            data = self._file(path, MAX_NOTE_BYTES)
            if data is None:
                raise _absent(path)
            try:
                signed = parse_signed_checkpoint(data)
            except FormatError as error:
                raise _Found(Contradiction(error.check, f"{path}: {error.message}"), Refusal(data)) from error
            if path != f"{CHECKPOINT}.{signed.checkpoint.size}":
                raise _Found(Contradiction("tlog.checkpoint.name", f"{path} is of size {signed.checkpoint.size}"))
            self._verify_earlier(signed, path)
        return kept

    def _verify_earlier(self, signed: SignedCheckpoint, name: str) -> None:
        try:
            earlier = verify_log_signature(signed, policy=self._policy).checkpoint
        except VerificationError as error:
            found = Contradiction(error.check, f"{name}: {error.message}")
            raise _Found(found, Refusal(signed.encode())) from error
        if earlier.origin != self._signed.checkpoint.origin:
            raise _Found(Contradiction("tlog.checkpoint.origin", f"{name} is of another log"))
        if earlier.size > self._size:
            message = f"the log signed {name}, of size {earlier.size}, and serves a checkpoint of size {self._size} now"
            raise _Found(Contradiction("tlog.stale", message))
        node = tiles.tile_nodes(self._size, self._verified_tile)
        root = tree.root(earlier.size, node)
        if root != earlier.root:
            proof = tree.build_consistency_proof(earlier.size, self._size, node) if earlier.size else ()
            fork = Fork(signed, self._signed, root, proof)
            shown = proofs.verify_evidence(fork, policy=self._policy)
            raise _Found(Contradiction(shown.check, f"{name} and {CHECKPOINT}: {shown.message}"), fork)
        self._earlier += 1

    def _verified_tile(self, tile: Tile) -> bytes:
        """A tile of the tree that steps 2 to 4 verified, read again where it was not kept."""
        if tile.level:
            return self._expected(tile)
        if not tile.is_full:
            return bytes(self._levels[0])
        held, data = self._tile_file(tile)
        hashes = self._hashes(held, data)
        at = tile.index * HASH_BYTES
        if tree.subtree_root(hashes) != self._levels[1][at : at + HASH_BYTES]:
            raise Unavailable("log.files.changed", f"{held.path} changed while it was being read: try again")
        return hashes

    # 6.

    def _verify_other_files(self, kept: set[str]) -> None:
        for path in self._files.paths() or ():
            if path in self._read or path in kept:
                continue
            try:
                tile = tiles.parse_path(path)
            except FormatError:
                continue  # not a file of the log: nobody relies on it
            self._verify_other_file(tile)

    def _verify_other_file(self, tile: Tile) -> None:
        try:
            real = tiles.tile_at(tile.level, tile.index, self._size) if (tile.level or 0) <= tiles.MAX_LEVEL else None
        except FormatError:
            real = None
        data = self._file(tile.path, tiles.MAX_BUNDLE_BYTES)
        if data is None:
            raise _absent(tile.path)
        hashes = self._hashes(tile, data)
        if real is None or real.width < tile.width:
            self._unsigned += 1  # written for a checkpoint that is not published yet
        if real is None:
            return
        verified = self._verified_tile(Tile(real.level or 0, real.index, real.width))
        position = proofs.first_difference(hashes, verified)
        if position is not None:
            held, other = self._tile_file(real)
            shown = proofs.disagreement(tile, held, position, hashes, proofs.hashes_in(held, other))
            raise _Found(shown, FilesDisagree(self._signed, {tile.path: data, held.path: other}))

    # 7.

    def _verify_acts(self) -> None:
        # A log without a single act is somebody else's, of entries that mean nothing here.
        if self._foreign is None or not self._acts:
            return
        index, entry = self._foreign
        path = tree.build_inclusion_proof(index, self._size, tiles.tile_nodes(self._size, self._verified_tile))
        found = ForeignEntry(build_receipt(entry, index=index, path=path, checkpoint=self._signed))
        raise _Found(proofs.verify_evidence(found, policy=self._policy), found)

    # 8.

    def _verify_label_trees(self) -> None:
        self._labels.sort()
        for index, entry in self._label_trees:
            path = head_path(index)
            data = self._file(path, MAX_HEAD_BYTES)
            if data is None:
                raise _absent(path)
            try:
                head = parse_head(data)
                found = verify_head(head, policy=self._policy)
                if found.index != index or found.entry != entry:
                    raise VerificationError("tlog.label_tree.head", f"not the head of the label tree at entry {index}")
            except (FormatError, VerificationError) as error:
                raise _Found(Contradiction(error.check, f"{path}: {error.message}")) from error
            self._verify_label_tree(found)

    def _verify_label_tree(self, found: VerifiedLabelTree) -> None:
        covered = found.tree.entries
        made = [leaf for leaf in self._labels if parse_leaves(leaf)[0].index < covered]
        if label_tree_of(made, entries=covered) == found.tree:
            return
        # Which label is wrong is shown by the leaves that the log publishes, as long as it keeps those of this tree.
        said = self._file(all_path(found.tree), found.tree.size * LEAF_BYTES) or b""
        try:
            check_label_tree(found, made=made, said=said, receipt_of=self._receipt, policy=self._policy)
        except Contradicted as shown:
            raise _Found(shown.contradiction, shown.evidence) from shown
        except (FormatError, VerificationError) as error:
            message = f"the label tree at entry {found.index} is not that of the first {covered} entries"
            raise _Found(Contradiction("tlog.labels", message)) from error

    def _receipt(self, index: int) -> LogProof:
        bundle = tiles.tile_at(None, index // tiles.WIDTH, self._size)
        entry = self._parsed(*self._tile_file(bundle))[index % tiles.WIDTH]
        path = tree.build_inclusion_proof(index, self._size, tiles.tile_nodes(self._size, self._verified_tile))
        return build_receipt(entry, index=index, path=path, checkpoint=self._signed)

    # Files

    def _tile_file(self, tile: Tile) -> tuple[Tile, bytes]:
        """The file of a tile, or the full one that has replaced it."""
        max_bytes = tiles.MAX_BUNDLE_BYTES if tile.level is None else TILE_BYTES
        # tlog-tiles, "Partial Tiles": a log may delete a partial tile once the full one is there.
        for held in dict.fromkeys((tile, tile.full())):
            data = self._file(held.path, max_bytes)
            if data is not None:
                return held, data
        raise _absent(tile.path)

    def _file(self, path: str, max_bytes: int) -> bytes | None:
        self._read.add(path)
        try:
            return self._files.read(path, max_bytes=max_bytes)
        except FormatError as error:
            raise _Found(Contradiction(error.check, error.message)) from error

    def _parsed(self, bundle: Tile, data: bytes) -> tuple[bytes, ...]:
        try:
            return tiles.parse_bundle(data, width=bundle.width)
        except FormatError as error:
            raise self._nonsense(bundle, data, error) from error

    def _hashes(self, tile: Tile, data: bytes) -> bytes:
        try:
            return proofs.hashes_in(tile, data)
        except FormatError as error:
            raise self._nonsense(tile, data, error) from error

    def _nonsense(self, tile: Tile, data: bytes, error: FormatError) -> _Found:
        found = Contradiction(error.check, f"{tile.path}: {error.message}")
        return _Found(found, FilesDisagree(self._signed, {tile.path: data}))


def _absent(path: str) -> _Found:
    return _Found(Contradiction("tlog.file.absent", f"{path} is missing"))
