"""What can be wrong with a role's folder and machine, each with what to do about it. Nothing is changed or started.

Which role a folder is, and what its settings say, is the caller's to know. Messages name files, never what is in them.
"""

import importlib.util
import os
import shutil
import socket
import ssl
import stat
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import httpx
import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from diptych.adapters.provers.circuit_files import circuit_path
from diptych.adapters.storage.engine import MIGRATIONS, Location, open_database, transaction
from diptych.crypto.algorithms import ALGORITHMS
from diptych.crypto.longfellow import CIRCUITS
from diptych.crypto.signing import PublicKey
from diptych.errors import DiptychError, FormatError, Unavailable

SOON = timedelta(days=30)
LOOK_AGAIN = timedelta(days=180)
"""Circuits and algorithms come with a new release, which takes longer than a certificate."""
CLOCK_TOLERANCE = timedelta(minutes=5)
LITTLE_SPACE = 200 * 1024 * 1024
OLDEST_PYTHON = (3, 11)
# No role was ever made before this was written: a clock that says so is wrong.
NOT_BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
PRIVATE_NAMES = (
    "*.key.pem",
    "*.key",
    "*.seed",
    "*.secret",
    "*.db",
    "*.db-*",
    "*.sqlite",
    "*.sqlite-*",
    "attempts/*.json",
)


class Level(StrEnum):
    """How bad it is."""

    GOOD = "good"
    WARNING = "warning"
    """It works; it will not for ever, or not as well protected as it could be."""
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: how it stands, and what to do if it does not stand well."""

    level: Level
    check: str
    message: str


def good(check: str, message: str) -> Finding:
    """As it should be."""
    return Finding(Level.GOOD, check, message)


def warning(check: str, message: str) -> Finding:
    """Works, and wants attention."""
    return Finding(Level.WARNING, check, message)


def wrong(check: str, message: str) -> Finding:
    """Does not work, or not safely."""
    return Finding(Level.WRONG, check, message)


@contextmanager
def noting(found: list[Finding]) -> Iterator[None]:
    """What fails inside is a finding, and the examination goes on."""
    try:
        yield
    except DiptychError as error:
        found.append(wrong(error.check, error.message))


def machine(*, now: datetime, unknown_variables: Sequence[str]) -> list[Finding]:
    """What every role needs of the machine it runs on."""
    found: list[Finding] = []
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:  # pragma: no cover  # would not have come this far
        found.append(wrong("python", f"Python {version} is too old: install 3.11 or newer"))
    found.append(good("python", f"Python {version}"))
    if now < NOT_BEFORE:
        found.append(wrong("clock", "the clock is years behind: set it, and keep it with NTP"))
    found += _swap()
    found += circuits(now=now)
    for algorithm in ALGORITHMS:
        found += until(f"{algorithm.name} ({algorithm.use})", "algorithm.expires", algorithm.accepted_until, now)
    found += [
        warning("environment", f"{name} looks like a setting and is none: look for a typing error")
        for name in unknown_variables
    ]
    return found


def circuits(*, now: datetime) -> list[Finding]:
    """The circuits that zero-knowledge proofs need: installed, and still accepted."""
    found: list[Finding] = []
    for circuit in CIRCUITS:
        try:
            circuit_path(circuit)
        except Unavailable as error:
            found.append(wrong(error.check, error.message))
    usable = [circuit for circuit in CIRCUITS if now <= circuit.accepted_until]
    for attributes in sorted({circuit.attributes for circuit in CIRCUITS}):
        dates = [circuit.accepted_until for circuit in usable if circuit.attributes == attributes]
        what = f"the circuit for {attributes} attribute{'s' if attributes > 1 else ''}"
        if dates:
            found += until(what, "zk.circuit_expires", max(dates), now)
        else:
            found.append(wrong("zk.circuit_expired", f"{what} is not accepted any more: upgrade"))
    return found


def folder(path: Path, *, now: datetime) -> list[Finding]:
    """That the folder is there, closed to others, writable, and of this time."""
    if not path.is_dir():
        return [wrong("folder.missing", f"{path} is not a folder: run the role's `init`, or mend the path")]
    found: list[Finding] = []
    if _others(path):
        found.append(warning("folder.permissions", f"others can look into {path}: run chmod 700 on it"))
    for name in sorted({file for pattern in PRIVATE_NAMES for file in path.rglob(pattern)}):
        if name.is_file() and _others(name):
            found.append(
                wrong(
                    "file.permissions",
                    f"others can read {name.relative_to(path)}: run chmod 600 on it; if they "
                    "may have, it is no secret any more",
                )
            )
    if not os.access(path, os.W_OK):
        found.append(wrong("folder.writable", f"{path} cannot be written by this user: run as its owner"))
    if shutil.disk_usage(path).free < LITTLE_SPACE:
        found.append(warning("disk.space", "less than 200 MB are free there: make room before it is full"))
    newest = max((file.stat().st_mtime for file in path.iterdir()), default=0.0)
    if datetime.fromtimestamp(newest, UTC) > now + CLOCK_TOLERANCE:
        found.append(wrong("clock", "files here are from the future: the clock is behind, or was ahead. Set it"))
    return found or [good("folder", f"{path} is there, closed to others and writable")]


def database(location: Location, role: str) -> list[Finding]:
    """That it answers, is whole, and has the schema of this release."""
    if isinstance(location, Path) and not location.exists():
        return [warning("storage.missing", f"{location.name} is not there yet: it is made when the {role} first runs")]
    needed = _newest_schema(role)
    engine = open_database(location, role, migrates=False)
    try:
        with transaction(engine) as connection:
            is_prepared = sa.inspect(connection).has_table("alembic_version")
            rows = connection.execute(sa.text("SELECT version_num FROM alembic_version")) if is_prepared else ()
            present = {str(row[0]) for row in rows}
            damage = connection.exec_driver_sql("PRAGMA quick_check").scalar() if isinstance(location, Path) else "ok"
    finally:
        engine.dispose()
    if damage != "ok":
        return [wrong("storage.damaged", "the database file is damaged: stop the role and restore a backup")]
    if present == needed:
        return [good("storage", "the database answers and has this release's schema")]
    if not present:
        return [warning("storage.schema", f"the database is empty: its tables are made when the {role} first runs")]
    if present <= _known_schemas(role):
        return [
            warning("storage.schema", f"the database is of an older release: it is migrated when the {role} starts")
        ]
    return [wrong("storage.schema", "a newer release has written this database: run that release, or restore a backup")]


def certificates(named: Mapping[str, bytes], *, now: datetime) -> list[Finding]:
    """Each DER certificate's dates. Names are for the reader."""
    found: list[Finding] = []
    for name, der in named.items():
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            found.append(wrong("certificate.format", f"{name} is not a certificate"))
            continue
        if now < certificate.not_valid_before_utc - CLOCK_TOLERANCE:
            found.append(wrong("certificate.early", f"{name} is not valid yet: is the clock right?"))
        found += until(name, "certificate.expires", certificate.not_valid_after_utc, now)
    return found


