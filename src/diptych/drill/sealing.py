"""One part of the town, sealed and deposited: by whichever process does it, into databases that are there already.

Each record is sealed by `formats/record`; what a trustee keeps of it is made by the trustee's own code, and written by
its own store. A transaction holds few rows, so that two processes never wait long for one another.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from diptych.adapters.month_keys import MonthKeyFolder
from diptych.adapters.storage import registry as registry_storage
from diptych.adapters.storage import trustee as trustee_storage
from diptych.adapters.storage.engine import open_database
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.drill import index
from diptych.drill.cores import parts
from diptych.drill.town.people import Person
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.mandate.trustee_set import parse_trustee_set
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.record.content import RecordContent, Reference
from diptych.formats.record.sealing import FreshlySealed, seal_record
from diptych.formats.tlog.label import ELEMENT_BYTES, ChainElement
from diptych.private import Personal, Secret
from diptych.protocols.depositing.decision import HeldRecord
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.roles.registry.model import StoredRecord
from diptych.roles.trustee.model import StoredRecord as HeldByTrustee
from diptych.roles.trustee.vault import store_held

MONTHS = "months"
DATABASE, TRUSTEE_DATABASE = "registry.db", "trustee.db"
ACT_ID_BYTES = 16
AT_ONCE = 100

Sealed = Sequence[tuple[RecordContent, FreshlySealed]]


@dataclass(frozen=True)
class Part:
    """Some of the people, in the order in which they are enrolled, and where what is sealed of them goes."""

    people: tuple[Person, ...]
    registry: Path
    trustees: tuple[Path, ...]
    """Their folders, of trustee 1, 2, ..."""
    trustee_set: bytes
    key: int = field(repr=False)
    """Behind the tags; `pepper` is the agency's."""
    pepper: Secret
    day: date
    turn: int
    """Whose database comes first: neighbouring parts begin with different ones."""


def seal_part(part: Part) -> dict[bytes, int]:
    """All of it. Whose each record is: the person's number by record id."""
    sealed = list(_sealed(part))
    _register(part, sealed)
    numbers = range(1, len(part.trustees) + 1)
    for offset in numbers:
        number = numbers[(part.turn + offset) % len(numbers)]
        _deposit(part, number, sealed)
    people = (person.number for person in part.people)
    return {fresh.signed.unverified.record_id: number for (_, fresh), number in zip(sealed, people, strict=True)}


def status_of(person: Person) -> CivilStatus:
    """What is looked up of a person."""
    born = person.birth_date
    return CivilStatus(
        Personal(person.family_name),
        Personal(person.given_names),
        None if person.used_name is None else Personal(person.used_name),
        Personal(BirthDate(born.year, born.month, born.day if person.knows_birth_day else None)),
        Personal(person.place.code_at_birth),
    )


def content_of(person: Person) -> RecordContent:
    """What the officer's workstation seals of a person."""
    return RecordContent(
        civil_status=status_of(person),
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


def _sealed(part: Part) -> Iterator[tuple[RecordContent, FreshlySealed]]:
    trustees, officer = parse_trustee_set(part.trustee_set), generate_signer()
    for person in part.people:
        content = content_of(person)
        yield (
            content,
            seal_record(
                content,
                trustees=trustees,
                retention=person.retention,
                signer=officer,
                sealer=fingerprint(officer.public_key),
                predecessor=None,
                entropy=os.urandom,
            ),
        )


def _register(part: Part, sealed: Sealed) -> None:
    with _store(part.registry) as store:
        for some in parts(len(sealed), AT_ONCE):
            with store.transaction() as state:
                for content, fresh in sealed[some.start : some.stop]:
                    record, chain = fresh.signed.unverified, ChainElement(content.chain).at(1)
                    state.save_record(
                        StoredRecord(
                            record.record_id,
                            record.number,
                            fresh.signed.digest,
                            fresh.signed.encode(),
                            "identity-card",
                            os.urandom(ACT_ID_BYTES),
                            chain,
                            chain,
                        )
                    )
                    value = index.value_of(index.input_of(content.civil_status), part.key)
                    state.save_tags(index.PURPOSE, [index.tag_of(value, part.pepper)], record.record_id)


def _deposit(part: Part, number: int, sealed: Sealed) -> None:
    folder, epoch = part.trustees[number - 1], parse_trustee_set(part.trustee_set).epoch
    keys = MonthKeyFolder(folder / MONTHS, os.urandom)
    with _trustee_store(folder / TRUSTEE_DATABASE) as store:
        for some in parts(len(sealed), AT_ONCE):
            with store.transaction() as state:
                for content, fresh in sealed[some.start : some.stop]:
                    held = HeldRecord(
                        RecordVersion.of(fresh.signed),
                        fresh.signed.unverified.retention,
                        epoch,
                        number,
                        fresh.signed.unverified.quorum.hash_of(number),
                        fresh.masks[number],
                        ChainElement(content.chain),
                    )
                    state.save_record(HeldByTrustee(store_held(held, keys, day=part.day, entropy=os.urandom)))


@contextmanager
def _store(path: Path) -> Iterator[registry_storage.DatabaseRegistryStore]:
    store = registry_storage.DatabaseRegistryStore(open_database(path, registry_storage.ROLE, migrates=False))
    yield store
    store.close()


@contextmanager
def _trustee_store(path: Path) -> Iterator[trustee_storage.DatabaseTrusteeStore]:
    store = trustee_storage.DatabaseTrusteeStore(open_database(path, trustee_storage.ROLE, migrates=False))
    yield store
    store.close()
