"""Evidence against a log: what contradicts what, complete enough that anyone can check it again with the policy alone.

Only signatures accuse: a `Fork`, a `ForeignEntry` or a `LabelsDisagree` convicts whoever holds the log's key. Files are
signed by nobody: `FilesDisagree` shows that a copy is damaged or forged, not by whom. What is missing leaves no
evidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from diptych.errors import FormatError, VerificationError
from diptych.formats import strict_json
from diptych.formats.strict_json import Json
from diptych.formats.tlog import tile as tiles
from diptych.formats.tlog import tree
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.entry import parse_entry
from diptych.formats.tlog.label_range import LabelRange, parse_range, verify_range
from diptych.formats.tlog.label_tree import LabelTreeHead, parse_head, verify_head
from diptych.formats.tlog.lines import decode_base64, decode_hash, encode_base64
from diptych.formats.tlog.policy import Policy, verify_checkpoint, verify_log_signature
from diptych.formats.tlog.proof import LogProof, parse_proof, verify_receipt
from diptych.formats.tlog.tile import Tile

FORMAT = "diptych log evidence 1"
MAX_FILES = 16
MAX_EVIDENCE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Refusal:
    """A checkpoint, as it came, that the policy does not accept."""

    checkpoint: bytes

    def members(self) -> dict[str, Json]:
        return {"kind": "refusal", "checkpoint": encode_base64(self.checkpoint)}


@dataclass(frozen=True)
class Fork:
    """Two checkpoints of one log that cannot both be true.

    `proof` shows that the tree of the `second` begins with a tree of the first's size and root `other_root`, which is
    not the root that the log signed in the `first`.
    """

    first: SignedCheckpoint
    second: SignedCheckpoint
    other_root: bytes
    proof: tuple[bytes, ...]

    def members(self) -> dict[str, Json]:
        return {
            "kind": "fork",
            "first": self.first.encode().decode(),
            "second": self.second.encode().decode(),
            "other_root": encode_base64(self.other_root),
            "proof": [encode_base64(item) for item in self.proof],
        }


@dataclass(frozen=True)
class FilesDisagree:
    """Files, by path, that cannot all belong to the tree of the checkpoint."""

    checkpoint: SignedCheckpoint
    files: Mapping[str, bytes]

    def members(self) -> dict[str, Json]:
        return {
            "kind": "files",
            "checkpoint": self.checkpoint.encode().decode(),
            "files": {path: encode_base64(data) for path, data in self.files.items()},
        }


@dataclass(frozen=True)
class ForeignEntry:
    """The receipt of an entry that the log should not hold: it is no act (docs/spec/acts.md)."""

    receipt: LogProof

    def members(self) -> dict[str, Json]:
        return {"kind": "entry", "receipt": self.receipt.encode().decode()}


@dataclass(frozen=True)
class LabelsDisagree:
    """A label tree, leaves of it, and the receipt of an entry of which it says something else than the log."""

    head: LabelTreeHead
    leaves: LabelRange
    receipt: LogProof

    def members(self) -> dict[str, Json]:
        return {
            "kind": "labels",
            "head": encode_base64(self.head.encode()),
            "leaves": encode_base64(self.leaves.encode()),
            "receipt": self.receipt.encode().decode(),
        }


Evidence: TypeAlias = Refusal | Fork | FilesDisagree | ForeignEntry | LabelsDisagree


@dataclass(frozen=True)
class Contradiction:
    """What the evidence shows: the stable name of the check, and a sentence that says what contradicts what."""

    check: str
    message: str


def encode_evidence(evidence: Evidence) -> bytes:
    """The exact inverse of `parse_evidence`."""
    return strict_json.encode({"format": FORMAT, **evidence.members()})


def parse_evidence(data: bytes) -> Evidence:
    """The evidence in `data`, or `FormatError`. It shows nothing until `verify_evidence` says so."""
    if len(data) > MAX_EVIDENCE_BYTES:
        raise FormatError("tlog.evidence", f"longer than {MAX_EVIDENCE_BYTES} bytes")
    members = strict_json.parse_object(data)
    if strict_json.text(members, "format") != FORMAT:
        raise FormatError("tlog.evidence", f"not of the format '{FORMAT}'")
    evidence = _parse_kind(strict_json.text(members, "kind"), members)
    if encode_evidence(evidence) != data:
        raise FormatError("tlog.evidence", "not the one encoding of this evidence")
    return evidence


def verify_evidence(evidence: Evidence, *, policy: Policy) -> Contradiction:
    """What the evidence shows, checked from nothing but itself and the policy; `VerificationError` if it does not."""
    match evidence:
        case Refusal():
            return _verify_refusal(evidence, policy)
        case Fork():
            return _verify_fork(evidence, policy)
        case FilesDisagree():
            verify_checkpoint(evidence.checkpoint, policy=policy)
            return _verify_files(evidence)
        case ForeignEntry():
            return _verify_entry(evidence, policy)
        case LabelsDisagree():
            return _verify_labels(evidence, policy)


def _verify_refusal(evidence: Refusal, policy: Policy) -> Contradiction:
    try:
        verify_checkpoint(parse_signed_checkpoint(evidence.checkpoint), policy=policy)
    except (FormatError, VerificationError) as refused:
        return Contradiction(refused.check, f"the policy does not accept the checkpoint: {refused.message}")
    raise VerificationError("tlog.evidence", "the policy accepts the checkpoint")


def _verify_fork(evidence: Fork, policy: Policy) -> Contradiction:
    first, second = (verify_log_signature(s, policy=policy).checkpoint for s in (evidence.first, evidence.second))
    if first.origin != second.origin:
        raise VerificationError("tlog.evidence", "the checkpoints are of two logs")
    if first.root == evidence.other_root:
        raise VerificationError("tlog.evidence", "the roots agree")
    if first.size:
        tree.verify_consistency(
            old_size=first.size,
            old_root=evidence.other_root,
            new_size=second.size,
            new_root=second.root,
            proof=evidence.proof,
        )
    elif evidence.other_root != tree.EMPTY_ROOT:
        raise VerificationError("tlog.evidence", "an empty log has another root hash")
    return Contradiction(
        "tlog.fork",
        f"the log signed two histories: at size {first.size} the root hash {encode_base64(first.root)}, and at size "
        f"{second.size} a tree whose first {first.size} entries have {encode_base64(evidence.other_root)}",
    )


def _verify_files(evidence: FilesDisagree) -> Contradiction:
    """The first of these that the files show: nonsense, a tile unlike what lies below it, another root."""
    found: dict[Tile, bytes] = {}
    for path, data in evidence.files.items():
        tile = tiles.parse_path(path)
        try:
            hashes = hashes_in(tile, data)
        except FormatError as error:
            return Contradiction(error.check, f"{path}: {error.message}")
        found[tile] = hashes
    for tile, hashes in found.items():
        for other, others in found.items():
            shown = _disagreement(tile, hashes, other, others)
            if shown:
                return shown
    return _other_root(evidence.checkpoint, found)


def hashes_in(tile: Tile, data: bytes) -> bytes:
    """The hashes that a tile holds, or that the entries of a bundle have; `FormatError` for nonsense."""
    if tile.level is not None:
        return tiles.check_tile(data, width=tile.width)
    return b"".join(map(tree.leaf_hash, tiles.parse_bundle(data, width=tile.width)))


def _disagreement(tile: Tile, hashes: bytes, other: Tile, others: bytes) -> Contradiction | None:
    """Whether `other` denies `tile`: the same hashes, or the hash over them, one level up."""
    if (other.level or 0, other.index) == (tile.level or 0, tile.index):
        position = first_difference(hashes, others)
        if position is None:
            return None
        return disagreement(tile, other, position, hashes, others)
    if tile.level is not None and other.level == tile.level + 1 and other.index == tile.index // tiles.WIDTH:
        position = tile.index % tiles.WIDTH
        if tile.is_full and position < other.width and tree.subtree_root(hashes) != _at(others, position):
            return parent_disagreement(tile, other)
    return None


def disagreement(tile: Tile, other: Tile, position: int, hashes: bytes, others: bytes) -> Contradiction:
    """Two files say different things of one hash."""
    what = f"entry {tile.start + position}" if not tile.level else f"hash {position}"
    return Contradiction(
        "tlog.entry" if None in (tile.level, other.level) else "tlog.tile",
        f"{what}: {tile.path} has {encode_base64(_at(hashes, position))}, "
        f"{other.path} has {encode_base64(_at(others, position))}",
    )


def parent_disagreement(tile: Tile, parent: Tile) -> Contradiction:
    """A tile's hash in the tile above is not that of the tile."""
    position = tile.index % tiles.WIDTH
    return Contradiction("tlog.tile", f"hash {position} of {parent.path} is not the root of {tile.path}")


