"""The first journey with PostgreSQL behind the issuer and the verifier, every role a process of its own.

Both share one database, each in its schema. The server is stopped in the middle: the roles say so, nothing
is lost, and they go on when it is back.
"""

import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from diptych.adapters.canary_search import search
from diptych.adapters.catalogue_files import load_catalogue
from diptych.cli.demo_processes import Commands, free_ports
from diptych.errors import DiptychError
from diptych.roles.officer.order_file import template
from tests.postgresql import PostgresqlServer


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """One that is stopped in the middle."""
    started = PostgresqlServer()
    yield started
    started.close()


def test_licence_issued_and_age_proven_on_postgresql(server: PostgresqlServer, tmp_path: Path) -> None:
    database = server.new_database().reveal().decode()
    databases = {"DIPTYCH_ISSUER_DATABASE": database, "DIPTYCH_VERIFIER_DATABASE": database}
    ports = free_ports(2)
    issuer, verifier = (f"http://127.0.0.1:{port}" for port in ports)
    name = f"Quintrel-{secrets.token_hex(6)}"
    with Commands(tmp_path, {"DIPTYCH_WALLET_PASSPHRASE": "seven seals in bronze", **databases}, quiet=True) as town:
        officer = town.run("officer", "init", "officer", "--issuer", issuer)
        town.run(
            "issuer", "init", "issuer", "--url", issuer, "--officer-key", str(officer["public_key"]), "--without-log"
        )
        town.run("verifier", "init", "verifier", "--url", verifier, "--trust", "issuer/trust.json")
        trust = ("--trust", "issuer/trust.json", "--verifier-trust", "verifier/verifier-trust.json")
        town.run("wallet", "init", "--wallet", "wallet", *trust, "--without-log")
        town.serve("issuer", issuer, databases)
        town.serve("verifier", verifier, databases)

        # The officer approves; the citizen accepts, but not while the issuer's database is away.
        catalogue = load_catalogue()
        order = template(catalogue.type("driving-licence"), catalogue, specimen=True).replace("Mustermann", name)
        (tmp_path / "order.toml").write_text(order, encoding="utf-8")
        approval = town.run("officer", "approve", "order.toml", "--officer", "officer")
        accept = (
            "accept",
            str(approval["offer"]),
            "--tx-code",
            str(approval["tx_code"]),
            "--wallet",
            "wallet",
            "--yes",
        )
        server.stop()
        for url in (issuer, verifier):
            assert httpx.get(f"{url}/ready").status_code == 503
        with pytest.raises(DiptychError):
            town.run("wallet", *accept)
        server.start()
        for url in (issuer, verifier):
            assert httpx.get(f"{url}/ready").is_success
        town.run("wallet", *accept)

        # The verifier asks; whatever connection it kept is cut before the answer, and again before the verdict.
        asked = town.run("verifier", "ask", "over_18", "--verifier", "verifier", "--no-wait")
        server.cut_connections()
        answered = town.run("wallet", "present", str(asked["link"]), "--wallet", "wallet", "--yes")
        assert answered["mechanism"] == "longfellow"
        server.cut_connections()
        verdict = town.run("verifier", "verdict", str(asked["id"]), "--verifier", "verifier")
        assert verdict["verdict"] == "accepted"

    # The roles kept nothing beside the database; and nothing in its folder, its log included, is about the citizen.
    kept = [path for path in tmp_path.rglob("*") if path.suffix in {".sqlite", ".db"}]
    assert [path.relative_to(tmp_path).as_posix() for path in kept] == ["wallet/wallet.db"]
    server.stop()
    assert search([server.folder, tmp_path / "issuer", tmp_path / "verifier"], [name]) == []
    assert search([server.folder], [str(asked["id"])]) != []  # and the search does find what is there
