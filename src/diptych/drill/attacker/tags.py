"""A thief before the index: it computes the tag of everybody in the population, with every share and pepper it found.

So many shares as it has are combined as if they were enough. Which they are, it learns by hitting a tag that is there.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from diptych.adapters.canary_search import files_below
from diptych.crypto.bls12381 import ORDER, parse_nonzero_scalar
from diptych.crypto.lookup_prf import KeyShare, parse_key_share
from diptych.crypto.lookup_prf.polynomials import lagrange
from diptych.drill import index
from diptych.drill.attacker.keys import keys_at_rest
from diptych.drill.cores import Cores, parts
from diptych.drill.sealing import status_of
from diptych.drill.town.people import Person
from diptych.errors import DiptychError
from diptych.private import Secret


@dataclass(frozen=True)
class Guesses:
    """Some of the population, to be looked for in a registry's index."""

    registry: Path
    people: tuple[Person, ...]
    key: int = field(repr=False)
    peppers: tuple[Secret, ...]


def guess(registry: Path, folders: Sequence[Path], population: Sequence[Person], cores: Cores) -> dict[bytes, int]:
    """Whose record is whose: person by record id, for every tag that a guess has hit."""
    shares = {share.index: share for folder in folders for share in _shares(folder)}
    peppers = tuple(Secret(key) for key in keys_at_rest(folders))
    if not shares or not peppers:
        return {}
    key = _combined(shares)
    jobs = [
        Guesses(registry, tuple(population[some.start : some.stop]), key, peppers) for some in parts(len(population))
    ]
    return {record_id: person for found in cores.each(guess_some, jobs) for record_id, person in found.items()}


def guess_some(guesses: Guesses) -> dict[bytes, int]:
    """The hits among them."""
    tags = _tags(guesses.registry, guesses.registry.stat().st_mtime_ns)
    found: dict[bytes, int] = {}
    for person in guesses.people:
        value = index.value_of(index.input_of(status_of(person)), guesses.key)
        for pepper in guesses.peppers:
            record_id = tags.get(index.tag_of(value, pepper))
            if record_id is not None:
                found[record_id] = person.number
    return found


def _combined(shares: Mapping[int, KeyShare]) -> int:
    indices = tuple(sorted(shares))
    return sum(parse_nonzero_scalar(shares[at].scalar.reveal()) * lagrange(indices, at, 0) for at in indices) % ORDER


@lru_cache(maxsize=1)
def _tags(registry: Path, changed: int) -> Mapping[bytes, bytes]:
    """Read once by a process for all its parts, unless the file has changed."""
    with sqlite3.connect(f"file:{registry}?mode=ro", uri=True) as connection:
        found = dict(connection.execute("SELECT tag, record_id FROM tags").fetchall())
    connection.close()
    return found


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