def key_pair(name: str, key: PublicKey, certificate: bytes) -> Finding:
    """Whether a key belongs to its certificate."""
    if x509.load_der_x509_certificate(certificate).public_key() == key:
        return good("key.pair", f"{name}: key and certificate belong together")
    return wrong("key.pair", f"{name}: the key is not the one in its certificate; put back what belongs together")


def read(path: Path) -> bytes:
    """What is in a file; `Unavailable` names it."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unavailable("file.read", f"{path.name} cannot be read: {error.strerror}") from error


def read_pem(path: Path) -> dict[str, bytes]:
    """The certificates in a PEM file, of any kind of key, by name."""
    try:
        found = x509.load_pem_x509_certificates(read(path))
    except ValueError as error:
        raise FormatError("certificate.pem", f"{path.name} holds no certificate in PEM") from error
    return {
        f"{path.name} ({number})" if number else path.name: one.public_bytes(Encoding.DER)
        for number, one in enumerate(found)
    }


def port(name: str, host: str, number: int) -> Finding:
    """Whether the port is free, or this role's own server answers there."""
    if number == 0:
        return good("port", f"{name}: any port that is free")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            if _answers(host, number):
                return good("port", f"{name}: a role is running on port {number}")
            return wrong("port", f"{name}: {host} port {number} cannot be had ({error.strerror}): stop what uses it")
    return good("port", f"{name}: port {number} is free")


def packages(names: Collection[str]) -> list[Finding]:
    """Whether what this folder's settings need is installed."""
    return [
        wrong("package", f"the Python package {name} is missing, and this folder needs it: install it")
        for name in names
        if importlib.util.find_spec(name) is None
    ]


def attempt(found: list[Finding], check: str, message: str, task: Callable[[], object]) -> None:
    """Do the task; a finding either way."""
    before = len(found)
    with noting(found):
        task()
    if len(found) == before:
        found.append(good(check, message))


def _others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def until(name: str, check: str, end: datetime, now: datetime) -> list[Finding]:
    """How long something is still good."""
    margin = LOOK_AGAIN if check.startswith(("zk.", "algorithm.")) else SOON
    day = f"{end:%Y-%m-%d}"
    if now > end:
        return [wrong(check, f"{name} has expired on {day}: renew it, or upgrade")]
    if now > end - margin:
        return [warning(check, f"{name} expires on {day}: renew it before, or upgrade")]
    return [good(check, f"{name} is good until {day}")]


def _swap() -> list[Finding]:
    try:
        lines = Path("/proc/swaps").read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return []
    return [warning("swap", "this machine swaps memory to disk: encrypt the swap, or switch it off")] if lines else []


def _scripts(role: str) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("version_locations", str(MIGRATIONS / role).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    return ScriptDirectory.from_config(config)


def _newest_schema(role: str) -> set[str]:
    return set(_scripts(role).get_heads())


def _known_schemas(role: str) -> set[str]:
    return {script.revision for script in _scripts(role).walk_revisions()}


def _answers(host: str, number: int) -> bool:
    """Whether a role's /health is there. Its certificate is not the question here: its port is."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared, not bound
    name = f"[{reached}]" if ":" in reached else reached
    unchecked = ssl.create_default_context()
    unchecked.check_hostname = False
    unchecked.verify_mode = ssl.CERT_NONE
    for scheme in ("http", "https"):
        try:
            answer = httpx.get(f"{scheme}://{name}:{number}/health", timeout=2, trust_env=False, verify=unchecked)
            return answer.is_success and answer.json() == {"status": "ok"}
        except (httpx.HTTPError, ValueError):
            continue
    return False