def first_difference(hashes: bytes, others: bytes) -> int | None:
    """The position of the first hash that differs where both have one."""
    shared = min(len(hashes), len(others))
    if hashes[:shared] == others[:shared]:
        return None
    return next(i for i in range(shared // tree.HASH_BYTES) if _at(hashes, i) != _at(others, i))


def _other_root(signed: SignedCheckpoint, found: Mapping[Tile, bytes]) -> Contradiction:
    checkpoint = signed.checkpoint

    def read(tile: Tile) -> bytes:
        for held in (tile, tile.full()):
            if held in found:
                return found[held]
        raise VerificationError("tlog.evidence", "the files agree with one another and do not reach the root")

    root = tree.root(checkpoint.size, tiles.tile_nodes(checkpoint.size, read))
    if root == checkpoint.root:
        raise VerificationError("tlog.evidence", "the files agree with the checkpoint")
    return root_disagreement(checkpoint.size, root, checkpoint.root)


def root_disagreement(size: int, found: bytes, signed: bytes) -> Contradiction:
    """The files are of another tree than the one that was signed."""
    return Contradiction(
        "tlog.root",
        f"the first {size} entries of the files have the root hash {encode_base64(found)}, "
        f"the checkpoint has {encode_base64(signed)}",
    )


def _verify_entry(evidence: ForeignEntry, policy: Policy) -> Contradiction:
    receipt = verify_receipt(evidence.receipt, policy=policy)
    try:
        parse_entry(receipt.entry)
    except FormatError as error:
        return Contradiction("tlog.acts", f"entry {receipt.inclusion.index} of the log is no act: {error.message}")
    raise VerificationError("tlog.evidence", "the entry is an act")


def _verify_labels(evidence: LabelsDisagree, policy: Policy) -> Contradiction:
    """The entry is one that the tree covers, and the leaves leave it out, or name another label for it."""
    found = verify_head(evidence.head, policy=policy)
    labels = verify_range(evidence.leaves, tree_=found.tree)
    receipt = verify_receipt(evidence.receipt, policy=policy)
    index, entry = receipt.inclusion.index, parse_entry(receipt.entry)
    if receipt.inclusion.checkpoint.checkpoint.origin != found.receipt.inclusion.checkpoint.checkpoint.origin:
        raise VerificationError("tlog.evidence", "receipt and label tree are of two logs")
    where = f"the label tree at entry {found.index}, over the first {found.tree.entries} entries,"
    named = next((leaf for leaf in labels.range.leaves if leaf.index == index), None)
    if named is not None and named.label != entry.label:
        return Contradiction("tlog.labels", f"{where} has another label for entry {index} than the entry itself")
    is_covered = index < found.tree.entries and entry.act_type.is_about_a_subject
    if is_covered and index not in labels.indexes_of(entry.label):
        return Contradiction("tlog.labels", f"{where} leaves out the label of entry {index}")
    raise VerificationError("tlog.evidence", "label tree and entry agree")


def _at(hashes: bytes, position: int) -> bytes:
    return hashes[position * tree.HASH_BYTES : (position + 1) * tree.HASH_BYTES]


def _parse_kind(kind: str, members: dict[str, Json]) -> Evidence:
    def checkpoint(name: str) -> SignedCheckpoint:
        return parse_signed_checkpoint(_utf8(strict_json.text(members, name)))

    if kind == "refusal":
        return Refusal(decode_base64(strict_json.text(members, "checkpoint"), "tlog.evidence.checkpoint"))
    if kind == "fork":
        proof = members.get("proof")
        if not isinstance(proof, list) or len(proof) > tree.MAX_PROOF_HASHES:
            raise FormatError("tlog.evidence.proof", "the proof is a list of hashes")
        return Fork(
            checkpoint("first"),
            checkpoint("second"),
            decode_hash(strict_json.text(members, "other_root"), "tlog.evidence.root"),
            tuple(decode_hash(_text(item), "tlog.evidence.proof") for item in proof),
        )
    if kind == "files":
        files = members.get("files")
        if not isinstance(files, dict) or not 0 < len(files) <= MAX_FILES:
            raise FormatError("tlog.evidence.files", f"1 to {MAX_FILES} files are expected")
        for path in files:
            tiles.parse_path(path)
        contents = {path: decode_base64(_text(data), "tlog.evidence.files") for path, data in files.items()}
        return FilesDisagree(checkpoint("checkpoint"), contents)
    if kind == "entry":
        return ForeignEntry(parse_proof(_utf8(strict_json.text(members, "receipt"))))
    if kind == "labels":
        return LabelsDisagree(
            parse_head(decode_base64(strict_json.text(members, "head"), "tlog.evidence.head")),
            parse_range(decode_base64(strict_json.text(members, "leaves"), "tlog.evidence.leaves")),
            parse_proof(_utf8(strict_json.text(members, "receipt"))),
        )
    raise FormatError("tlog.evidence.kind", "an unknown kind of evidence")


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise FormatError("tlog.evidence", "expected a text")
    return value


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise FormatError("tlog.evidence", "not UTF-8") from error
