"""A thief before the index: it computes the tag of everybody in the population, with every share and pepper it found.

So many shares as it has are combined as if they were enough. Which they are, it learns by hitting a tag that is there.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from diptych.adapters.canary_search import files_below
from diptych.crypto.bls12381 import ORDER, parse_nonzero_scalar
from diptych.crypto.lookup_prf import KeyShare, parse_key_share
from diptych.crypto.lookup_prf.polynomials import lagrange
from diptych.drill import index
from diptych.drill.attacker.keys import keys_at_rest
from diptych.errors import DiptychError
from diptych.private import Personal, Secret


def guess(registry: Path, folders: Sequence[Path], population: Mapping[int, Personal[bytes]]) -> dict[bytes, int]:
    """Whose record is whose: person by record id, for every tag that a guess has hit."""
    tags = dict(_tags(registry))
    shares = {share.index: share for folder in folders for share in _shares(folder)}
    peppers = [Secret(key) for key in keys_at_rest(folders)]
    if not shares or not peppers:
        return {}
    key = _combined(shares)
    found: dict[bytes, int] = {}
    for person, source in population.items():
        value = index.value_of(source, key)
        for pepper in peppers:
            record_id = tags.get(index.tag_of(value, pepper))
            if record_id is not None:
                found[record_id] = person
    return found


def _combined(shares: Mapping[int, KeyShare]) -> int:
    indices = tuple(sorted(shares))
    return sum(parse_nonzero_scalar(shares[at].scalar.reveal()) * lagrange(indices, at, 0) for at in indices) % ORDER


def _tags(registry: Path) -> Iterator[tuple[bytes, bytes]]:
    with sqlite3.connect(f"file:{registry}?mode=ro", uri=True) as connection:
        yield from connection.execute("SELECT tag, record_id FROM tags").fetchall()
    connection.close()


def _shares(folder: Path) -> Iterator[KeyShare]:
    for path in files_below([folder]):
        if path.suffix != ".db":
            continue
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            has_shares = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'shares'").fetchone()
            rows: Iterable[tuple[bytes]] = connection.execute("SELECT share FROM shares") if has_shares else ()
            encoded = [row[0] for row in rows]
        connection.close()
        for one in encoded:
            try:
                yield parse_key_share(Secret(one))
            except DiptychError:
                continue
