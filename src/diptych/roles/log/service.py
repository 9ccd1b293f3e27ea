"""The log's one story: an act is public, under witnesses, before anybody gets its receipt.

    1. commit the entries to the database          4. insert the signed checkpoint by compare-and-swap on its size
    2. write the files, durably                     5. collect cosignatures to the policy's quorum
    3. read them back and recompute the root        6. publish, and answer with receipts

A crash anywhere leaves a beginning of this list; `start` and the next `append` roll it forward. Only 4 makes a
history: one is signed once, and nobody sees it earlier. Pooling and the clock are the caller's; one thread calls.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache

from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.tlog import checkpoint as checkpoints
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import Checkpoint, SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.cosignature import CheckpointSigner
from diptych.formats.tlog.entry import parse_kind
from diptych.formats.tlog.evidence import Fork
from diptych.formats.tlog.policy import Policy, VerifiedCheckpoint, verify_checkpoint, verify_signatures
from diptych.formats.tlog.proof import LogProof, build_receipt
from diptych.formats.tlog.tile import Tile
from diptych.protocols.witnessing.add_checkpoint import AddCheckpoint, Answer, OtherSize, read_answer
from diptych.roles.log.growth import Edge, edge_of, inclusion_paths
from diptych.roles.log.model import Appended, Contact, Halted, contacts_of
from diptych.roles.log.ports import LogStore, TileStore, Witnesses

CHECKPOINT = "checkpoint"
MAX_BATCH = 4096
REBUILD_STEP = 64 * tiles.WIDTH
# A cosignature dated further from our own clock than this is not used: it would move the log's time for everybody.
CLOCK_TOLERANCE = timedelta(minutes=5)


class Log:
    """The writer of one log. `on_witness` is told which check a witness's answer failed, for operators."""

    def __init__(
        self,
        *,
        signers: Sequence[CheckpointSigner],
        policy: Policy,
        store: LogStore,
        files: TileStore,
        witnesses: Witnesses,
        on_witness: Callable[[str, str], None] = lambda url, check: None,
    ) -> None:
        self._signers = tuple(signers)
        self._origin = signers[0].name
        self._policy = policy
        self._contacts = {contact.url: contact for contact in contacts_of(policy)}
        self._store = store
        self._files = files
        self._witnesses = witnesses
        self._on_witness = on_witness
        self._edge = Edge()
        self._is_whole = False  # what database and files hold is known, and signed
        self._signed: SignedCheckpoint | None = None
        self._published: VerifiedCheckpoint | None = None
        self._has_asked = False
        self._witnessed_sizes = dict.fromkeys(self._contacts, 0)
        self._halted: Halted | None = None

    @property
    def origin(self) -> str:
        """The log's name."""
        return self._origin

    @property
    def published(self) -> VerifiedCheckpoint | None:
        """What the public sees, or None before it is known."""
        return self._published

    @property
    def time(self) -> datetime | None:
        """The log's time: the moment at which the published checkpoint's quorum stood. Never goes back."""
        return None if self._published is None else self._published.time

    def start(self, *, now: datetime) -> VerifiedCheckpoint:
        """Make whole what a crash has left, and publish. Does nothing to a log that is whole. Call again if it raises.

        `Halted` if a witness or the log's own files show our signature on a history that is not in this database: then
        it is a restored backup, or a second copy runs. `Unavailable` while too few witnesses can be asked.
        """
        self._recover(now)
        return self._publish(now)

    def append(self, entries: Sequence[bytes], *, now: datetime) -> Appended:
        """The receipts of these entries, once they are public. An entry that came before gets its receipt again.

        `FormatError` for what is no act, or too much at once: then nothing was kept. `Unavailable` where the steps
        could not be ended: what was kept becomes public later, and sending the same entries again gets their receipts.
        """
        check_entries(entries, now=now)
        self.start(now=now)  # what came earlier is public first: nothing piles up behind witnesses that are away
        with self._knowing():
            # 1.
            positions = self._store.append(entries, size=self._edge.size)
            self._sign(self._grown(self._edge, self._new(entries, positions)), now)
        published = self._publish(now)
        return Appended(self._receipts(entries, positions, published), published)

    # Recovery

    def _recover(self, now: datetime) -> None:
        if self._halted is not None:
            raise self._halted
        if self._is_whole:
            return
        self._load()
        if not self._has_asked:
            self._ask_what_was_seen(now)
        with self._knowing():
            self._extend(now)
        self._is_whole = True

    def _load(self) -> None:
        """Bring the files to what the database has signed; nothing new is signed here."""
        signed, size = self._store.signed(), self._store.size()
        signed_size = signed.checkpoint.size if signed else 0
        if signed is not None:
            self._check_own(signed)
        if signed_size > size:
            raise self._halt("log.database", "the database has lost entries that it has signed: restore all of it")
        edge = self._edge_from_files(signed_size)
        if edge is None or (signed is not None and edge.root != signed.checkpoint.root):
            edge = self._rebuild(signed_size)
            if signed is not None and edge.root != signed.checkpoint.root:
                raise self._halt("log.database", "the database holds other entries than it has signed: restore it")
        self._restore_missing(edge.size)
        self._edge, self._signed = edge, signed
        self._published = self._published_before()

    def _edge_from_files(self, size: int) -> Edge | None:
        try:
            edge = edge_of(size, self._tile)
        except (FormatError, VerificationError):
            return None
        hashes = b"".join(map(tree.leaf_hash, edge.bundle))
        return edge if hashes == (edge.levels[0] if edge.levels else b"") else None

    def _rebuild(self, size: int) -> Edge:
        """Every file again from the entries, written where it is absent or different."""
        edge = Edge()
        for start in range(0, size, REBUILD_STEP):
            end = min(start + REBUILD_STEP, size)
            edge, made = edge.grown(self._store.entries(start, end))
            own = {t.path: data for t, data in made.items() if tiles.tile_at(t.level, t.index, size) == t}
            wrong = {path: data for path, data in own.items() if self._files.read(path) != data}
            if wrong:
                self._files.write(wrong)
        return edge

    def _restore_missing(self, size: int) -> None:
        """Files that are gone are made again. A damaged one is found where it is read (`repair` reads them all)."""
        every = (*tiles.bundles_of(size), *tiles.tiles_of(size))
        if not all(self._files.has(tile.path) or self._files.has(tile.full().path) for tile in every):
            self._rebuild(size)

    def repair(self) -> Edge:
        """Compare every file with the entries and write those that differ: for operators, while nobody serves it."""
        self._load()
        return self._rebuild(self._edge.size)

    def _published_before(self) -> VerifiedCheckpoint | None:
        """The published checkpoint, if it is one of ours and the policy of today accepts it."""
        data = self._files.read(CHECKPOINT)
        if data is None:
            return None
        try:
            shown = parse_signed_checkpoint(data)
            if shown.checkpoint.origin != self._origin:
                raise VerificationError("log.published", "the published checkpoint is another log's")
            self._check_own(shown)
        except (FormatError, VerificationError):
            return None  # anybody could have put it there: it is written anew
        self._check_shown(shown, "the log's own folder")
        try:
            return verify_checkpoint(shown, policy=self._policy)
        except VerificationError:
            return None

    # Has anybody seen more of us than we know?

    def _ask_what_was_seen(self, now: datetime) -> None:
        """Ask every witness for our last checkpoint, before anything new is signed.

        Enough must answer that those who do not could not have been a quorum: whatever was published, one of those who
        answer has cosigned it, unless it lies. Lies alone stop nobody: only our own signature does.
        """
        shown = self._witnesses.latest(tuple(self._contacts), self._origin)
        for url, data in shown.items():
            self._look(url, data)
        silent = {name for url, contact in self._contacts.items() if url not in shown for name in contact.names}
        unasked = {name for name, known in self._policy.witnesses.items() if known.url is None}
        if silent and self._policy.is_quorum(silent | unasked):
            raise Unavailable("log.start", "too few witnesses answer to know what they have seen of this log")
        self._has_asked = True

    def _look(self, url: str, data: bytes | None) -> None:
        """`Halted` if `data` bears our signature on another history; the size it shows is where proofs begin."""
        if data is None:
            return
        try:
            shown = parse_signed_checkpoint(data)
            if shown.checkpoint.origin != self._origin:
                raise VerificationError("log.witness.origin", "the witness shows another log's checkpoint")
            self._check_own(shown)
        except (FormatError, VerificationError) as error:
            self._on_witness(url, error.check)
            return
        self._check_shown(shown, "a witness")
        self._witnessed_sizes[url] = shown.checkpoint.size

    def _check_own(self, signed: SignedCheckpoint) -> None:
        """Raises `VerificationError` unless all of our keys have signed."""
        keys = [signer.verifier_key for signer in self._signers]
        found = {signature.key for signature in verify_signatures(signed, keys)}
        if found != set(keys):
            raise VerificationError("log.signature", "not a checkpoint that this log has signed with all its keys")

    def _check_shown(self, shown: SignedCheckpoint, where: str) -> None:
        """`shown` bears our signature: it must be a beginning of what this database has signed."""
        size = shown.checkpoint.size
        signed = self._store.signed()
        if signed is None or size > signed.checkpoint.size:
            raise self._halt(
                "log.rolled_back",
                f"{where} shows our signature at size {size}, and this database has signed less: it is an old copy. "
                "Restore the newest, and never run two",
                shown=shown,
            )
        node = self._node(signed.checkpoint.size)
        root = tree.root(size, node)
        if root != shown.checkpoint.root:
            proof = tree.build_consistency_proof(size, signed.checkpoint.size, node) if size else ()
            raise self._halt(
                "log.forked",
                f"{where} shows our signature at size {size} on another history than this database's: two copies ran",
                shown=shown,
                fork=Fork(shown, signed, root, proof),
            )

    def _halt(
        self, check: str, message: str, *, shown: SignedCheckpoint | None = None, fork: Fork | None = None
    ) -> Halted:
        self._halted = Halted(check, message, shown=shown, fork=fork)
        return self._halted

    # Steps 2 to 4

    def _extend(self, now: datetime) -> None:
        """Files and a signed checkpoint for every entry of the database."""
        edge, size = self._edge, self._store.size()
        while edge.size < size:
            edge = self._grown(edge, self._store.entries(edge.size, min(size, edge.size + REBUILD_STEP)))
        self._sign(edge, now)

    def _new(self, entries: Sequence[bytes], positions: Sequence[int]) -> Sequence[bytes]:
        """Those of the entries that the database has just kept, in its order."""
        size = self._edge.size
        kept = {position: entry for position, entry in zip(positions, entries, strict=True) if position >= size}
        return [kept[position] for position in range(size, size + len(kept))]

    def _grown(self, edge: Edge, entries: Sequence[bytes]) -> Edge:
        """The edge once these entries follow, their files written and read."""
        if not entries:
            return edge
        edge, made = edge.grown(entries)
        # 2.
        self._files.write({tile.path: data for tile, data in made.items()})
        # 3.
        self._check_written(made)
        if tree.root(edge.size, tiles.tile_nodes(edge.size, self._tile)) != edge.root:
            raise Unavailable("log.read_back", "the files do not hold what was written: is the disk failing?")
        return edge

    def _sign(self, edge: Edge, now: datetime) -> None:
        signed, size, root = self._signed, edge.size, edge.root
        if signed is not None and size == signed.checkpoint.size:
            return
        # 4.
        checkpoint = Checkpoint(self._origin, size, root)
        made_now = checkpoints.sign(checkpoint, tuple(signer.sign(checkpoint, now=now) for signer in self._signers))
        self._store.sign(made_now, after=signed)
        self._edge, self._signed = edge, made_now

    def _check_written(self, made: "dict[Tile, bytes]") -> None:
        for tile, data in made.items():
            if self._files.read(tile.path) != data:
                raise Unavailable("log.read_back", f"{tile.path} does not hold what was written: is the disk failing?")

    # Steps 5 and 6

    def _publish(self, now: datetime) -> VerifiedCheckpoint:
        signed = self._signed
        assert signed is not None
        before = self._published
        if before is not None and before.checkpoint == signed.checkpoint:
            return before
        # 5.
        verified = self._collect(signed, now)
        # 6.
        with self._knowing():
            self._files.write({CHECKPOINT: verified.signed.encode()})
        self._published = verified
        self._drop_partial_tiles(before.checkpoint.size if before else 0, verified.checkpoint.size)
        return verified

    def _collect(self, signed: SignedCheckpoint, now: datetime) -> VerifiedCheckpoint:
        """The checkpoint under its quorum; `Unavailable` if it cannot be had now, `Halted` if a witness shows why."""
        round_ = self._witnesses.round()
        node = self._node(signed.checkpoint.size)
        for url, size in self._witnessed_sizes.items():
            round_.ask(url, _request(signed, min(size, signed.checkpoint.size), node))
        suspicious: list[str] = []
        told: set[str] = set()
        verified = self._accepted(signed)
        answers = round_.answers()
        while verified is None:
            answered = next(answers, None)
            if answered is None:
                break
            url, answer = answered
            try:
                gathered = self._hear(self._contacts[url], answer, signed, now)
            except DiptychError as error:
                self._on_witness(url, error.check)
                if isinstance(error, Refused):
                    suspicious.append(url)
                continue
            if isinstance(gathered, SignedCheckpoint):
                self._witnessed_sizes[url] = signed.checkpoint.size
                signed = signed.with_signatures(gathered.note.signatures)
                verified = self._accepted(signed)
            # It cosigned another size last: once a round the proof begins there. A liar gets no further.
            elif gathered.size <= signed.checkpoint.size and url not in told:
                told.add(url)
                self._witnessed_sizes[url] = gathered.size
                round_.ask(url, _request(self._own(signed), gathered.size, node))
            else:
                suspicious.append(url)
        # Whoever refuses to go on from what it saw may have seen another history with our signature on it.
        if suspicious:
            for url, data in self._witnesses.latest(suspicious, self._origin).items():
                self._look(url, data)
        if verified is None:
            raise Unavailable("log.quorum", "too few witnesses have cosigned: the acts become public when they do")
        return verified

    def _own(self, signed: SignedCheckpoint) -> SignedCheckpoint:
        return signed.only_signed_by([signer.verifier_key for signer in self._signers])

    def _hear(
        self, contact: Contact, answer: Answer | None, signed: SignedCheckpoint, now: datetime
    ) -> SignedCheckpoint | OtherSize:
        """The checkpoint with the witness's cosignatures, or the size that it wants a proof from."""
        if answer is None:
            raise Unavailable("log.witness.silent", "the witness did not answer in time")
        found = read_answer(answer, checkpoint=signed, keys=contact.keys)
        if isinstance(found, OtherSize):
            return found
        for signature in found.signatures:
            if signature.time is None or abs(signature.time - now) > CLOCK_TOLERANCE:
                raise VerificationError("log.witness.clock", "the witness's clock is too far from ours")
        return signed.with_signatures(found.lines)

    def _accepted(self, signed: SignedCheckpoint) -> VerifiedCheckpoint | None:
        """The checkpoint, if the policy accepts it and the log's time does not go back."""
        named = [name for name, known in self._policy.witnesses.items() if signed.names(known.key)]
        if not self._policy.is_quorum(named):
            return None  # signatures are verified once enough of them are there
        try:
            verified = verify_checkpoint(signed, policy=self._policy)
        except VerificationError:
            return None
        before = self.time
        return None if before and verified.time and verified.time < before else verified

    def _drop_partial_tiles(self, before: int, size: int) -> None:
        """tlog-tiles, "Partial Tiles": they may go once the full tile is there. It is no harm if they stay."""
        full = [
            Tile(level, index).path
            for level in (None, *range(tiles.MAX_LEVEL + 1))
            for index in range((before >> 8 * (level or 0)) // 256, (size >> 8 * (level or 0)) // 256)
        ]
        if full:
            with contextlib.suppress(Unavailable):
                self._files.drop(full)

    # Receipts

    def _receipts(
        self, entries: Sequence[bytes], positions: Sequence[int], published: VerifiedCheckpoint
    ) -> Sequence[LogProof]:
        try:
            return self._built(entries, positions, published)
        except VerificationError:
            # A file is damaged or gone: the entries make it again.
            with self._knowing():
                self._rebuild(self._edge.size)
            return self._built(entries, positions, published)

    def _built(
        self, entries: Sequence[bytes], positions: Sequence[int], published: VerifiedCheckpoint
    ) -> Sequence[LogProof]:
        size, root = published.checkpoint.size, published.checkpoint.root
        leaves = {index: tree.leaf_hash(entry) for entry, index in zip(entries, positions, strict=True)}
        paths = inclusion_paths(leaves, size=size, root=root, read=cache(self._tile))
        return [
            build_receipt(entry, index=index, path=paths[index], checkpoint=published.signed)
            for entry, index in zip(entries, positions, strict=True)
        ]

    # Reading

    def _node(self, size: int) -> tree.NodeReader:
        """The nodes at `size`, each file read and each node computed once."""
        return cache(tiles.tile_nodes(size, cache(self._tile)))

    def _tile(self, tile: Tile) -> bytes:
        """A tile's bytes out of its file, or out of the full one that has replaced it."""
        for held in dict.fromkeys((tile, tile.full())):
            data = self._files.read(held.path)
            if data is None:
                continue
            if tile.level is None:
                return tiles.encode_bundle(tiles.parse_bundle(data, width=held.width)[: tile.width])
            if len(data) != held.width * tree.HASH_BYTES:
                raise VerificationError("log.file.length", f"{held.path} is damaged")
            return data[: tile.width * tree.HASH_BYTES]
        raise VerificationError("log.file.absent", f"{tile.path} is missing")

    @contextlib.contextmanager
    def _knowing(self) -> Iterator[None]:
        """A step that fails leaves it open how far it went: what is true is read again before the next."""
        try:
            yield
        except BaseException as error:
            self._is_whole = False
            if isinstance(error, Conflict):
                raise self._halt("log.second_writer", "another process writes this log: stop one of them") from error
            raise


def check_entries(entries: Sequence[bytes], *, now: datetime) -> None:
    """Raises `FormatError` unless these are acts, and not too many; `Refused` for one of a day that has not come."""
    if not 0 < len(entries) <= MAX_BATCH:
        raise FormatError("log.entries", f"1 to {MAX_BATCH} entries at once")
    tomorrow = now.date() + timedelta(days=1)  # the writer's midnight may come a little before ours
    for entry in entries:
        if parse_kind(entry).day > tomorrow:
            raise Refused("log.entry.day", "an act of a day that has not come")


def _request(signed: SignedCheckpoint, old_size: int, node: tree.NodeReader) -> AddCheckpoint:
    size = signed.checkpoint.size
    proof = tree.build_consistency_proof(old_size, size, node) if old_size else ()
    return AddCheckpoint(old_size, proof, signed)
