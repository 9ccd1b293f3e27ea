"""A thief before stored orders, with whatever it has found that may be a key, a code or a token: it tries all of it.

Reads the issuer's database as a file. Which bytes are hashes, wraps and ciphertext is public (docs/spec/order.md).
"""

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from diptych.errors import DiptychError
from diptych.formats import cbor
from diptych.formats.order.sealed import open_part
from diptych.formats.order.wraps import Part, unwrap_key
from diptych.private import Secret

DIGITS = re.compile(rb"(?<!\d)\d{6}(?!\d)")
PARTS: tuple[Part, ...] = ("full", "renewal")


def open_orders(database: Path, *, keys: Iterable[bytes], tokens: Iterable[bytes], near: bytes = b"") -> list[bytes]:
    """What of the stored orders opens, as plaintext; one for each part that did. `near` may hold transaction codes."""
    tables = _tables(database)
    orders = {_bytes(row["order_id"]): row for row in tables.get("orders", ())}
    by_hash = {hashlib.sha256(token).digest(): token for token in tokens}
    order_keys = [Secret(key) for key in keys]
    tx_codes = set(DIGITS.findall(near))
    opened: list[bytes] = []
    for order_id, order in orders.items():
        candidates = {part: list(order_keys) for part in PARTS}
        for part, key in _keys_by_tokens(order_id, order, tables, by_hash, tx_codes):
            candidates[part].append(key)
        for part in PARTS:
            sealed = order[f"sealed_{part}"]
            if isinstance(sealed, bytes):
                opened += _opened(sealed, candidates[part], order_id, part)
    return opened


Rows = Mapping[str, list[Mapping[str, object]]]


def _tables(database: Path) -> Rows:
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found: dict[str, list[Mapping[str, object]]] = {
            name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')] for name in names
        }
    connection.close()
    return found


def _keys_by_tokens(
    order_id: bytes, order: Mapping[str, object], tables: Rows, by_hash: Mapping[bytes, bytes], tx_codes: set[bytes]
) -> Iterator[tuple[Part, Secret]]:
    """The order's keys, from codes and tokens whose hashes are stored."""
    code = by_hash.get(_bytes(order["code_hash"]))
    if code is not None:
        for tx_code in tx_codes:
            yield from _unwrapped(order, "code_wrap", code + tx_code, order_id, "code")
    for name, purpose in (("access_grants", "access"), ("refresh_grants", "refresh")):
        for grant in tables.get(name, ()):
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
    for key in keys:
        try:
            documents = open_part(sealed, key, order_id=order_id, part=part)
        except DiptychError:
            continue
        values = [{name: value.reveal() for name, value in document.attributes.items()} for document in documents]
        yield cbor.encode([dict(one) for one in values])
        return


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""
