"""Real processes with keys in a token: an issuer, an officer and a verifier whose keys never come out."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from diptych.adapters.keys import file
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.trust import IssuerTrust, parse_trust
from diptych.formats.mdoc.verify import verify_issuer_signed
from diptych.private import Secret
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.oauth.token import TokenResponse, parse_token_response
from diptych.protocols.openid4vci.offer import parse_offer
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest
from diptych.protocols.openid4vp import registration, request_object
from tests.issuer_process import HttpWallet, free_port
from tests.tokens import SoftToken, soft_token

MDL, AGE = "org.iso.18013.5.1.mDL", "eu.europa.ec.av.1"


@dataclass
class Town:
    """Folders, and the environment with which every process here reaches the token."""

    folder: Path
    token: SoftToken
    url: str

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
        """A command that succeeds; what it prints."""
        done = self.type(*arguments, environment=environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def type(self, *arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "diptych", *arguments],
            cwd=self.folder,
            env=environment or self.token.environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def trust(self) -> IssuerTrust:
        return parse_trust((self.folder / "issuer" / "trust.json").read_bytes())

    @contextmanager
    def serving(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "diptych", "serve", *arguments],
            cwd=self.folder,
            env=environment or self.token.environment(),
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert "listening" in line, line
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)

    def redeemed(self) -> tuple[HttpWallet, TokenResponse]:
        """A citizen's wallet with the tokens of an order that was approved at the counter just now."""
        order_file = self.folder / f"{os.urandom(8).hex()}.toml"  # one approval is one order, however often it is tried
        order_file.write_text(f"# {order_file.name}\n" + (self.folder / "me.toml").read_text())
        approved = json.loads(self.run("officer", "approve", str(order_file), "--issuer", self.url, "--json"))
        wallet, offer = HttpWallet(self.url), parse_offer(approved["offer"])
        _, nonce = wallet.nonces()
        response = httpx.post(
            self.url + "/token",
            content=PreAuthorizedTokenRequest(offer.code, Secret(approved["tx_code"].encode())).encode(),
            headers={"Content-Type": FORM, "DPoP": wallet.dpop("/token", nonce)},
        )
        return wallet, parse_token_response(response.content)

    def documents(self, *type_ids: str) -> Sequence[bytes]:
        """A citizen's documents."""
        wallet, tokens = self.redeemed()
        return [wallet.obtain(tokens, type_id).credentials[0] for type_id in type_ids]

    def believes(self, credential: bytes, doc_type: str) -> bytes:
        """The signer's certificate of a document that holds under the present trust file."""
        document = parse_issuer_signed(credential)
        verify_issuer_signed(document, expected_doc_type=doc_type, trust=self.trust(), now=datetime.now(UTC))
        return document.issuer_auth.x5chain()[0]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """An issuer whose signers, and an officer whose key, are in one token."""
    folder = tmp_path_factory.mktemp("town")
    token = soft_token(folder / "token")
    port = free_port()
    found = Town(folder, token, f"http://127.0.0.1:{port}")
    found.run("officer", "init", "officer", "--key", token.uri)
    found.run(
        *("issuer", "init", "issuer", "--url", found.url, "--key", token.uri),
        *("--officer-key", "officer/officer.pub.pem", "--without-log"),
    )
    (folder / "me.toml").write_text(found.run("officer", "template", "driving-licence", "--specimen"))
    return found


def test_nothing_that_signs_documents_or_orders_lies_in_a_file(town: Town) -> None:
    assert list((town.folder / "issuer" / "signers").iterdir()) == []
    assert [path.name for path in (town.folder / "officer").glob("*.key.pem")] == []
    settings = (town.folder / "officer" / "settings.toml").read_text()
    assert 'key = "pkcs11:token=utopia;object=diptych-officer"' in settings
    listed = json.loads(town.run("issuer", "signers", "issuer", "--json"))
    assert all(one["key"].startswith("pkcs11:token=utopia;object=") for one in listed)


