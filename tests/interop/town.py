"""Our side of the interop tests: orders, questions, and what strangers need to know of our issuer and our verifier."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.http.relying_party import RelyingParty
from diptych.adapters.keys import file
from diptych.crypto.signing import SoftwareSigner
from diptych.formats import base64url
from diptych.formats.jose import jwk
from diptych.formats.mdoc.trust import parse_trust
from diptych.protocols.openid4vp import registration
from diptych.roles.officer.order_file import template
from tests.interop.peers import ask_npm
from tests.issuer_process import IssuerProcess, diptych, free_port

START_SECONDS = 30
COUNTRY = "UT"  # of the certificates that `diptych issuer init` makes


def private_jwk(signer: SoftwareSigner) -> dict[str, object]:
    """A key that a peer is to use."""
    scalar = signer.private_key().private_numbers().private_value.to_bytes(32, "big")
    return {**jwk.encode(signer.public_key), "d": base64url.encode(scalar)}


@dataclass(frozen=True)
class VerifierProcess:
    """A running verifier and its folder."""

    url: str
    folder: Path

    def relying_party(self) -> RelyingParty:
        return RelyingParty(self.url, key_file=self.folder / "relying-party.key")

    def access_roots(self) -> list[str]:
        trust = registration.parse_trust((self.folder / "verifier-trust.json").read_bytes())
        return [root.hex() for root in trust.roots]

    def party(self) -> dict[str, object]:
        """Key, certificate and registration: whoever has them is this verifier."""
        return {
            "key": private_jwk(file.read_signer(self.folder / "verifier.key.pem")),
            "chain": [der.hex() for der in file.read_certificates(self.folder / "verifier.pem")],
        }

    def registration(self) -> str:
        return (self.folder / "registration.jwt").read_text(encoding="ascii").strip()


@contextmanager
def running_verifier(folder: Path, trust: Path) -> Iterator[VerifierProcess]:
    """A verifier from `init` to SIGTERM."""
    url = f"http://127.0.0.1:{free_port()}"
    made = diptych("verifier", "init", str(folder), "--url", url, "--trust", str(trust))
    assert made.returncode == 0, made.stderr
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych", "serve", "verifier", str(folder)], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_up(url):
            assert time.monotonic() < deadline, "the verifier does not start"
            time.sleep(0.05)
        yield VerifierProcess(url, folder)
    finally:
        process.terminate()
        process.wait(timeout=START_SECONDS)


def issuer_roots(issuer: IssuerProcess) -> list[str]:
    """Whom verifiers of its documents believe."""
    return [root.hex() for root in parse_trust((issuer.folder / "trust.json").read_bytes()).roots]


def order(issuer: IssuerProcess, type_id: str, *, country: str = COUNTRY) -> dict[str, object]:
    """The specimen of a type is approved: its offer and its transaction code, as a peer's wallet is told them."""
    catalogue = load_catalogue()
    written = template(catalogue.type(type_id), catalogue, specimen=True)
    approval = issuer.approve(written.replace('issuing_country = "UT"', f'issuing_country = "{country}"'))
    return {"offer": approval.offer.link(), "txCode": approval.tx_code.reveal().decode()}


def receive(
    issuer: IssuerProcess, ordered: Mapping[str, object], wanted: Mapping[str, int], **more: object
) -> dict[str, object]:
    """What the peer's wallet makes of an order: so many copies of each configuration."""
    question: dict[str, object] = {
        **ordered,
        "wanted": [{"configurationId": name, "copies": copies} for name, copies in wanted.items()],
        "roots": issuer_roots(issuer),
        **more,
    }
    return ask_npm("openid4vci_peer.mjs", "receive", question)


def objects(value: object) -> Sequence[Mapping[str, object]]:
    """An array of objects in what a peer said."""
    assert isinstance(value, list)
    assert all(isinstance(item, dict) for item in value)
    return value


def texts(value: object) -> Sequence[str]:
    """An array of texts in what a peer said."""
    assert isinstance(value, list)
    assert all(isinstance(item, str) for item in value)
    return value


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).is_success
    except httpx.HTTPError:
        return False
