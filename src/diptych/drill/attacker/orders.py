"""A thief before stored orders, with whatever it has found that may be a key, a code or a token: it tries all of it.

Reads the issuer's database as a file. Which bytes are hashes, wraps and ciphertext is public (docs/spec/order.md).
"""

import hashlib
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diptych.crypto import sealing
from diptych.drill.cores import Cores, parts
from diptych.errors import DiptychError
from diptych.formats import cbor
from diptych.formats.order.documents import parse_documents
from diptych.formats.order.wraps import Part, unwrap_key
from diptych.private import Secret

DIGITS = re.compile(rb"(?<!\d)\d{6}(?!\d)")
PARTS: tuple[Part, ...] = ("full", "renewal")
CONTEXT = "diptych order 1"


@dataclass(frozen=True)
class Tried:
    """Some rows of a database of orders, and everything that is tried on them."""

    database: Path
    some: range
    keys: tuple[bytes, ...] = field(repr=False)
    tokens: frozenset[bytes] = field(repr=False)
    tx_codes: frozenset[bytes] = field(repr=False)


def open_orders(
    database: Path, *, keys: Iterable[bytes], tokens: Iterable[bytes], near: bytes = b"", cores: Cores
) -> list[bytes]:
    """What of the stored orders opens, as plaintext; one for each part that did. `near` may hold transaction codes."""
    found = tuple(keys), frozenset(tokens), frozenset(DIGITS.findall(near))
    (count,) = _rows(database, "SELECT count(*) AS rows FROM orders")
    jobs = [Tried(database, some, *found) for some in parts(int(str(count["rows"])))]
    return [opened for some in cores.each(open_some, jobs) for opened in some]


def open_some(tried: Tried) -> list[bytes]:
    """Those orders, with everything."""
    by_hash = {hashlib.sha256(token).digest(): token for token in tried.tokens}
    order_keys = [Secret(key) for key in tried.keys]
    grants = {table: _rows(tried.database, f"SELECT * FROM {table}") for table in ("access_grants", "refresh_grants")}
    limit = (len(tried.some), tried.some.start)
    opened: list[bytes] = []
    for order in _rows(tried.database, "SELECT * FROM orders ORDER BY rowid LIMIT ? OFFSET ?", *limit):
        candidates = {part: list(order_keys) for part in PARTS}
        for part, key in _keys_by_tokens(order, grants, by_hash, tried.tx_codes):
            candidates[part].append(key)
        for part in PARTS:
            sealed = order[f"sealed_{part}"]
            if isinstance(sealed, bytes):
                opened += _opened(sealed, candidates[part], _bytes(order["order_id"]), part)
    return opened


Rows = Sequence[Mapping[str, object]]


def _rows(database: Path, query: str, *values: int) -> Rows:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute(query, values)]
    connection.close()
    return found


def _keys_by_tokens(
    order: Mapping[str, object],
    grants: Mapping[str, Rows],
    by_hash: Mapping[bytes, bytes],
    tx_codes: Collection[bytes],
) -> Iterator[tuple[Part, Secret]]:
    """The order's keys, from codes and tokens whose hashes are stored."""
    order_id = _bytes(order["order_id"])
    code = by_hash.get(_bytes(order["code_hash"]))
    if code is not None:
        for tx_code in tx_codes:
            yield from _unwrapped(order, "code_wrap", code + tx_code, order_id, "code")
    for name, purpose in (("access_grants", "access"), ("refresh_grants", "refresh")):
        for grant in grants[name]:
            token = by_hash.get(_bytes(grant["token_hash"]))
            if token is not None and grant["order_id"] == order_id:
                yield from _unwrapped(grant, "wrap", token, order_id, purpose)


def _unwrapped(
    row: Mapping[str, object], column: str, token: bytes, order_id: bytes, purpose: str
) -> Iterator[tuple[Part, Secret]]:
    for part in PARTS:
        wrap = row.get(f"{column}_{part}")
        if isinstance(wrap, bytes):
            try:
                yield part, unwrap_key(wrap, Secret(token), order_id=order_id, part=part, purpose=purpose)  # type: ignore[arg-type]
            except DiptychError:
                continue


def _opened(sealed: bytes, keys: Iterable[Secret], order_id: bytes, part: Part) -> Iterator[bytes]:
    # Encoded once for hundreds of keys: what the format itself does for the one key that it is given.
    context = cbor.encode([CONTEXT, "part", order_id, part])
    for key in keys:
        try:
            documents = parse_documents(sealing.open_sealed(key, sealed, context=context))
        except DiptychError:
            continue
        values = [{name: value.reveal() for name, value in document.attributes.items()} for document in documents]
        yield cbor.encode([dict(one) for one in values])
        return


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
