"""The agency's register of the same town, sealed as its format says: five trustees, any three of them, and the agency.

Records are sealed by `formats/record`; masks are kept by the trustees' own code, in databases and month keys of their
own. The stock is loaded here without the wire, in one process, because two thousand enrolments through seven of them
take longer than a drill; what a thief finds in each folder afterwards is the same.

registry/records.db   ciphertext, retention           agency/recipient.key     opens the agency's half
trustee-N/trustee.db  masks, sealed; months/*.key     trustee-N/recipient.key  opens its envelopes
"""

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from diptych.adapters.month_keys import MonthKeyFolder
from diptych.adapters.storage.trustee import open_trustee_store
from diptych.adapters.trustee_folder import RECIPIENT, write_secret
from diptych.crypto.hpke import generate_recipient
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.drill.attacker.joining import Row
from diptych.drill.town.people import Person, Town
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.record.content import RecordContent, Reference
from diptych.formats.record.sealing import FreshlySealed, seal_record
from diptych.formats.tlog.label import ELEMENT_BYTES, ChainElement
from diptych.private import Personal, Secret
from diptych.protocols.depositing.decision import HeldRecord
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.roles.trustee.model import StoredRecord
from diptych.roles.trustee.vault import store_held

TRUSTEES, THRESHOLD = 5, 3
SPARES = (6, 7)
DATABASE, TRUSTEE_DATABASE, MONTHS = "records.db", "trustee.db", "months"
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
    truth: dict[bytes, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._day = datetime.now(UTC).date()
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

    def rows(self) -> list[Row]:
        """The registry's rows, as a thief of its database sees them."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            found = connection.execute("SELECT id, retention, signed FROM records").fetchall()
        connection.close()
        return [
            Row(self.truth[record_id], position, position, len(signed), retention)
            for position, (record_id, retention, signed) in enumerate(found)
        ]

    def destroy(self, retention: str) -> None:
        """Every trustee lets a retention class expire."""
        for trustee in self.trustees:
            keys = MonthKeyFolder(trustee / MONTHS, os.urandom)
            for period in keys.periods():
                if period.startswith(f"{retention}."):
                    keys.destroy(period)

    def _load(self) -> None:
        officer = generate_signer()
        sealed: list[tuple[Person, FreshlySealed]] = []
        for person in self.town.arrivals():
            fresh = seal_record(
                content_of(person),
                trustees=self.set,
                retention=person.retention,
                signer=officer,
                sealer=fingerprint(officer.public_key),
                predecessor=None,
                entropy=os.urandom,
            )
            sealed.append((person, fresh))
            self.truth[fresh.signed.unverified.record_id] = person.number
        # In the order of their random ids: the order in which they came stands nowhere.
        sealed.sort(key=lambda found: found[1].signed.unverified.record_id)
        with sqlite3.connect(self.database) as connection:
            connection.execute("CREATE TABLE records (id BLOB PRIMARY KEY, retention TEXT, signed BLOB) WITHOUT ROWID")
            connection.executemany("INSERT INTO records VALUES (?, ?, ?)", self._registry_rows(sealed))
        connection.close()
        for number, trustee in enumerate(self.trustees, 1):
            self._deposit(number, trustee, [fresh for _, fresh in sealed])

    @staticmethod
    def _registry_rows(sealed: list[tuple[Person, FreshlySealed]]) -> Iterator[tuple[bytes, str, bytes]]:
        for person, fresh in sealed:
            yield fresh.signed.unverified.record_id, person.retention, fresh.signed.encode()

    def _deposit(self, number: int, trustee: Path, sealed: list[FreshlySealed]) -> None:
        keys = MonthKeyFolder(trustee / MONTHS, os.urandom)
        store = open_trustee_store(trustee / TRUSTEE_DATABASE)
        with store.transaction() as state:
            for fresh in sealed:
                held = HeldRecord(
                    RecordVersion.of(fresh.signed),
                    fresh.signed.unverified.retention,
                    self.set.epoch,
                    number,
                    fresh.signed.unverified.quorum.hash_of(number),
                    fresh.masks[number],
                    ChainElement(Secret(os.urandom(ELEMENT_BYTES))),
                )
                state.save_record(StoredRecord(store_held(held, keys, day=self._day, entropy=os.urandom)))
        store.close()


def content_of(person: Person) -> RecordContent:
    """What the officer's workstation seals of a person."""
    born = person.birth_date
    return RecordContent(
        civil_status=CivilStatus(
            Personal(person.family_name),
            Personal(person.given_names),
            None if person.used_name is None else Personal(person.used_name),
            Personal(BirthDate(born.year, born.month, born.day if person.knows_birth_day else None)),
            Personal(person.place.code_at_birth),
        ),
        lookups={"identity": tuple(Secret(os.urandom(32)) for _ in range(4))},
        documents=(
            OrderedDocument(
                "identity-card",
                {
                    name: Personal(person.portrait if name == "portrait" else value)
                    for name, value in person.values.items()
                },
                None,
            ),
        ),
        references=(Reference("document-number", Personal(person.document_number)),),
        chain=Secret(os.urandom(ELEMENT_BYTES)),
    )
