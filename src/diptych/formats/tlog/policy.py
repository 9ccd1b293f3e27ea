"""Trust policies (c2sp.org/tlog-policy): which logs and witnesses are known, and how many must have signed.

A checkpoint counts once `verify_checkpoint` returned it. Ours require both algorithms, within the standard's own words:
the log's Ed25519 key stands on the `log` line, its ML-DSA-44 key beside the witnesses in the quorum (`require_both`).
"""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from diptych.crypto.log_signing import Algorithm
from diptych.errors import FormatError, VerificationError
from diptych.formats.tlog.checkpoint import Checkpoint, SignedCheckpoint, check_root
from diptych.formats.tlog.cosignature import VerifiedSignature, verify_signature
from diptych.formats.tlog.note import SignatureType, VerifierKey, parse_vkey

NONE = b"none"
MAX_POLICY_BYTES = 1024 * 1024
MAX_LINES_OF_A_KIND = 128  # at least 32 of each must be possible (tlog-policy, "Implementation limits")

# tlog-policy, "Public key representation": keys of a type appropriate to the function.
LOG_TYPES = (SignatureType.ED25519, SignatureType.ML_DSA_44_COSIGNATURE)
WITNESS_TYPES = (SignatureType.ED25519_COSIGNATURE, SignatureType.ML_DSA_44_COSIGNATURE)

# tlog-policy, "Character set": tab, newline, and everything from space upward but DEL.
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_THRESHOLD = re.compile(rb"[1-9][0-9]{0,3}")


@dataclass(frozen=True)
class KnownKey:
    """A `log` or `witness` line: a key, and where its owner is reached (for those that ask)."""

    key: VerifierKey
    url: str | None = None


@dataclass(frozen=True)
class Group:
    """A `group` line: `threshold` of `members`, each a witness or another group."""

    threshold: int
    members: tuple[bytes, ...]


