"""A real issuer in a process of its own, made and started by the commands, and a tiny wallet that speaks HTTP to it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.keys import file
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.formats.order.signed import MEDIA_TYPE as ORDER
from diptych.private import Secret
from diptych.protocols.oauth.dpop import build_proof
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.oauth.token import TokenResponse, parse_token_response
from diptych.protocols.openid4vci.credential import CredentialRequest, CredentialResponse, parse_credential_response
from diptych.protocols.openid4vci.key_proof import build_key_proof
from diptych.protocols.openid4vci.nonce import parse_nonce_response
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest
from diptych.roles.officer.fakes import MemoryAttempts
from diptych.roles.officer.model import Approval
from diptych.roles.officer.service import Officer
from tests import log_processes
from tests.log_processes import LogProcesses, free_port


def diptych(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "diptych", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@dataclass
class IssuerProcess:
    """A running issuer: its front process, its folder, its officer."""

    url: str
    folder: Path
    process: subprocess.Popen[str]
    officer: SoftwareSigner

    def submit(self, signed_order: bytes) -> None:
        response = httpx.post(f"{self.url}/orders", content=signed_order, headers={"Content-Type": ORDER})
        assert response.status_code == 201, response.text

    def approve(self, order_file: str) -> Approval:
        """An order from the file's text, placed over HTTP."""
        workstation = Officer(load_catalogue(), self.officer, self.url, self, MemoryAttempts(), 6, timedelta(days=7))
        return workstation.approve(order_file.encode(), {}, now=datetime.now(UTC), entropy=os.urandom)


# The same issuer without its defence: the process that listens also reads and answers.
WEAKENED = """
import sys
from pathlib import Path
import uvicorn
from diptych.app import House
from diptych.web import one_request

def serve(doors, *, announce, **more):
    announce()
    uvicorn.Server(uvicorn.Config(doors[0].application, log_level="critical")).run(sockets=[doors[0].listener])

one_request.serve = serve
House().serve_issuer(Path(sys.argv[1]), None, None, lambda line: print(line, flush=True))
"""


@contextmanager
def running_issuer(
    folder: Path, *, is_weakened: bool = False, log: LogProcesses | None = None
) -> Iterator[IssuerProcess]:
    """An issuer from `init` to SIGTERM. With a log, which is started here, it records in it."""
    officer, port = generate_signer(), free_port()
    folder.mkdir(exist_ok=True)
    file.write_public_key(folder / "officer.pub.pem", officer.public_key)
    url = f"http://127.0.0.1:{port}"
    init = ("issuer", "init", str(folder / "issuer"), "--url", url, "--officer-key", str(folder / "officer.pub.pem"))
    if log is None:
        made = diptych(*init)
        assert made.returncode == 0, made.stderr
    else:
        log_processes.run(*init, "--log-policy", log.policy)
        log.admit(folder / "issuer" / "log.pub.pem")
        log.start()
    serving = ["-c", WEAKENED] if is_weakened else ["-m", "diptych", "serve", "issuer"]
    process = subprocess.Popen(
        [sys.executable, *serving, str(folder / "issuer")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=None if log is None else log_processes.RECORDING,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert re.search(rf"listening on 127\.0\.0\.1 port {port}", line), line
        yield IssuerProcess(url, folder / "issuer", process, officer)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


class HttpWallet:
    """One DPoP key, fresh device keys for each batch, over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key = generate_signer()

    def nonces(self) -> tuple[str, str]:
        """A `c_nonce` and a nonce for DPoP proofs."""
        response = httpx.post(self.url + "/nonce")
        return parse_nonce_response(response.content).c_nonce, response.headers["dpop-nonce"]

    def dpop(self, path: str, nonce: str, access_token: Secret | None = None) -> str:
        return build_proof(
            self.key,
            htm="POST",
            htu=self.url + path,
            now=datetime.now(UTC),
            entropy=os.urandom,
            nonce=nonce,
            access_token=access_token,
        )

    def redeem(self, approval: Approval) -> TokenResponse:
        _, nonce = self.nonces()
        response = httpx.post(
            self.url + "/token",
            content=PreAuthorizedTokenRequest(approval.offer.code, approval.tx_code).encode(),
            headers={"Content-Type": FORM, "DPoP": self.dpop("/token", nonce)},
        )
        assert response.status_code == 200, response.text
        return parse_token_response(response.content)

    def proofs(self, count: int) -> tuple[str, ...]:
        """Proofs of fresh device keys."""
        c_nonce, _ = self.nonces()
        return tuple(
            build_key_proof(generate_signer(), issuer=self.url, c_nonce=c_nonce, now=datetime.now(UTC))
            for _ in range(count)
        )

    def ask(self, tokens: TokenResponse, configuration_id: str, proofs: tuple[str, ...]) -> httpx.Response:
        """The answer to a credential request, whatever it is."""
        _, nonce = self.nonces()
        return httpx.post(
            self.url + "/credential",
            content=CredentialRequest(configuration_id, proofs).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"DPoP {tokens.access_token.reveal().decode()}",
                "DPoP": self.dpop("/credential", nonce, tokens.access_token),
            },
            timeout=30,
        )

    def obtain(self, tokens: TokenResponse, configuration_id: str, count: int = 1) -> CredentialResponse:
        return self.parsed(self.ask(tokens, configuration_id, self.proofs(count)))

    @staticmethod
    def parsed(response: httpx.Response) -> CredentialResponse:
        assert response.status_code == 200, response.text
        return parse_credential_response(response.content)
