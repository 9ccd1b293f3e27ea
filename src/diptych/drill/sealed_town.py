"""The agency's register of the same town, sealed as its format says: five trustees, any three of them, and the agency.

Records are sealed by `formats/record`; masks are kept by the trustees' own code, in databases and month keys of their
own. The stock is loaded here without the wire, in one process, because two thousand enrolments through seven of them
take longer than a drill; what a thief finds in each folder afterwards is the same.

registry/registry.db  ciphertext and tags             agency/recipient.key     opens the agency's half; pepper.key
trustee-N/trustee.db  masks, sealed; months/*.key     trustee-N/recipient.key  opens its envelopes
"""

import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from diptych.adapters.month_keys import MonthKeyFolder
from diptych.adapters.storage.registry import open_registry_store
from diptych.adapters.storage.trustee import open_trustee_store
from diptych.adapters.trustee_folder import RECIPIENT, write_secret
from diptych.crypto.hpke import generate_recipient
from diptych.crypto.lookup_prf.tags import PEPPER_BYTES
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.drill import index
from diptych.drill.attacker.joining import Row
from diptych.drill.town.people import Person, Town
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.record.content import RecordContent, Reference
from diptych.formats.record.sealed import SEALED_RECORD
from diptych.formats.record.sealing import FreshlySealed, seal_record
from diptych.formats.tlog.label import ELEMENT_BYTES, ChainElement
from diptych.private import Personal, Secret
from diptych.protocols.depositing.decision import HeldRecord
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.roles.registry.model import StoredRecord
from diptych.roles.trustee.model import StoredRecord as HeldByTrustee
from diptych.roles.trustee.vault import store_held

TRUSTEES, THRESHOLD = 5, 3
SPARES = (6, 7)
DATABASE, TRUSTEE_DATABASE, MONTHS, PEPPER = "registry.db", "trustee.db", "months", "pepper.key"
REGISTRY, AGENCY = "registry", "agency"
ACT_ID_BYTES = 16


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

    def rows(self, named: Mapping[bytes, int] | None = None) -> list[Row]:
        """The registry's rows, as a thief of its database sees them; and who they are about, where it has guessed."""
        people = {person.number: person for person in self.town.people}
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as connection:
            found = connection.execute("SELECT record_id, encoded FROM records ORDER BY rowid").fetchall()
            tags = dict(connection.execute("SELECT record_id, tag FROM tags").fetchall())
        connection.close()
        guessed = {} if named is None else named
        return [
            Row(
                self.truth[record_id],
                position,
                position,
                len(encoded),
                SEALED_RECORD.parse(encoded).unverified.retention,
                {"identity": tags[record_id]},
                people[guessed[record_id]].canaries if record_id in guessed else frozenset(),
            )
            for position, (record_id, encoded) in enumerate(found)
        ]

    @property
    def population(self) -> Mapping[int, Personal[bytes]]:
        """What everybody's tag is made of: the thief has the list of everybody."""
        return {person.number: index.input_of(content_of(person).civil_status) for person in self.town.people}

    def destroy(self, retention: str) -> None:
        """Every trustee lets a retention class expire."""
        for trustee in self.trustees:
            keys = MonthKeyFolder(trustee / MONTHS, os.urandom)
            for period in keys.periods():
                if period.startswith(f"{retention}."):
                    keys.destroy(period)

    def _load(self) -> None:
        officer = generate_signer()
        sealed: list[tuple[RecordContent, FreshlySealed]] = []
        for person in self.town.arrivals():
            content = content_of(person)
            fresh = seal_record(
                content,
                trustees=self.set,
                retention=person.retention,
                signer=officer,
                sealer=fingerprint(officer.public_key),
                predecessor=None,
                entropy=os.urandom,
            )
            sealed.append((content, fresh))
            self.truth[fresh.signed.unverified.record_id] = person.number
        store = open_registry_store(self.database)
        with store.transaction() as state:
            for content, fresh in sealed:
                record = fresh.signed.unverified
                state.save_record(
                    StoredRecord(
                        record.record_id,
                        record.number,
                        fresh.signed.digest,
                        fresh.signed.encode(),
                        "identity-card",
                        os.urandom(ACT_ID_BYTES),
                        ChainElement(content.chain).at(1),
                        ChainElement(content.chain).at(1),
                    )
                )
                value = index.value_of(index.input_of(content.civil_status), self._key)
                state.save_tags(index.PURPOSE, [index.tag_of(value, self._pepper)], record.record_id)
        store.close()
        for number, trustee in enumerate(self.trustees, 1):
            self._deposit(number, trustee, sealed)

    def _deposit(self, number: int, trustee: Path, sealed: list[tuple[RecordContent, FreshlySealed]]) -> None:
        keys = MonthKeyFolder(trustee / MONTHS, os.urandom)
        store = open_trustee_store(trustee / TRUSTEE_DATABASE)
        with store.transaction() as state:
            state.save_share(self._shares[number])
            for content, fresh in sealed:
                held = HeldRecord(
                    RecordVersion.of(fresh.signed),
                    fresh.signed.unverified.retention,
                    self.set.epoch,
                    number,
                    fresh.signed.unverified.quorum.hash_of(number),
                    fresh.masks[number],
                    ChainElement(content.chain),
                )
                state.save_record(HeldByTrustee(store_held(held, keys, day=self._day, entropy=os.urandom)))
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
