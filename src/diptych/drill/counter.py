"""The officer's counter on a busy day: everybody in town gets an order approved, in the order in which they come.

A process of its own, so that a changed build changes it too. The first orders go to the issuer over HTTP; the rest are
put into its database by the same use-case without the wire, because a process for each of two thousand requests would
take longer than anybody watches a drill. The codes, which only the citizens get, go to whoever started it.

    python -m diptych.drill.counter FOLDER SEED POPULATION DESK OVER_HTTP
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from diptych.adapters import issuer_folder
from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.http.order_desk import HttpOrderDesk
from diptych.adapters.issuer_keys import CurrentDocumentSigners, IssuerKeys
from diptych.adapters.keys import locations
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import ROLE, DatabaseIssuerStore
from diptych.config import read_issuer, read_officer
from diptych.drill.cores import parts
from diptych.drill.town.people import Person, build_town
from diptych.roles.issuer.ports import IssuerStore, IssuerTransaction
from diptych.roles.issuer.service import Issuer
from diptych.roles.officer.fakes import MemoryAttempts
from diptych.roles.officer.ports import OrderDesk
from diptych.roles.officer.service import Officer

NO_TOKEN = TokenAccess(None, None, None)
AT_ONCE = 100
"""So many orders are one transaction: a file system takes longer to promise than a database to write."""


@dataclass(frozen=True)
class Within:
    """`IssuerStore`, as far as orders go, within a transaction that somebody else ends."""

    state: IssuerTransaction

    def transaction(self) -> AbstractContextManager[IssuerTransaction]:
        return nullcontext(self.state)


class DirectDesk:
    """`OrderDesk` of an issuer whose folder lies here; used in `open`, which keeps everything when its block ends."""

    def __init__(self, folder: Path) -> None:
        settings, catalogue = read_issuer(folder), load_catalogue()
        self._store = DatabaseIssuerStore(open_database(folder / issuer_folder.DATABASE, ROLE, migrates=False))
        self._issuer = Issuer(
            url=settings.url,
            names={"en": settings.name_en, "fr": settings.name_fr},
            catalogue=catalogue,
            officers=issuer_folder.read_officers(folder),
            signers=CurrentDocumentSigners(IssuerKeys(folder, settings.url, catalogue, NO_TOKEN), _now),
            store=self._store,
            nonce_key=issuer_folder.read_nonce_key(folder),
        )

    @contextmanager
    def open(self) -> Iterator["DirectDesk"]:
        """One transaction for all that is brought meanwhile."""
        kept = self._issuer
        with self._store.transaction() as state:
            # Of a store, an order that is brought takes nothing but a transaction.
            self._issuer = replace(kept, store=cast("IssuerStore", Within(state)))
            yield self
        self._issuer = kept

    def submit(self, signed_order: bytes) -> None:
        self._issuer.accept_order(signed_order, now=_now())

    def declare(self, signed_standing: bytes) -> bool:
        return self._issuer.accept_standing(signed_standing, now=_now(), entropy=os.urandom).standing.is_in_force


def approve_everybody(
    folder: Path, people: Sequence[Person], desk: OrderDesk, over_http: int, told: Callable[[dict[str, object]], None]
) -> None:
    """An order for each of them; `told` gets what the citizen gets, once it is kept."""
    settings = read_officer(folder / "officer")
    assert settings.issuer is not None
    signer = locations.open_signer(settings.key, folder / "officer", NO_TOKEN)
    officer = partial(Officer, load_catalogue(), signer, settings.issuer)
    for person in people[:over_http]:
        told(_approved(officer(desk, MemoryAttempts()), person))
    direct, rest = DirectDesk(folder / "issuer"), people[over_http:]
    for some in parts(len(rest), AT_ONCE):
        with direct.open():
            lines = [_approved(officer(direct, MemoryAttempts()), rest[at]) for at in some]
        for line in lines:
            told(line)


def _approved(officer: Officer, person: Person) -> dict[str, object]:
    approval = officer.approve(order_file(person), {"portrait.jpg": person.portrait}, now=_now(), entropy=os.urandom)
    return {
        "person": person.number,
        "link": approval.offer.link(),
        "code": approval.offer.code.reveal().decode(),
        "tx_code": approval.tx_code.reveal().decode(),
    }


def order_file(person: Person) -> bytes:
    """The order of an identity card, as the officer writes it down."""
    born = [f'family_name_birth = "{person.family_name}"'] if person.used_name is not None else []
    lines = [
        'type = "identity-card"',
        "[attributes]",
        f'family_name = "{person.used_name or person.family_name}"',
        *born,
        f'given_name = "{" ".join(person.given_names)}"',
        f"birth_date = {person.birth_date.isoformat()}",
        f'place_of_birth = {{ country = "FR", locality = "{person.place.name}" }}',
        'nationality = ["FR"]',
        "expiry_date = 2036-03-01",
        'issuing_authority = "Utopia Document Agency"',
        'issuing_country = "FR"',
        f'resident_address = "{person.address}"',
        f'email_address = "{person.email}"',
        f'document_number = "{person.document_number}"',
        'portrait = "portrait.jpg"',
    ]
    return ("\n".join(lines) + "\n").encode()


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    approve_everybody(
        Path(sys.argv[1]),
        build_town(int(sys.argv[3]), sys.argv[2]).arrivals(),
        HttpOrderDesk(sys.argv[4]),
        int(sys.argv[5]),
        lambda line: print(json.dumps(line), flush=True),  # noqa: T201  # its output is what it is for
    )