@dataclass(frozen=True)
class Policy:
    """A policy file as it came (`encoded`), and what it says. Names are opaque octets."""

    encoded: bytes
    logs: tuple[KnownKey, ...]
    witnesses: Mapping[bytes, KnownKey]
    groups: Mapping[bytes, Group]
    quorum: bytes

    def encode(self) -> bytes:
        """The exact inverse of `parse_policy`, comments and all."""
        return self.encoded

    @property
    def digest(self) -> bytes:
        """SHA-256 of the file: what an entry's policy hash names."""
        return hashlib.sha256(self.encoded).digest()

    def logs_of(self, origin: str) -> tuple[VerifierKey, ...]:
        """The keys that sign for `origin`; none for an unknown one."""
        # tlog-policy, "Defining a log": the key name is the origin.
        return tuple(log.key for log in self.logs if log.key.name == origin)

    def is_quorum(self, witnesses: Collection[bytes]) -> bool:
        """Whether these witnesses suffice."""
        return self.quorum == NONE or self._has_witnessed(self.quorum, witnesses)

    def outlives(self, broken: Algorithm) -> bool:
        """Whether a checkpoint still cannot be forged by someone who can forge every signature of `broken`."""
        forged = [name for name, known in self.witnesses.items() if _algorithm(known) is broken]
        return not (any(_algorithm(log) is broken for log in self.logs) and self.is_quorum(forged))

    def _has_witnessed(self, name: bytes, witnesses: Collection[bytes]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in witnesses
        return sum(self._has_witnessed(member, witnesses) for member in group.members) >= group.threshold


@dataclass(frozen=True)
class VerifiedCheckpoint:
    """A checkpoint that a policy accepts: `signatures` are those that were verified, all others were ignored."""

    signed: SignedCheckpoint
    signatures: tuple[VerifiedSignature, ...]
    witnesses: tuple[bytes, ...]
    quorum_timestamp: int | None

    @property
    def checkpoint(self) -> Checkpoint:
        """Origin, size and root, to be relied on. (Extension lines are not: not every signature covers them.)"""
        return self.signed.checkpoint

    @cached_property
    def time(self) -> datetime | None:
        """When the quorum stood: the earliest moment at which the cosignatures made until then suffice.

        Fewer liars than the quorum cannot make it too early. None under `quorum none`, which nobody dates.
        """
        return None if self.quorum_timestamp is None else datetime.fromtimestamp(self.quorum_timestamp, UTC)


def verify_checkpoint(signed: SignedCheckpoint, *, policy: Policy) -> VerifiedCheckpoint:
    """The checkpoint, if a known log signed it and its cosignatures meet the quorum.

    1. The origin is that of a known log.
    2. Every signature that names a known key verifies (signed-note, "Signatures"); all others are ignored.
    3. At least one is the log's.
    4. Witnesses that dated their cosignature make up the quorum.
    5. Size and root do not contradict each other.
    """
    # 1. to 3.
    verified = _verified_signatures(signed, policy)
    # 4.
    timestamps = _observed(policy, verified)
    if not policy.is_quorum(timestamps):
        names = ", ".join(name.decode("utf-8", "replace") for name in timestamps) or "none"
        raise VerificationError("tlog.policy.quorum", f"the quorum is not met; witnesses that cosigned: {names}")
    # 5.
    check_root(signed.checkpoint)
    return VerifiedCheckpoint(signed, verified, tuple(timestamps), _quorum_timestamp(policy, timestamps))


def verify_log_signature(signed: SignedCheckpoint, *, policy: Policy) -> SignedCheckpoint:
    """The checkpoint, if a known log signed it: enough to hold it against that log, not enough to rely on it."""
    _verified_signatures(signed, policy)
    return signed


def verify_signatures(signed: SignedCheckpoint, keys: Sequence[VerifierKey]) -> tuple[VerifiedSignature, ...]:
    """Every signature by one of `keys`; `VerificationError` if even one of those does not verify."""
    known = tuple(dict.fromkeys(keys))
    return tuple(
        verify_signature(signature, checkpoint=signed.checkpoint, key=key)
        for signature in signed.note.signatures
        for key in known
        if signature.is_from(key)
    )


def _verified_signatures(signed: SignedCheckpoint, policy: Policy) -> tuple[VerifiedSignature, ...]:
    # 1.
    log_keys = policy.logs_of(signed.checkpoint.origin)
    if not log_keys:
        raise VerificationError("tlog.policy.origin", "the policy knows no log of this checkpoint's origin")
    # 2.
    verified = verify_signatures(signed, (*log_keys, *(witness.key for witness in policy.witnesses.values())))
    # 3.
    if not any(signature.key in log_keys for signature in verified):
        raise VerificationError("tlog.policy.log", "no key that the policy knows for this log has signed")
    return verified


def parse_policy(data: bytes) -> Policy:
    """The policy in `data`, or `FormatError` naming the line."""
    if len(data) > MAX_POLICY_BYTES:
        raise FormatError("tlog.policy", f"longer than {MAX_POLICY_BYTES} bytes")
    if _FORBIDDEN.search(data):
        raise FormatError("tlog.policy", "a control character other than tab and newline")
    reader = _PolicyReader()
    # Relaxed from tlog-policy, "Policy file syntax": an editor's missing last newline changes no meaning.
    for number, line in enumerate(data.split(b"\n"), start=1):
        words = line.replace(b"\t", b" ").split(b" ")
        try:
            reader.line([word for word in words if word])
        except FormatError as error:
            raise FormatError("tlog.policy", f"line {number}: {error.message}") from error
    if reader.quorum is None:
        raise FormatError("tlog.policy", "there is no quorum line")
    return Policy(data, tuple(reader.logs), reader.witnesses, reader.groups, reader.quorum)


@dataclass(frozen=True)
class Keyholder:
    """A log or a witness with one key of each algorithm, for `require_both`."""

    name: str
    ed25519: VerifierKey
    ml_dsa_44: VerifierKey
    url: str | None = None


def require_both(*, log: Keyholder, witnesses: Sequence[Keyholder], threshold: int) -> Policy:
    """The policy under which the log and `threshold` of the witnesses must each have signed with both algorithms."""
    lines = [
        _line("log", log.ed25519.encode(), log.url),
        _line("witness", f"{log.name}/ML-DSA-44", log.ml_dsa_44.encode()),
    ]
    for witness in witnesses:
        both = (f"{witness.name}/Ed25519", f"{witness.name}/ML-DSA-44")
        lines += [
            _line("witness", both[0], witness.ed25519.encode(), witness.url),
            _line("witness", both[1], witness.ml_dsa_44.encode(), witness.url),
            _line("group", witness.name, "all", *both),
        ]
    required = [f"{log.name}/ML-DSA-44"]
    if witnesses:
        lines.append(_line("group", "witnesses", str(threshold), *(witness.name for witness in witnesses)))
        required.append("witnesses")
    lines += [_line("group", "quorum", "all", *required), "quorum quorum"]
    return parse_policy("".join(line + "\n" for line in lines).encode())


class _PolicyReader:
    """What the lines so far have said."""

    def __init__(self) -> None:
        self.logs: list[KnownKey] = []
        self.witnesses: dict[bytes, KnownKey] = {}
        self.groups: dict[bytes, Group] = {}
        self.quorum: bytes | None = None
        self._members: set[bytes] = set()

    def line(self, words: Sequence[bytes]) -> None:
        match words:
            case []:
                return
            case [first, *_] if first.startswith(b"#"):
                return
            case [b"log", vkey, *url] if len(url) <= 1:
                self._log(_known(vkey, url, LOG_TYPES))
            case [b"witness", name, vkey, *url] if len(url) <= 1:
                self._witness(name, _known(vkey, url, WITNESS_TYPES))
            case [b"group", name, threshold, *members] if members:
                self._group(name, threshold, tuple(members))
            case [b"quorum", name]:
                self._quorum(name)
            case _:
                raise FormatError("tlog.policy", "not a log, witness, group or quorum line of this format")

    def _log(self, log: KnownKey) -> None:
        self._refuse_duplicates(log, self.logs)
        self.logs.append(log)

    def _witness(self, name: bytes, witness: KnownKey) -> None:
        self._refuse_taken(name)
        self._refuse_duplicates(witness, self.witnesses.values())
        self.witnesses[name] = witness

    def _group(self, name: bytes, threshold: bytes, members: tuple[bytes, ...]) -> None:
        self._refuse_taken(name)
        for member in members:
            self._require_defined(member)
            # "at most once": every witness contributes in one way only.
            if member in self._members:
                raise FormatError("tlog.policy", "a name is a member twice")
            self._members.add(member)
        self.groups[name] = Group(_threshold(threshold, len(members)), members)

    def _quorum(self, name: bytes) -> None:
        if self.quorum is not None:
            raise FormatError("tlog.policy", "a second quorum line")
        if name != NONE:
            self._require_defined(name)
        self.quorum = name

    def _refuse_taken(self, name: bytes) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise FormatError("tlog.policy", "the name is taken")
        if len(self.witnesses) >= MAX_LINES_OF_A_KIND or len(self.groups) >= MAX_LINES_OF_A_KIND:
            raise FormatError("tlog.policy", f"more than {MAX_LINES_OF_A_KIND} witnesses or groups")

    def _require_defined(self, name: bytes) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise FormatError("tlog.policy", "a name that no preceding line defines")

    def _refuse_duplicates(self, known: KnownKey, others: Collection[KnownKey]) -> None:
        if len(others) >= MAX_LINES_OF_A_KIND:
            raise FormatError("tlog.policy", f"more than {MAX_LINES_OF_A_KIND} lines of a kind")
        # "duplicate if they wrap the same underlying public key", whatever the name, ID or type.
        if any(other.key.public_key == known.key.public_key for other in others):
            raise FormatError("tlog.policy", "the same public key twice")


def _known(vkey: bytes, url: Sequence[bytes], types: Sequence[SignatureType]) -> KnownKey:
    try:
        key = parse_vkey(vkey.decode("utf-8"))
        address = url[0].decode("utf-8") if url else None
    except UnicodeDecodeError as error:
        raise FormatError("tlog.policy", "a verifier key or URL is not UTF-8") from error
    if key.signature_type not in types:
        raise FormatError("tlog.policy", "the key's signature type is for another function")
    return KnownKey(key, address)


def _threshold(word: bytes, count: int) -> int:
    if word in (b"any", b"all"):
        return 1 if word == b"any" else count
    if _THRESHOLD.fullmatch(word) is None or int(word) > count:
        raise FormatError("tlog.policy", f"the threshold is 'any', 'all' or a number from 1 to {count}")
    return int(word)


def _observed(policy: Policy, verified: Sequence[VerifiedSignature]) -> dict[bytes, int]:
    """The witnesses that cosigned, each with the earliest of its timestamps."""
    found: dict[bytes, int] = {}
    for name, witness in policy.witnesses.items():
        timestamps = [s.timestamp for s in verified if s.key == witness.key and s.timestamp]
        if timestamps:
            found[name] = min(timestamps)
    return found


def _quorum_timestamp(policy: Policy, timestamps: Mapping[bytes, int]) -> int | None:
    if policy.quorum == NONE:
        return None
    return next(
        moment
        for moment in sorted(set(timestamps.values()))
        if policy.is_quorum([name for name, timestamp in timestamps.items() if timestamp <= moment])
    )


def _algorithm(known: KnownKey) -> Algorithm:
    return known.key.signature_type.algorithm


def _line(*words: str | None) -> str:
    return " ".join(word for word in words if word is not None)
