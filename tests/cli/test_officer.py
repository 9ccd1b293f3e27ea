"""`diptych officer` as a caseworker meets it: init, types, template, approve, and what is said when it fails."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

import pytest
from typer.testing import CliRunner

from diptych.adapters.keys import file
from diptych.app import House
from diptych.cli.main import application
from diptych.errors import Conflict, DiptychError, FormatError, Unavailable
from diptych.formats.civil_status.places import Places
from diptych.formats.order.signed import officer_fingerprint, parse_signed_order
from diptych.protocols.openid4vci.offer import parse_offer
from tests.formats.test_places_file import FILE, PLACES
from tests.formats.tlog_specimen import POLICY


class Desk(ThreadingHTTPServer):
    """An issuer's desk that takes everything, or fails as told."""

    daemon_threads = True
    status = 201

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.orders: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Desk

    def do_POST(self) -> None:
        self.server.orders.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class's name for it
        pass


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Desk() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(*arguments: str | Path) -> str:
    """The command's stdout; its error is raised as it is."""
    outcome = CliRunner().invoke(application, ["officer", *map(str, arguments)], obj=House())
    if outcome.exception is not None:
        _raise(outcome.exception)
    return outcome.stdout


def _raise(error: BaseException) -> NoReturn:
    raise error


@pytest.fixture
def folder(tmp_path: Path, desk: Desk) -> Path:
    run("init", tmp_path / "officer", "--issuer", desk.url + "/")
    return tmp_path / "officer"


@pytest.fixture
def order_file(tmp_path: Path) -> Path:
    path = tmp_path / "me.toml"
    path.write_text(run("template", "driving-licence", "--specimen"), encoding="utf-8")
    return path


def test_init_makes_a_key_that_only_its_owner_reads_and_never_makes_it_again(folder: Path) -> None:
    assert (folder / "officer.key.pem").stat().st_mode & 0o777 == 0o600
    key = file.read_signer(folder / "officer.key.pem")
    assert file.read_public_key(folder / "officer.pub.pem") == key.public_key
    with pytest.raises(Conflict):
        run("init", folder)
    assert file.read_signer(folder / "officer.key.pem").public_key == key.public_key


def test_types_lists_the_catalogue() -> None:
    assert "driving-licence" in run("types")
    assert {entry["id"] for entry in json.loads(run("types", "--json"))} >= {"proof-of-age", "residence-permit"}


def test_approve_places_the_order_and_gives_offer_and_transaction_code(
    folder: Path, order_file: Path, desk: Desk
) -> None:
    answer = json.loads(run("approve", order_file, "--officer", folder, "--json"))
    offer = parse_offer(answer["offer"])
    assert offer.issuer == desk.url
    assert list(offer.configuration_ids) == answer["documents"]
    assert len(answer["tx_code"]) == 6
    order = parse_signed_order(desk.orders[0]).unverified_order
    assert order.officer == officer_fingerprint(file.read_public_key(folder / "officer.pub.pem"))
    assert b"Mustermann" not in desk.orders[0]
    assert not list((folder / "attempts").iterdir())


def test_approve_shows_the_transaction_code_apart_from_link_and_picture(folder: Path, order_file: Path) -> None:
    shown = run("approve", order_file, "--officer", folder)
    lines = shown.strip().splitlines()
    assert lines[-1].isdigit()
    link = next(line for line in lines if line.startswith("openid-credential-offer://"))
    assert lines[-1] not in link
    assert "█" in shown or "▀" in shown


def test_an_order_that_fails_shows_no_offer_and_is_placed_once_on_trying_again(
    folder: Path, order_file: Path, desk: Desk
) -> None:
    desk.status = 503
    with pytest.raises(Unavailable):
        run("approve", order_file, "--officer", folder, "--json")
    desk.status = 200
    assert json.loads(run("approve", order_file, "--officer", folder, "--json"))["offer"]
    assert len(set(desk.orders)) == 1


def test_a_picture_beside_the_order_file_is_taken_along(folder: Path, order_file: Path, desk: Desk) -> None:
    lines = order_file.read_text(encoding="utf-8").splitlines()
    named = ['portrait = "erika.jpg"' if line.startswith("portrait") else line for line in lines]
    order_file.write_text("\n".join(named), encoding="utf-8")
    with pytest.raises(FormatError, match="portrait: the file that it names is not beside"):
        run("approve", order_file, "--officer", folder)
    (order_file.parent / "erika.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(20_000))
    assert not desk.orders
    run("approve", order_file, "--officer", folder)
    assert len(desk.orders[0]) > 65_536


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("template", "fishing-licence"), "there are: driving-entitlement"),
        (("approve", "nowhere.toml", "--officer", "nowhere"), "init"),
        (("init", "elsewhere", "--issuer", "http://issuer.utopia.example"), "https"),
    ],
)
def test_wrong_usage_says_what_to_do(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DiptychError, match=message):
        run(*arguments)
    assert not list(tmp_path.iterdir())


def test_without_an_issuer_approve_asks_for_one(tmp_path: Path, order_file: Path) -> None:
    run("init", tmp_path / "without")
    with pytest.raises(FormatError, match="--issuer URL"):
        run("approve", order_file, "--officer", tmp_path / "without")


def test_an_officer_adds_document_types_with_a_folder(folder: Path) -> None:
    own = folder / "types"
    own.mkdir()
    text = (Path(file.__file__).parents[2] / "formats" / "catalogue" / "proof_of_age.toml").read_text(encoding="utf-8")
    (own / "x.toml").write_text(text.replace('"proof-of-age"', '"membership"').replace("eu.europa.ec.av.1", "club.x.1"))
    settings = (folder / "settings.toml").read_text(encoding="utf-8")
    (folder / "settings.toml").write_text(settings + 'catalogue = "types"\n', encoding="utf-8")
    assert "membership" in run("types", "--officer", folder)
    assert 'type = "membership"' in run("template", "membership", "--officer", folder)


@pytest.mark.parametrize("line", ["colour = 1", "tx_code_digits = 2", "offer_days = 0", "catalogue = 1", "x ="])
def test_damaged_settings_are_named(folder: Path, order_file: Path, line: str) -> None:
    text = (folder / "settings.toml").read_text(encoding="utf-8")
    kept = [old for old in text.splitlines() if old.partition(" ")[0] != line.partition(" ")[0]]
    (folder / "settings.toml").write_text("\n".join([*kept, line]), encoding="utf-8")
    with pytest.raises(FormatError, match="settings"):
        run("approve", order_file, "--officer", folder)


def test_a_workstation_looks_people_up_under_the_agencys_table_of_places_or_not_at_all(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "log.policy").write_bytes(POLICY.encode())
    registry = (
        "--registry",
        "http://127.0.0.1:1",
        "--log-policy",
        tmp_path / "log.policy",
        "--log",
        "http://127.0.0.1:1",
    )
    run("join", folder, *registry, "--agency", folder / "officer.pub.pem")
    with House().workstation(folder) as workstation:
        assert workstation.places == Places()
    with (folder / "settings.toml").open("a", encoding="utf-8") as settings:
        settings.write('places = "places.txt"\n')
    with pytest.raises(FormatError, match=r"places\.missing"), House().workstation(folder):
        pass
    (folder / "places.txt").write_bytes(FILE)
    with House().workstation(folder) as workstation:
        assert workstation.places == PLACES
    (folder / "places.txt").write_bytes(FILE[:-1])
    with pytest.raises(FormatError, match=r"places\.head"), House().workstation(folder):
        pass
