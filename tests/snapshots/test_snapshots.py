"""What earlier code wrote, today's code opens, migrates and goes on with."""

import base64
import importlib
import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from diptych.adapters.storage.engine import MIGRATIONS, Location, open_database
from diptych.adapters.storage.issuer import DatabaseIssuerStore
from diptych.adapters.storage.verifier import open_verifier_store
from diptych.adapters.storage.wallet import open_wallet_store
from diptych.crypto.signing import load_signer
from diptych.errors import FormatError
from diptych.formats.order.codes import code_hash
from diptych.formats.tlog.entry import ActType, parse_entry
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import verify_receipt
from diptych.private import Secret
from diptych.protocols.oauth.token import RefreshTokenRequest
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest
from diptych.roles.issuer.model import OrderState
from diptych.roles.verifier.model import State
from diptych.roles.wallet.ports import Key, Kind
from tests.issuing import NOW, Dice, TinyWallet, Town
from tests.log_world import POLICY
from tests.recording import recording_town
from tests.verifying import Town as VerifierTown

HERE = Path(__file__).parent
SNAPSHOTS = sorted(path.parent.name for path in HERE.glob("*/facts.json"))
ROLES = sorted(path.name for path in MIGRATIONS.iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.fixture(params=SNAPSHOTS)
def snapshot(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, dict[str, dict[str, object]]]:
    """A copy to work on, and what must be found in it."""
    shutil.copytree(HERE / request.param, tmp_path / "snapshot")
    return tmp_path / "snapshot", json.loads((HERE / request.param / "facts.json").read_text())


Snapshot = tuple[Path, dict[str, dict[str, object]]]


def test_there_are_snapshots() -> None:
    assert SNAPSHOTS


def test_an_issuers_database_is_opened_and_its_tokens_still_renew(snapshot: Snapshot) -> None:
    folder, facts = snapshot
    said = facts["issuer"]
    store = DatabaseIssuerStore(open_database(folder / "issuer.sqlite", "issuer"))
    assert [incident.kind for incident in store.incidents()] == said["incidents"]
    code = Secret(str(said["code"]).encode())
    with store.transaction() as state:
        order = state.order_by_code(code_hash(code))
    assert order is not None
    assert order.state is OrderState.OFFERED
    town = Town(store=store, entropy=Dice(99), now=NOW + timedelta(days=1))
    wallet = TinyWallet(town)
    wallet.key = load_signer(base64.b64decode(str(said["dpop_key"])))
    renewed = wallet.tokens(RefreshTokenRequest(Secret(str(said["refresh_token"]).encode())))
    assert wallet.documents(wallet.obtain(renewed, "proof-of-age"))
    tokens = TinyWallet(town).tokens(PreAuthorizedTokenRequest(code, Secret(str(said["tx_code"]).encode())))
    assert tokens.refresh_token is not None
    town.issuer.sweep(NOW + timedelta(days=400))


def test_an_order_of_before_there_was_a_log_renews_in_public(snapshot: Snapshot) -> None:
    folder, facts = snapshot
    said = facts["issuer"]
    store = DatabaseIssuerStore(open_database(folder / "issuer.sqlite", "issuer"))
    town, _ = recording_town(store=store, entropy=Dice(99), now=NOW + timedelta(days=1))
    wallet = TinyWallet(town)
    wallet.key = load_signer(base64.b64decode(str(said["dpop_key"])))
    renewed = wallet.obtain(
        wallet.tokens(RefreshTokenRequest(Secret(str(said["refresh_token"]).encode()))), "proof-of-age"
    )
    assert renewed.recorded is not None
    assert [act.counter for act in renewed.recorded.acts] == [0]
    entry = parse_entry(verify_receipt(renewed.recorded.receipt, policy=POLICY).entry)
    assert (entry.act_type, entry.label) == (ActType.RENEWED, ChainElement(renewed.recorded.chain).label)


def test_a_verifiers_database_is_opened_and_says_what_it_said(snapshot: Snapshot) -> None:
    folder, facts = snapshot
    town = VerifierTown(store=open_verifier_store(folder / "verifier.db"))
    assert sorted(verdict.encode() for verdict in town.store.verdicts()) == facts["verifier"]["verdicts"]
    secret = Secret(base64.b64decode(str(facts["verifier"]["open"])))
    assert town.verifier.result(secret, now=town.now).state is State.ASKED
    town.verifier.forget_expired(town.now + timedelta(days=1))


def test_a_wallet_is_opened_by_its_passphrase_and_holds_what_it_held(snapshot: Snapshot) -> None:
    folder, facts = snapshot
    said = facts["wallet"]
    store = open_wallet_store(folder / "wallet.db", Secret(str(said["passphrase"]).encode()), entropy=os.urandom)
    entries = said["entries"]
    assert isinstance(entries, dict)
    assert store.read() == {Key(Kind.DOCUMENT, name): value.encode() for name, value in entries.items()}


def test_opening_twice_migrates_once(snapshot: Snapshot) -> None:
    folder, _ = snapshot
    for name, role in (("issuer.sqlite", "issuer"), ("verifier.db", "verifier"), ("wallet.db", "wallet")):
        open_database(folder / name, role).dispose()
        with closing(sqlite3.connect(folder / name)) as connection:
            before = list(connection.iterdump())
        open_database(folder / name, role).dispose()
        with closing(sqlite3.connect(folder / name)) as connection:
            assert list(connection.iterdump()) == before


@pytest.mark.parametrize("role", ROLES)
def test_another_roles_database_is_not_taken_for_ones_own(tmp_path: Path, role: str) -> None:
    path = tmp_path / "database"
    open_database(path, next(other for other in ROLES if other != role)).dispose()
    with pytest.raises(FormatError, match=r"storage\.schema"):
        open_database(path, role)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("role", ROLES)
def test_migrations_from_nothing_make_the_tables_that_the_code_speaks_of(
    request: pytest.FixtureRequest, tmp_path: Path, role: str, kind: str
) -> None:
    if kind == "postgresql" and role == "wallet":
        pytest.skip("a wallet is a file")
    location: Location = tmp_path / "database" if kind == "sqlite" else request.getfixturevalue("postgresql")
    engine = open_database(location, role)
    said: sa.MetaData = importlib.import_module(f"diptych.adapters.storage.{role}")._METADATA
    found = sa.MetaData()
    with engine.connect() as connection:
        found.reflect(connection)
    engine.dispose()
    assert set(found.tables) - {"alembic_version"} == set(said.tables)
    for name, table in said.tables.items():
        assert columns(found.tables[name], engine.dialect) == columns(table, engine.dialect), name
        assert set(found.tables[name].primary_key.columns.keys()) == set(table.primary_key.columns.keys())


def columns(table: sa.Table, dialect: sa.Dialect) -> dict[str, str]:
    """Names and types. SQLite has one whole number, whatever it is called."""
    types = {column.name: column.type.compile(dialect) for column in table.columns}
    return {name: "INTEGER" if dialect.name == "sqlite" and kind == "BIGINT" else kind for name, kind in types.items()}
