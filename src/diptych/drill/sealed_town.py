"""The agency's register of the same town, sealed as its format says: five trustees, any three of them, and the agency.

Records are sealed by `formats/record`; masks are kept by the trustees' own code, in databases and month keys of their
own (`sealing`). The stock is loaded without the wire, because two thousand enrolments through seven processes take
longer than a drill; what a thief finds in each folder afterwards is the same.

registry/registry.db  ciphertext and tags             agency/recipient.key     opens the agency's half; pepper.key
trustee-N/trustee.db  masks, sealed; months/*.key     trustee-N/recipient.key  opens its envelopes
"""

import os
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from diptych.adapters.month_keys import MonthKeyFolder
from diptych.adapters.storage.registry import open_registry_store
from diptych.adapters.storage.trustee import open_trustee_store
from diptych.adapters.trustee_folder import RECIPIENT, write_secret
from diptych.crypto.hpke import generate_recipient
from diptych.crypto.lookup_prf.tags import PEPPER_BYTES
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.drill import index
from diptych.drill.attacker.joining import NOBODY, Row
from diptych.drill.cores import Cores, parts
from diptych.drill.sealing import DATABASE, MONTHS, TRUSTEE_DATABASE, Part, seal_part
from diptych.drill.town.people import Town
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.record.sealed import SEALED_RECORD
from diptych.private import Secret

TRUSTEES, THRESHOLD = 5, 3
SPARES = (6, 7)
PEPPER = "pepper.key"
REGISTRY, AGENCY = "registry", "agency"


@dataclass
class SealedTown:
    """The register in `folder`. `threshold` and `together` are what a weakened one has otherwise.

    `together` names what lies in the first trustee's own folder, as if all were run by one hand.
    """

    folder: Path
    town: Town
    threshold: int = THRESHOLD
    together: frozenset[str] = frozenset()
    cores: Cores = field(default_factory=Cores)
    say: Callable[[int], None] = lambda count: None
    """Is told, after each part, how many are sealed."""
    truth: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        recipients = {number: generate_recipient() for number in range(1, TRUSTEES + 1)}
        agency, agency_signer = generate_recipient(), generate_signer()
        for number, recipient in recipients.items():
            place = self.place(f"trustee-{number}")
            place.mkdir(parents=True)
            write_secret(place / RECIPIENT, recipient.seeds())
            (place / MONTHS).mkdir()
        for name in (AGENCY, REGISTRY):
            self.place(name).mkdir(parents=True)
        write_secret(self.place(AGENCY) / RECIPIENT, agency.seeds())
        self._pepper = Secret(os.urandom(PEPPER_BYTES))
        write_secret(self.place(AGENCY) / PEPPER, self._pepper)
        self._key, self._shares = index.deal(self.threshold, TRUSTEES)
        self.set = TrusteeSet(
            agency=fingerprint(agency_signer.public_key),
            epoch=1,
            threshold=self.threshold,
            trustees=tuple(
                Trustee(
                    number,
                    f"trustee {number}",
                    f"https://t{number}.example",
                    generate_signer().public_key,
                    one.public_key,
                )
                for number, one in recipients.items()
            ),
            spares=SPARES,
            agency_key=agency.public_key,
            agency_signer=agency_signer.public_key,
            purposes=(),
        )
        self._load()

    @property
    def database(self) -> Path:
        """What the registry has."""
        return self.place(REGISTRY) / DATABASE

    @property
    def trustees(self) -> list[Path]:
        """The folder of each trustee."""
        return [self.place(f"trustee-{number}") for number in range(1, TRUSTEES + 1)]

    def place(self, name: str) -> Path:
        """Where a role's folder is."""
        return self.folder / "trustee-1" / name if name in self.together else self.folder / name

    @cached_property
    def sealed_rows(self) -> list[tuple[bytes, Row]]:
        """The registry's rows, each with its record's id, as a thief of its database sees them."""
        jobs = [(self.database, some) for some in parts(len(self.truth))]
        found = [one for rows in self.cores.each(rows_of, jobs) for one in rows]
        return [(record_id, replace(row, truth=self.truth[record_id])) for record_id, row in found]

    def rows(self, named: Mapping[bytes, int] | None = None) -> list[Row]:
        """The same, and who they are about where the thief has guessed."""
        if not named:
            return [row for _, row in self.sealed_rows]
        people = {person.number: person for person in self.town.people}
        return [
            replace(row, content=people[named[record_id]].canaries) if record_id in named else row
            for record_id, row in self.sealed_rows
        ]

    def destroy(self, retention: str) -> None:
        """Every trustee lets a retention class expire."""
        for trustee in self.trustees:
            keys = MonthKeyFolder(trustee / MONTHS, os.urandom)
            for period in keys.periods():
                if period.startswith(f"{retention}."):
                    keys.destroy(period)

    def _load(self) -> None:
        open_registry_store(self.database).close()
        for number, trustee in enumerate(self.trustees, 1):
            store = open_trustee_store(trustee / TRUSTEE_DATABASE)
            with store.transaction() as state:
                state.save_share(self._shares[number])
            store.close()
        people, day = self.town.arrivals(), datetime.now(UTC).date()
        jobs = [
            Part(
                tuple(people[some.start : some.stop]),
                self.database,
                tuple(self.trustees),
                self.set.encode(),
                self._key,
                self._pepper,
                day,
                turn,
            )
            for turn, some in enumerate(parts(len(people)))
        ]
        for owners in self.cores.each(seal_part, jobs):
            self.truth |= owners
            self.say(len(self.truth))


def rows_of(job: tuple[Path, range]) -> list[tuple[bytes, Row]]:
    """These rows of a registry's database, with the ids of their records; whose they are is not known here."""
    database, some = job
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        found = connection.execute(
            "SELECT record_id, encoded, (SELECT tag FROM tags WHERE tags.record_id = records.record_id)"
            " FROM records ORDER BY rowid LIMIT ? OFFSET ?",
            [len(some), some.start],
        ).fetchall()
    connection.close()
    return [
        (record_id, Row(NOBODY, position, position, len(encoded), _retention(encoded), {"identity": tag}))
        for position, (record_id, encoded, tag) in zip(some, found, strict=True)
    ]


def _retention(encoded: bytes) -> str:
    return SEALED_RECORD.parse(encoded).unverified.retention
