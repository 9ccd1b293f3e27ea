"""A wallet that keeps what it sent, so that it can be sent again as it was, and an officer who does."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.keys import file
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.formats.order.signed import MEDIA_TYPE as ORDER
from diptych.private import Secret
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.oauth.token import RefreshTokenRequest, TokenResponse, parse_token_response
from diptych.protocols.openid4vci.credential import CredentialRequest, parse_credential_response
from diptych.protocols.openid4vci.key_proof import build_key_proof
from diptych.protocols.openid4vci.nonce import parse_nonce_response
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest, TokenRequest
from diptych.roles.officer.fakes import MemoryAttempts
from diptych.roles.officer.model import Approval
from diptych.roles.officer.service import Officer
from tests.faults.town import Town
from tests.issuer_process import HttpWallet

LINE = httpx.Client(timeout=20, trust_env=False, limits=httpx.Limits(max_connections=None, max_keepalive_connections=0))
CATALOGUE = load_catalogue()


@dataclass(frozen=True)
class Said:
    """One request, whole."""

    url: str
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)

    def send(self) -> httpx.Response | None:
        """The answer; None if the line broke before there was one."""
        try:
            return LINE.post(self.url, content=self.body, headers=self.headers)
        except httpx.TransportError:
            return None


@dataclass
class _Desk:
    signed: list[bytes] = field(default_factory=list)

    def submit(self, signed_order: bytes) -> None:
        self.signed.append(signed_order)


class Citizen:
    """An approved order, and what its citizen says to the issuer, step by step."""

    def __init__(self, town: Town) -> None:
        self.wallet = HttpWallet(town.issuer.url)
        desk = _Desk()
        officer = Officer(
            CATALOGUE,
            file.read_signer(town.folder / "officer" / "officer.key.pem"),
            town.issuer.url,
            desk,
            MemoryAttempts(),
            6,
            timedelta(days=7),
        )
        self.approval: Approval = officer.approve(
            town.order_file.read_bytes(), {}, now=datetime.now(UTC), entropy=os.urandom
        )
        self.order = Said(town.issuer.url + "/orders", desk.signed[0], {"Content-Type": ORDER})
        self.tokens: TokenResponse | None = None

    def redeems(self, tx_code: Secret | None = None) -> Said:
        return self._asks_token(PreAuthorizedTokenRequest(self.approval.offer.code, tx_code or self.approval.tx_code))

    def refreshes(self) -> Said:
        assert self.tokens is not None
        assert self.tokens.refresh_token is not None
        return self._asks_token(RefreshTokenRequest(self.tokens.refresh_token))

    def wants(self, configuration_id: str, copies: int = 1, *, keys: Sequence[SoftwareSigner] | None = None) -> Said:
        """A credential request, for new device keys unless these are given again."""
        assert self.tokens is not None
        c_nonce, nonce = self._nonces()
        keys = keys or [generate_signer() for _ in range(copies)]
        proofs = [build_key_proof(key, issuer=self.wallet.url, c_nonce=c_nonce, now=datetime.now(UTC)) for key in keys]
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"DPoP {self.tokens.access_token.reveal().decode()}",
            "DPoP": self.wallet.dpop("/credential", nonce, self.tokens.access_token),
        }
        body = CredentialRequest(configuration_id, tuple(proofs)).encode()
        return Said(self.wallet.url + "/credential", body, headers)

    def takes(self, answer: httpx.Response | None) -> None:
        """Tokens or documents that came."""
        assert answer is not None
        assert answer.status_code in (200, 201), answer.text
        if "access_token" in answer.text:
            self.tokens = parse_token_response(answer.content)
        elif "credentials" in answer.text:
            assert parse_credential_response(answer.content).credentials

    def goes_on_to_the_end(self) -> None:
        """Everything that is still to come in this citizen's journey."""
        assert self.tokens is not None
        if self.tokens.scope is None:
            self.takes(self.wants("driving-licence").send())
            self.takes(self.wants("proof-of-age").send())
        self.takes(self.refreshes().send())
        self.takes(self.wants("driving-entitlement").send())

    def _nonces(self) -> tuple[str, str]:
        answer = LINE.post(self.wallet.url + "/nonce")
        return parse_nonce_response(answer.content).c_nonce, answer.headers["dpop-nonce"]

    def _asks_token(self, request: TokenRequest) -> Said:
        _, nonce = self._nonces()
        headers = {"Content-Type": FORM, "DPoP": self.wallet.dpop("/token", nonce)}
        return Said(self.wallet.url + "/token", request.encode(), headers)
