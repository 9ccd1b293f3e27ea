"""The folders of a log and of a witness: their keys, whom they know, and what they tell others.

A log                                      A witness
  log.ed25519.seed  log.ml-dsa-44.seed       witness.ed25519.seed  witness.ml-dsa-44.seed      private keys
  log.keys                                   witness.keys             name, URL and public keys, for others to configure
  policy      whose signatures count          logs/*.keys              the logs that it follows
  writers/ACTOR-*.pem  who may record, in whose name
  public/     the log's files, for anyone to serve
  evidence/   what contradicts this log, if    evidence/                what contradicts a log that it follows
              anything ever does
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from diptych.adapters.founding import founded
from diptych.adapters.keys import file
from diptych.crypto.entropy import Entropy
from diptych.crypto.log_signing import SEED_BYTES, SeedSigner
from diptych.crypto.signing import PublicKey
from diptych.errors import Conflict, FormatError, Unavailable
from diptych.formats import base64url
from diptych.formats.tlog.cosignature import CheckpointSigner
from diptych.formats.tlog.entry import ActorClass
from diptych.formats.tlog.evidence import Fork, encode_evidence
from diptych.formats.tlog.note import SignatureType, VerifierKey, check_name, parse_vkey
from diptych.formats.tlog.policy import Keyholder, Policy, parse_policy, require_both
from diptych.private import Secret
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.recording.submission import Writer, writer_fingerprint
from diptych.roles.log.model import Halted
from diptych.roles.witness.model import FollowedLog

LOG, WITNESS = "log", "witness"
LOG_DATABASE, WITNESS_DATABASE = "log.db", "witness.db"
POLICY, WRITERS, PUBLIC, EVIDENCE, LOGS = "policy", "writers", "public", "evidence", "logs"
LOG_TYPES = (SignatureType.ED25519, SignatureType.ML_DSA_44_COSIGNATURE)
WITNESS_TYPES = (SignatureType.ED25519_COSIGNATURE, SignatureType.ML_DSA_44_COSIGNATURE)
MAX_BYTES = 1024 * 1024

_NOT_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9.-]")


def create_log(
    folder: Path,
    *,
    origin: str,
    url: str,
    witnesses: Sequence[Path],
    threshold: int,
    settings: tuple[str, str],
    entropy: Entropy,
) -> None:
    """A new log's folder, whole or not at all. `witnesses` are their `witness.keys`; `threshold` are a quorum."""
    if not 0 < threshold <= len(witnesses):
        raise FormatError("log.threshold", f"a quorum is 1 to {len(witnesses)} of the witnesses that are named")
    known = [read_keys(path, WITNESS_TYPES) for path in witnesses]

    def fill(beside: Path) -> None:
        ed25519, ml_dsa_44 = _make_keys(beside, LOG, origin, url, entropy)
        policy = require_both(
            log=Keyholder("log", ed25519, ml_dsa_44, url),
            witnesses=[Keyholder(f"w{i}", one.ed25519, one.ml_dsa_44, one.url) for i, one in enumerate(known, 1)],
            threshold=threshold,
        )
        (beside / POLICY).write_bytes(policy.encode())
        for name in (WRITERS, PUBLIC):
            (beside / name).mkdir(mode=0o755 if name == PUBLIC else 0o700)

    _create(folder, settings, fill)


def create_witness(folder: Path, *, name: str, url: str, settings: tuple[str, str], entropy: Entropy) -> None:
    """A new witness's folder, whole or not at all. It follows nobody yet."""

    def fill(beside: Path) -> None:
        _make_keys(beside, WITNESS, name, url, entropy)
        (beside / LOGS).mkdir(mode=0o700)

    _create(folder, settings, fill)


def follow(folder: Path, keys: Path) -> str:
    """Let a witness follow the log of these `log.keys` from its next start on; the origin. Twice is once."""
    known = read_keys(keys, LOG_TYPES)
    for path in _key_files(folder / LOGS):
        other = read_keys(path, LOG_TYPES)
        if other.name == known.name and (other.ed25519, other.ml_dsa_44) != (known.ed25519, known.ml_dsa_44):
            raise Conflict("witness.follow", "this witness follows a log of that name with other keys")
    file.replace_file(folder / LOGS / f"{_NOT_IN_FILE_NAMES.sub('_', known.name)}.keys", _encode_keys(known))
    return known.name


def admit(folder: Path, public_key: PublicKey, actor: ActorClass) -> str:
    """Let a writer record in that actor's name from the next start on; its fingerprint. Twice is once."""
    fingerprint = writer_fingerprint(public_key).hex()
    path = folder / WRITERS / f"{actor.word}-{fingerprint[:16]}.pem"
    if not path.exists():
        file.write_public_key(path, public_key)
    return fingerprint


def read_writers(folder: Path) -> Mapping[bytes, Writer]:
    """The writers that were admitted, by fingerprint."""
    actors: dict[bytes, set[ActorClass]] = {}
    keys: dict[bytes, PublicKey] = {}
    for path in sorted((folder / WRITERS).glob("*.pem")):
        word = path.name.partition("-")[0]
        actor = next((actor for actor in ActorClass if actor.word == word), None)
        if actor is None:
            raise FormatError("log.writers", f"{path.name} does not begin with an actor class, as issuer-NAME.pem does")
        key = file.read_public_key(path)
        fingerprint = writer_fingerprint(key)
        keys[fingerprint] = key
        actors.setdefault(fingerprint, set()).add(actor)
    return {fingerprint: Writer(key, frozenset(actors[fingerprint])) for fingerprint, key in keys.items()}


