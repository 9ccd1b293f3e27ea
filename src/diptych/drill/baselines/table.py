"""The two tables: how each writes a person down, and reads them again."""

import hashlib
import hmac
import json
import os
import sqlite3
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from diptych.adapters.canary_search import marks_in
from diptych.drill.attacker.joining import NOBODY, Row
from diptych.drill.cores import Cores, parts
from diptych.drill.town.marks import MARK
from diptych.drill.town.people import Person

PLAIN, COMMON = "plain", "common"
ATTRIBUTES = (
    "family_name", "used_name", "given_names", "birth_date", "birth_place", "address", "email", "document_number",
    "portrait",
)  # fmt: skip
SEARCHED = ("family_name", "given_names", "birth_date", "birth_place", "email")
COLUMNS: Mapping[str, Callable[[Person], str | None]] = {
    name: (lambda person, name=name: person.values.get(name))  # type: ignore[misc]  # bound now, not when called
    for name in SEARCHED
}
FIRST_DAY = 1_767_225_600
NONCE_BYTES = 12


@dataclass(frozen=True)
class Keys:
    """What the common practice has in its configuration."""

    encryption: bytes
    index: bytes


def write_keys(path: Path) -> Keys:
    """New keys, in a configuration file."""
    keys = Keys(os.urandom(32), os.urandom(32))
    path.write_text(f'encryption_key = "{keys.encryption.hex()}"\nblind_index_key = "{keys.index.hex()}"\n')
    return keys


def read_keys(path: Path) -> Keys | None:
    """The keys of an application; None where it has none."""
    values = tomllib.loads(path.read_text())
    if not values:
        return None
    return Keys(bytes.fromhex(values["encryption_key"]), bytes.fromhex(values["blind_index_key"]))


def connect(database: Path) -> sqlite3.Connection:
    """The database as such applications open it."""
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    columns = ", ".join([*ATTRIBUTES, *(f"{name}_index" for name in SEARCHED)])
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS people (id INTEGER PRIMARY KEY, {columns}, retention, created_at INTEGER)"
    )
    for name in SEARCHED:
        connection.execute(f"CREATE INDEX IF NOT EXISTS by_{name} ON people ({name}_index)")
    connection.execute("CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY, event TEXT, record INTEGER)")
    return connection


def insert(connection: sqlite3.Connection, people: Sequence[Person], keys: Keys | None) -> None:
    """Take over a register in its own order, a minute for each person."""
    names = [*ATTRIBUTES, *(f"{name}_index" for name in SEARCHED), "retention", "created_at"]
    statement = f"INSERT INTO people ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})"
    connection.execute("BEGIN")
    for position, person in enumerate(people):
        stored = [_stored(person.values.get(name), keys) for name in ATTRIBUTES]
        indexes = [_index(person.values.get(name), name, keys) for name in SEARCHED]
        connection.execute(statement, [*stored, *indexes, person.retention, FIRST_DAY + 60 * position])
    connection.execute("COMMIT")


def read(connection: sqlite3.Connection, number: int, keys: Keys | None) -> Mapping[str, str] | None:
    """One person's attributes, as the application answers them."""
    found = connection.execute(f"SELECT {', '.join(ATTRIBUTES)} FROM people WHERE id = ?", [number]).fetchone()
    return None if found is None else dict(_opened(zip(ATTRIBUTES, found, strict=True), keys))


def find(connection: sqlite3.Connection, name: str, value: str, keys: Keys | None) -> list[int]:
    """The ids of those with this value."""
    wanted = _index(value, name, keys)
    return [row[0] for row in connection.execute(f"SELECT id FROM people WHERE {name}_index = ?", [wanted])]


def stolen_rows(database: Path, truth: Sequence[Person], keys: Sequence[bytes], cores: Cores) -> list[Row]:
    """The rows of a copied database, with what these keys open of them. `truth` is in the order of the ids."""
    jobs = [(database, some, tuple(keys)) for some in parts(len(truth))]
    return [replace(row, truth=truth[row.position - 1].number) for rows in cores.each(rows_of, jobs) for row in rows]


def rows_of(job: tuple[Path, range, tuple[bytes, ...]]) -> list[Row]:
    """The rows with these ids less one; whose they are is not known here."""
    database, some, keys = job
    rows: list[Row] = []
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        columns = ", ".join(["id", "retention", "created_at", *ATTRIBUTES, *(f"{name}_index" for name in SEARCHED)])
        query = f"SELECT {columns} FROM people WHERE id > ? AND id <= ? ORDER BY id"
        for number, retention, created_at, *stored in connection.execute(query, [some.start, some.stop]):
            values, tags = stored[: len(ATTRIBUTES)], stored[len(ATTRIBUTES) :]
            rows.append(
                Row(
                    truth=NOBODY,
                    position=number,
                    time=created_at,
                    size=sum(len(value) for value in values if value is not None),
                    retention=retention,
                    tags={name: tag for name, tag in zip(SEARCHED, tags, strict=True) if tag is not None},
                    content=_readable([value for value in values if value is not None], keys),
                )
            )
    connection.close()
    return rows


def _readable(values: Sequence[object], keys: Sequence[bytes]) -> frozenset[str]:
    data = (value.encode() if isinstance(value, str) else value for value in values)
    return frozenset(
        found for value in data if isinstance(value, bytes) for found in marks_in(opened_with(value, keys), MARK)
    )


def _stored(value: str | None, keys: Keys | None) -> str | bytes | None:
    if value is None or keys is None:
        return value
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(keys.encryption).encrypt(nonce, value.encode(), None)


def _index(value: str | None, name: str, keys: Keys | None) -> str | bytes | None:
    if value is None or keys is None:
        return value
    return hmac.digest(keys.index, f"{name}\0{value}".encode(), hashlib.sha256)[:16]


def _opened(stored: Iterator[tuple[str, object]], keys: Keys | None) -> Iterator[tuple[str, str]]:
    for name, value in stored:
        if isinstance(value, bytes) and keys is not None:
            yield name, AESGCM(keys.encryption).decrypt(value[:NONCE_BYTES], value[NONCE_BYTES:], None).decode()
        elif isinstance(value, str):
            yield name, value


def sealed_values(person: Person, keys: Keys | None) -> bytes:
    """One person's attributes in one file, as an application on a phone keeps them."""
    stored = _stored(as_json(person.values).decode(), keys)
    return stored.encode() if isinstance(stored, str) else stored or b""


def opened_with(data: bytes, keys: Sequence[bytes]) -> bytes:
    """The bytes, and what any of these keys opens of them."""
    found = [data]
    for key in keys:
        with suppress(InvalidTag, ValueError):
            found.append(AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], None))
    return b"\0".join(found)


def as_json(values: Mapping[str, str]) -> bytes:
    """A record as it travels."""
    return json.dumps(values, ensure_ascii=False).encode()
