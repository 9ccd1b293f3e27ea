"""Keys as an operator meets them: `diptych issuer signers`, `rotate-signer`, `rotate-root`, `emergency`; docs."""

import json
import re
import shlex
from pathlib import Path

import httpx
import pytest

from diptych.formats.mdoc.trust import parse_trust
from tests.issuer_process import HttpWallet, diptych, running_issuer
from tests.test_docs import ROOT

URL = "http://127.0.0.1:8178"
MDL = "org.iso.18013.5.1.mDL"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An issuer's folder."""
    made = diptych("issuer", "init", str(tmp_path / "issuer"), "--url", URL)
    assert made.returncode == 0, made.stderr
    return tmp_path / "issuer"


def said(*arguments: str) -> object:
    done = diptych("issuer", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_rotation_says_who_signs_and_who_is_believed_until_when(folder: Path) -> None:
    told = said("rotate-signer", str(folder), "--type", "driving-licence")
    assert isinstance(told, dict)
    licences = [one for one in told["signers"] if one["type"] == "driving-licence"]
    assert [one["standing"] for one in licences] == ["retired", "signing"]
    assert licences[0]["key"] is None
    assert licences[0]["accepted_until"] is not None
    assert told["destroy_in_token"] == []
    prose = diptych("issuer", "signers", str(folder)).stdout
    assert re.search(r"driving-licence\s+retired .* believed until .* key destroyed", prose)
    assert re.search(r"driving-licence\s+signing .* rotate before ", prose)


def test_an_announced_signer_stands_in_the_trust_file_and_does_not_sign(folder: Path) -> None:
    told = said("rotate-signer", str(folder), "--type", "driving-licence", "--after-days", "7")
    assert isinstance(told, dict)
    assert [one["standing"] for one in told["signers"] if one["type"] == "driving-licence"] == ["signing", "announced"]
    assert len(parse_trust((folder / "trust.json").read_bytes()).signers[MDL]) == 2


def test_a_new_root_stands_beside_the_old_one(folder: Path) -> None:
    said("rotate-root", str(folder))
    assert len(parse_trust((folder / "trust.json").read_bytes()).roots) == 2


@pytest.mark.parametrize("arguments", [(), ("--type", "driving-licence", "--all"), ("--type", "x", "--root")])
def test_an_emergency_says_what_is_lost(folder: Path, arguments: tuple[str, ...]) -> None:
    done = diptych("issuer", "emergency", str(folder), "--yes", *arguments)
    assert done.returncode == 1
    assert "issuer.emergency_types" in done.stderr


def test_nobody_gives_up_a_signer_without_being_asked(folder: Path) -> None:
    before = (folder / "keys.json").read_bytes()
    done = diptych("issuer", "emergency", str(folder), "--all")
    assert done.returncode == 1
    assert (folder / "keys.json").read_bytes() == before


def test_an_emergency_ends_the_trust_signs_anew_and_lists_what_to_approve(tmp_path: Path) -> None:
    with running_issuer(tmp_path) as issuer:
        order_file = diptych("officer", "template", "driving-licence", "--specimen").stdout
        approval = issuer.approve(order_file)
        wallet = HttpWallet(issuer.url)
        tokens = wallet.redeem(approval)
        wallet.obtain(tokens, "driving-licence")
        told = said("emergency", str(issuer.folder), "--type", "driving-licence", "--yes")
        assert isinstance(told, dict)
        assert told["approve_again"]["count"] == 1
        head, order_id = Path(told["approve_again"]["list"]).read_text().splitlines()
        assert head.startswith("# orders to be approved again")
        assert re.fullmatch(r"[0-9a-f]{32}", order_id)
        assert len(parse_trust((issuer.folder / "trust.json").read_bytes()).lost) == 1
        # The running issuer signs with the new key, and an order redeemed minutes ago still opens for its wallet.
        (licence,) = wallet.obtain(tokens, "driving-licence").credentials
        (leaf,) = parse_trust((issuer.folder / "trust.json").read_bytes()).signers[MDL]
        assert leaf in licence
        assert httpx.get(issuer.url + "/.well-known/openid-credential-issuer").status_code == 200
        # A proof alone needs no officer.
        told = said("emergency", str(issuer.folder), "--type", "proof-of-age", "--yes")
        assert isinstance(told, dict)
        assert told["approve_again"]["count"] == 0


def test_an_emergency_that_could_not_finish_goes_on(folder: Path, tmp_path: Path) -> None:
    offline = tmp_path / "offline.pem"
    (folder / "root.key.pem").rename(offline)
    done = diptych("issuer", "emergency", str(folder), "--type", "driving-licence", "--yes")
    assert done.returncode == 1
    assert "The lost signers are given up" in done.stderr
    assert "issuer.root_key" in done.stderr
    assert len(parse_trust((folder / "trust.json").read_bytes()).lost) == 1
    done = diptych("issuer", "emergency", str(folder), "--type", "driving-licence", "--root-key", str(offline))
    assert done.returncode == 0, done.stderr
    assert "Going on with the emergency" in done.stderr
    assert "officer's new approval: up to 0 orders" in done.stdout
    assert len(parse_trust((folder / "trust.json").read_bytes()).lost) == 1


def test_every_command_in_the_page_on_keys_is_one() -> None:
    text = (ROOT / "docs" / "operations" / "keys.md").read_text(encoding="utf-8")
    commands = re.findall(r"^diptych (.+)$", text, re.MULTILINE)
    assert len(commands) > 5
    for line in commands:
        words = shlex.split(line, comments=True)
        shown = diptych(*words[:2], "--help").stdout
        assert "Usage" in shown
        assert [word for word in words if word.startswith("--") and word not in shown] == []