def test_documents_are_signed_in_the_token_by_many_processes_at_once(town: Town) -> None:
    with town.serving("issuer", "issuer"), ThreadPoolExecutor(6) as citizens:
        for licence, age in citizens.map(lambda _: town.documents("driving-licence", "proof-of-age"), range(6)):
            assert town.believes(licence, MDL) in town.trust().signers[MDL]
            assert town.believes(age, AGE) in town.trust().signers[AGE]


def test_a_running_issuer_signs_with_the_new_key_at_once(town: Town) -> None:
    with town.serving("issuer", "issuer"):
        (before,) = town.documents("driving-licence")
        told = json.loads(town.run("issuer", "rotate-signer", "issuer", "--type", "driving-licence", "--json"))
        (after,) = town.documents("driving-licence")
        assert town.believes(before, MDL) != town.believes(after, MDL)
        assert len(told["destroy_in_token"]) == 1  # its owner destroys it there
        # In the same token, because nobody said otherwise; into a file only where somebody does.
        assert list((town.folder / "issuer" / "signers").iterdir()) == []
        town.run("issuer", "rotate-signer", "issuer", "--type", "proof-of-age", "--key", "file")
        _, age = town.documents("driving-licence", "proof-of-age")
        assert town.believes(age, AGE)
        assert len(list((town.folder / "issuer" / "signers").iterdir())) == 1


def test_a_token_that_is_pulled_out_stops_issuing_by_name_and_nothing_is_used_up(town: Town) -> None:
    with town.serving("issuer", "issuer"):
        wallet, tokens = town.redeemed()
        town.token.remove()
        try:
            assert httpx.get(town.url + "/.well-known/openid-credential-issuer").status_code == 200
            refused = town.type("officer", "approve", "me.toml", "--issuer", town.url)
            assert refused.returncode == 1
            assert "(pkcs11.token)" in refused.stderr
            with pytest.raises(AssertionError, match=r"503|unavailable|pkcs11"):
                wallet.obtain(tokens, "driving-licence")
        finally:
            town.token.put_back()
        (licence,) = wallet.obtain(tokens, "driving-licence").credentials
        assert town.believes(licence, MDL)


def test_an_issuer_with_a_wrong_pin_does_not_begin_to_serve(town: Town, tmp_path: Path) -> None:
    (tmp_path / "pin").touch(mode=0o600)
    (tmp_path / "pin").write_text("000000\n")
    wrong = {**town.token.environment(), "DIPTYCH_PKCS11_PIN_FILE": str(tmp_path / "pin")}
    ended = town.type("serve", "issuer", "issuer", environment=wrong)
    assert ended.returncode == 1
    assert "(pkcs11.pin)" in ended.stderr
    assert "000000" not in ended.stderr + ended.stdout
    town.run("issuer", "signers", "issuer")  # listing needs no token
    without = {name: value for name, value in os.environ.items() if not name.startswith("DIPTYCH_PKCS11")}
    assert "(pkcs11.module)" in town.type("serve", "issuer", "issuer", environment=without).stderr


def test_a_verifier_asks_with_a_key_in_the_token_and_turns_to_another_one(town: Town) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    town.run("verifier", "init", "verifier", "--url", url, "--trust", "issuer/trust.json", "--key", town.token.uri)
    folder = town.folder / "verifier"
    assert list(folder.glob("verifier*.key.pem")) == []
    with town.serving("verifier", "verifier"):
        asked = json.loads(town.run("verifier", "ask", "over_18", "--verifier", "verifier", "--no-wait", "--json"))
        link = request_object.parse_link(asked["link"])
        body = encode_form(request_object.encode_fetch("wallet-nonce"))
        answer = httpx.post(link.request_uri, content=body, headers={"Content-Type": FORM})
        verified = request_object.verify(
            answer.text,
            expected_client_id=link.client_id,
            expected_wallet_nonce="wallet-nonce",
            trust=registration.parse_trust((folder / "verifier-trust.json").read_bytes()),
            now=datetime.now(UTC),
        )
        assert verified.verifier.name == "Café Utopia"
        rotated = json.loads(town.run("verifier", "rotate-key", "verifier", "--json"))
    assert [one["key"].split(";")[0] for one in rotated["keys"]] == [town.token.uri] * 2
    assert rotated["keys"][0]["key"] != rotated["keys"][1]["key"]
    assert file.read_certificates(folder / "verifier.pem")
