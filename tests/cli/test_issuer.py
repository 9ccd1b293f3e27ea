"""`diptych issuer` and `diptych serve issuer` as an operator meets them."""

import json
import stat
from pathlib import Path

import httpx
import pytest

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.keys import file
from diptych.crypto.signing import generate_signer
from diptych.formats.mdoc.trust import STATUS_LISTS, parse_trust
from diptych.formats.order.signed import officer_fingerprint
from tests.issuer_process import diptych, free_port, running_issuer

URL = "http://127.0.0.1:8177"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An issuer's folder."""
    made = diptych("issuer", "init", str(tmp_path / "issuer"), "--url", URL)
    assert made.returncode == 0, made.stderr
    return tmp_path / "issuer"


def test_init_makes_one_signer_for_each_document_type_and_the_trust_that_others_take(folder: Path) -> None:
    trust = parse_trust((folder / "trust.json").read_bytes())
    doc_types = {document_type.doc_type for document_type in load_catalogue().types.values()}
    assert set(trust.signers) == {*doc_types, STATUS_LISTS}
    assert len({leaf for leaves in trust.signers.values() for leaf in leaves}) == len(doc_types) + 1
    assert len(trust.roots) == 1
    assert json.loads(diptych("issuer", "trust", str(folder)).stdout) == json.loads(
        (folder / "trust.json").read_bytes()
    )


def test_nobody_else_can_read_the_folder_or_a_key_in_it(folder: Path) -> None:
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    keys = [*folder.rglob("*.key.pem"), *folder.rglob("*.key")]
    types = load_catalogue().types.values()
    # root, requests, epochs, status lists, nonces; a signer for each type; one more for each that the fast suite signs
    assert len(keys) == 5 + len(types) + sum(one.layout is not None for one in types)
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_init_answers_in_json(tmp_path: Path) -> None:
    made = diptych("issuer", "init", str(tmp_path / "issuer"), "--url", URL + "/", "--json")
    assert json.loads(made.stdout) == {
        "folder": str(tmp_path / "issuer"),
        "url": URL,
        "trust": str(tmp_path / "issuer" / "trust.json"),
        "log_writer": None,
    }


def test_init_never_overwrites(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    again = diptych("issuer", "init", str(folder), "--url", URL)
    assert again.returncode == 1
    assert "not empty" in again.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]  # nothing half-made beside it


@pytest.mark.parametrize("url", ["http://issuer.example", "issuer.example", "https://user@issuer.example"])
def test_init_wants_a_url_that_wallets_accept(tmp_path: Path, url: str) -> None:
    refused = diptych("issuer", "init", str(tmp_path / "issuer"), "--url", url)
    assert refused.returncode == 1
    assert "(url" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_officer_is_added_once(folder: Path, tmp_path: Path) -> None:
    officer = generate_signer()
    file.write_public_key(tmp_path / "officer.pub.pem", officer.public_key)
    for _ in range(2):
        added = diptych("issuer", "add-officer", str(folder), str(tmp_path / "officer.pub.pem"), "--json")
        assert json.loads(added.stdout) == {"officer": officer_fingerprint(officer.public_key).hex()}
    assert len(list((folder / "officers").iterdir())) == 1


def test_a_folder_that_is_no_issuers_is_named(tmp_path: Path) -> None:
    for arguments in (("issuer", "trust"), ("serve", "issuer")):
        refused = diptych(*arguments, str(tmp_path))
        assert refused.returncode == 1
        assert "init" in refused.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with running_issuer(tmp_path) as running:
        second = diptych("serve", "issuer", str(running.folder))
        assert second.returncode == 1
        assert "Address already in use" in second.stderr
        assert httpx.get(running.url + "/health").json() == {"status": "ok"}


def test_an_issuer_that_cannot_work_says_why_and_does_not_listen(folder: Path) -> None:
    (folder / "nonce.key").unlink()
    refused = diptych("serve", "issuer", str(folder))
    assert refused.returncode == 1
    assert "nonce.key" in refused.stderr


def test_settings_with_a_typing_error_are_named(folder: Path) -> None:
    with (folder / "settings.toml").open("a") as settings:
        settings.write("prot = 1\n")
    refused = diptych("serve", "issuer", str(folder))
    assert refused.returncode == 1
    assert "typing error" in refused.stderr


def test_what_the_server_says_has_nothing_of_any_request(tmp_path: Path) -> None:
    with running_issuer(tmp_path) as running:
        httpx.post(running.url + "/token", content=b"secret=4711", headers={"DPoP": "Canary-4711"})
        httpx.get(running.url + "/Canary-4711?Canary-4711")
        running.process.terminate()
        _, said = running.process.communicate(timeout=30)
    assert "4711" not in said
    assert "127.0.0.1" not in said
    journal = [json.loads(line) for line in said.splitlines()]
    answered = [line for line in journal if line["event"] == "request"]  # written once the answer is out
    assert [line["event"] for line in journal if line not in answered] == ["listening", "stopping", "stopped"]
    first, second = answered
    assert (first["endpoint"], first["status"], first["check"]) == ("token", 415, "http.media_type")
    assert (second["endpoint"], second["status"]) == ("none", 404)
    assert first["request"] != second["request"]


def test_counts_are_for_the_operator_on_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("DIPTYCH_ISSUER_ADMIN_PORT", str(port))
    with running_issuer(tmp_path) as running:
        assert httpx.get(running.url + "/metrics").status_code == 404
        httpx.post(running.url + "/nonce")
        admin = f"http://127.0.0.1:{port}"
        assert httpx.get(admin + "/health").json() == httpx.get(admin + "/ready").json() == {"status": "ok"}
        answer = httpx.get(admin + "/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'diptych_requests_total{role="issuer",endpoint="nonce",status="200",check=""} 1' in answer.text
        assert 'endpoint="none",status="404",check=""} 1' in answer.text
        (running.folder / "issuer.sqlite").rename(running.folder / "elsewhere")
        refused = httpx.get(admin + "/ready")
        assert (refused.status_code, refused.json()["error"]) == (503, "storage")
        assert httpx.get(admin + "/health").status_code == 200
        (running.folder / "elsewhere").rename(running.folder / "issuer.sqlite")
        signer = next((running.folder / "signers").glob("*.key.pem"))
        signer.chmod(0o644)
        assert httpx.get(running.url + "/ready").json()["error"] == "key.permissions"