def read_policy(folder: Path) -> Policy:
    """Whose signatures count."""
    return parse_policy(_read(folder / POLICY))


def read_policy_file(path: Path) -> bytes:
    """The bytes of a policy file, parsed once to see that they are one."""
    data = _read(path)
    parse_policy(data)
    return data


def read_logs(folder: Path) -> Sequence[FollowedLog]:
    """The logs that a witness follows."""
    found = [read_keys(path, LOG_TYPES) for path in _key_files(folder / LOGS)]
    return [FollowedLog(known.name, (known.ed25519, known.ml_dsa_44)) for known in found]


def read_signers(folder: Path, role: str) -> tuple[CheckpointSigner, CheckpointSigner]:
    """The private keys of a log or a witness; `FormatError` if they are not those of its public file."""
    types = _types(role)
    known = read_keys(folder / f"{role}.keys", types)
    signers = tuple(_read_signer(folder, role, known.name, kind) for kind in types)
    if tuple(signer.verifier_key for signer in signers) != (known.ed25519, known.ml_dsa_44):
        raise FormatError(f"{role}.keys", f"{role}.keys does not hold the public halves of the keys beside it")
    return signers[0], signers[1]


def keep_evidence(folder: Path, halted: Halted) -> Path | None:
    """Keep what stopped the log, for whoever has to find out; the path, or None if there is nothing to keep."""
    if halted.fork is not None:
        name, data = "fork.json", encode_evidence(halted.fork)
    elif halted.shown is not None:
        name, data = "checkpoint-of-ours", halted.shown.encode()
    else:
        return None
    path = folder / EVIDENCE / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    file.replace_file(path, data)
    return path


def keep_fork(folder: Path, fork: Fork) -> Path:
    """Keep a witness's evidence against a log, the first there is; the path. More of it says nothing more."""
    name = hashlib.sha256(fork.first.checkpoint.origin.encode()).hexdigest()
    path = folder / EVIDENCE / f"fork-{name}.json"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        file.replace_file(path, encode_evidence(fork))
    return path


@contextmanager
def only_process(folder: Path) -> Iterator[None]:
    """Of all processes of this machine, one serves or repairs what is in a folder; `Conflict` for any other."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("log.running", "another process serves this folder: stop it first") from error
        yield
    finally:
        os.close(descriptor)


def read_keys(path: Path, types: Sequence[SignatureType]) -> Keyholder:
    """Name, URL and keys of a log or a witness, out of the file that it hands to others: a URL, then a vkey a line."""
    try:
        url, *vkeys = _read(path).decode("utf-8").split()
    except (UnicodeDecodeError, ValueError) as error:
        raise FormatError("log.keys", f"{path.name} is not a file of keys") from error
    keys = [parse_vkey(vkey) for vkey in vkeys]
    if [key.signature_type for key in keys] != list(types) or len({key.name for key in keys}) != 1:
        raise FormatError("log.keys", f"{path.name} does not hold the two keys of a {_role_of(types)}")
    return Keyholder(keys[0].name, keys[0], keys[1], parse_url(url).text)


def _role_of(types: Sequence[SignatureType]) -> str:
    return LOG if tuple(types) == LOG_TYPES else WITNESS


def _encode_keys(known: Keyholder) -> bytes:
    return f"{known.url}\n{known.ed25519.encode()}\n{known.ml_dsa_44.encode()}\n".encode()


def _make_keys(folder: Path, role: str, name: str, url: str, entropy: Entropy) -> tuple[VerifierKey, VerifierKey]:
    check_name(name, f"{role}.name")
    for kind in _types(role):
        path = _seed_file(folder, role, kind)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(base64url.encode(entropy(SEED_BYTES)) + "\n")
    ed25519, ml_dsa_44 = (_read_signer(folder, role, name, kind).verifier_key for kind in _types(role))
    known = Keyholder(name, ed25519, ml_dsa_44, parse_url(url.rstrip("/")).text)
    (folder / f"{role}.keys").write_bytes(_encode_keys(known))
    return ed25519, ml_dsa_44


def _types(role: str) -> tuple[SignatureType, SignatureType]:
    return LOG_TYPES if role == LOG else WITNESS_TYPES


def _read_signer(folder: Path, role: str, name: str, kind: SignatureType) -> CheckpointSigner:
    text = file.read_secret(_seed_file(folder, role, kind)).reveal().decode("ascii", "replace")
    return CheckpointSigner(name, kind, SeedSigner(kind.algorithm, Secret(base64url.decode(text))))


def _seed_file(folder: Path, role: str, kind: SignatureType) -> Path:
    return folder / f"{role}.{kind.algorithm.value.lower()}.seed"


def _key_files(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.keys"))


def _create(folder: Path, settings: tuple[str, str], fill: Callable[[Path], None]) -> None:
    with founded(folder, "log") as beside:
        fill(beside)
        (beside / settings[0]).write_text(settings[1], encoding="utf-8")


def settings_text(**values: object) -> str:
    """The text of a settings file."""
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES)
    except FileNotFoundError as error:
        raise FormatError("log.missing", f"there is no {path.name} there: run `init` first") from error
    except OSError as error:
        raise Unavailable("log.read", f"{path.name} cannot be read: {error.strerror}") from error
