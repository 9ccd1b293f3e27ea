"""Writes the databases of this very code, with invented people in them: python -m tests.snapshots.make FOLDER

Run once, when a schema changed or a release is made, and never again for the same folder: what a snapshot is worth is
that nobody touches it. `facts.json` says what must be found in them, and holds the tokens that must still open it.
"""

import base64
import json
import os
import sqlite3
import sys
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import diptych
from diptych.adapters.storage.engine import open_database
from diptych.adapters.storage.issuer import DatabaseIssuerStore
from diptych.adapters.storage.verifier import open_verifier_store
from diptych.adapters.storage.wallet import create_wallet_store
from diptych.crypto.passphrase import Hardness
from diptych.crypto.signing import dump_signer
from diptych.errors import DiptychError
from diptych.private import Secret
from diptych.roles.wallet.ports import Change, Key, Kind
from tests.issuing import Dice, TinyWallet, Town
from tests.verifying import PERSON, shown
from tests.verifying import Town as VerifierTown

PASSPHRASE = "seven seals in bronze"
HARDNESS = Hardness(memory_kib=64 * 1024, iterations=3, lanes=1)
ENTRIES = {"entry 1": "Mustermann", "entry 2": "Erika"}


def make_issuer(path: Path) -> dict[str, object]:
    """An order in each state of its life; the tokens of one that can be renewed for a year."""
    town = Town(store=DatabaseIssuerStore(open_database(path, "issuer")))
    offer, tx_code = town.order(expires_in=timedelta(days=30))
    TinyWallet(town).redeem(*town.order())
    renews = TinyWallet(town)
    tokens = renews.redeem(*town.order())
    renews.obtain(tokens, "proof-of-age")
    robbed = TinyWallet(town)
    first = robbed.redeem(*town.order())
    robbed.refresh(robbed.refresh(first))
    with suppress(DiptychError):  # somebody copied it: the order is void
        robbed.refresh(first)
    assert tokens.refresh_token is not None
    return {
        "code": offer.code.reveal().decode(),
        "tx_code": tx_code,
        "refresh_token": tokens.refresh_token.reveal().decode(),
        "dpop_key": base64.b64encode(dump_signer(renews.key)).decode(),
        "incidents": [incident.kind for incident in town.store.incidents()],
    }


def make_verifier(path: Path) -> dict[str, object]:
    """A verdict of each kind, and a question that nobody answered."""
    town = VerifierTown(store=open_verifier_store(path))
    accepted, refused, open_question = town.ask("identity_name"), town.ask("identity_name"), town.ask("over_18")
    town.post(accepted, shown(town.fetch(accepted), PERSON, "family_name", "given_name"))
    with suppress(DiptychError):
        town.post(refused, shown(town.fetch(refused), PERSON, "family_name"))
    return {
        "verdicts": sorted(verdict.encode() for verdict in town.store.verdicts()),
        "open": base64.b64encode(open_question.secret.reveal()).decode(),
    }


def make_wallet(path: Path) -> dict[str, object]:
    """A few entries under a passphrase."""
    store = create_wallet_store(path, Secret(PASSPHRASE.encode()), hardness=HARDNESS, entropy=Dice(7))
    store.save([Change(Key(Kind.DOCUMENT, name), None, value.encode()) for name, value in ENTRIES.items()])
    return {"passphrase": PASSPHRASE, "entries": ENTRIES}


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir()
    facts: dict[str, object] = {"release": diptych.__version__}
    for role, name, make in (
        ("issuer", "issuer.sqlite", make_issuer),
        ("verifier", "verifier.db", make_verifier),
        ("wallet", "wallet.db", make_wallet),
    ):
        facts[role] = make(folder / name)
        with closing(sqlite3.connect(folder / name)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("VACUUM")
    for path in folder.iterdir():
        if path.name.endswith((".sqlite", ".db")):
            os.chmod(path, 0o644)
        else:
            path.unlink()
    (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")


if __name__ == "__main__":
    main()
