"""A whole town in one process: officer, issuer, verifier, wallet, on one clock, without a network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.in_process import InProcessIssuer, InProcessStatusLists, InProcessVerifier
from diptych.adapters.policy_files import load_policies
from diptych.crypto.longfellow import Claim
from diptych.crypto.signing import PublicKey, generate_signer
from diptych.errors import Unavailable
from diptych.formats.catalogue.model import Catalogue
from diptych.formats.mdoc.trust import encode_trust
from diptych.private import Secret
from diptych.protocols.openid4vp import registration, request_object
from diptych.protocols.openid4vp.registration import RegisteredUse, Registration, VerifierTrust
from diptych.roles.officer.fakes import MemoryAttempts
from diptych.roles.officer.model import Approval
from diptych.roles.officer.order_file import template
from diptych.roles.officer.service import Officer
from diptych.roles.verifier.fakes import FakeProofVerifier, MemoryVerifierStore
from diptych.roles.verifier.policy import Policy
from diptych.roles.verifier.policy import parse as parse_policy
from diptych.roles.verifier.ports import ProofVerifier
from diptych.roles.verifier.service import Asked, Result, Verifier, VerifierParty
from diptych.roles.verifier.statuses import StatusChecks
from diptych.roles.wallet.memory import MemoryWalletStore
from diptych.roles.wallet.ports import Answer, Prover, WalletStore
from diptych.roles.wallet.receiving import Received
from diptych.roles.wallet.service import Wallet
from tests.issuing import NOW, Town
from tests.protocols.openid4vp_parties import Authority

VERIFIER_URL = "http://127.0.0.1:8102"
PROOF = bytes(310_000)
SHOW_NAME = b"""
id = "licence_name"
name = { en = "Name", fr = "Nom" }
purpose = { en = "To rent you a car.", fr = "Pour vous louer une voiture." }
[[alternatives]]
doc_type = "org.iso.18013.5.1.mDL"
namespace = "org.iso.18013.5.1"
reveal = ["family_name"]
mechanisms = ["mdoc"]
"""


@cache
def catalogue() -> Catalogue:
    return load_catalogue()


@cache
def policies() -> Mapping[str, Policy]:
    return {**load_policies(), "licence_name": parse_policy(SHOW_NAME)}


class LossyLine:
    """A line that loses what is said or what is answered: `lost` is drawn from once a request."""

    def __init__(self, line: object, lost: Iterator[str | None] | None = None) -> None:
        self.line = line
        self.lost: Iterator[str | None] = iter(()) if lost is None else lost
        self.said: list[str] = []

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        def say(*arguments: object, **named: object) -> Answer:
            self.said.append(name)
            lost = next(self.lost, None)
            if lost == "request":
                raise Unavailable("line", "the request was lost")
            answer: Answer = getattr(self.line, name)(*arguments, **named)
            if lost == "answer":
                raise Unavailable("line", "the answer was lost")
            return answer

        return say


@dataclass
class FakeProver:
    """Makes something as long as a proof, and remembers what it was given."""

    given: list[dict[str, object]] = field(default_factory=list)

    def prove(
        self,
        *,
        document: bytes,
        issuer_key: PublicKey,
        transcript: bytes,
        claims: Sequence[Claim],
        timestamp: datetime,
        zk_system_id: str,
    ) -> bytes:
        self.given.append({"document": document, "claims": tuple(claims), "timestamp": timestamp})
        return PROOF


class Play:
    """Everybody. `store`, `prover` and `proofs` can be the real ones."""

    def __init__(
        self,
        *,
        store: WalletStore | None = None,
        prover: Prover | None = None,
        proofs: ProofVerifier | None = None,
        town: Town | None = None,
        is_encrypted: bool = True,
    ) -> None:
        self.town = town or Town(catalogue=catalogue())
        if is_encrypted:
            self.town.issuer = replace(self.town.issuer, request_key=generate_signer())
        self.issuer_end = InProcessIssuer(self.town.issuer, lambda: self.now, self.town.entropy)
        self.officer = Officer(
            catalogue(), self.town.officer, self.town.url, self.issuer_end, MemoryAttempts(), 6, timedelta(days=7)
        )
        self.access = Authority.named("Access authority of Utopia")
        self.registrar = generate_signer()
        self.proofs = proofs or FakeProofVerifier()
        self.verifier = self.new_verifier([policy.registered_use() for policy in policies().values()])
        self.prover = prover or FakeProver()
        self.store = store or MemoryWalletStore()
        self.issuer_line = LossyLine(self.issuer_end)
        self.status_line = InProcessStatusLists(self.town.issuer, lambda: self.now)
        self.verifier_line = LossyLine(InProcessVerifier(self.verifier, lambda: self.now))
        self.wallet = self.new_wallet()
        self.wallet.set_trust(
            encode_trust(self.town.signers.trust()),
            registration.encode_trust(VerifierTrust((self.access.root,), (self.registrar.public_key,))),
        )

    @property
    def now(self) -> datetime:
        return self.town.now

    def later(self, **duration: float) -> None:
        self.town.later(**duration)

    def new_wallet(self) -> Wallet:
        """The wallet as after a restart: nothing remembered but what is in the store."""
        return Wallet(
            self.store, self.issuer_line, self.verifier_line, self.prover, self.town.entropy, self.status_line
        )

    def new_verifier(self, uses: Sequence[RegisteredUse], *, name: str = "Café Utopia") -> Verifier:
        signer = generate_signer()
        leaf = self.access.reader(signer, name=name)
        registered = Registration(
            request_object.client_id(leaf), tuple(uses), NOW - timedelta(days=1), NOW + timedelta(days=200)
        )
        return Verifier(
            url=VERIFIER_URL,
            party=VerifierParty(signer, (leaf,), registration.sign(registered, signer=self.registrar)),
            policies=policies(),
            trust=self.town.signers.trust(),
            store=MemoryVerifierStore(),
            proofs=self.proofs,
            entropy=self.town.entropy,
            stopwatch=lambda: 0.0,
            statuses=StatusChecks(InProcessStatusLists(self.town.issuer, lambda: self.now)),
        )

    def meet(self, verifier: Verifier) -> None:
        """From now on the wallet's line ends at another verifier."""
        self.verifier = verifier
        self.verifier_line.line = InProcessVerifier(verifier, lambda: self.now)

    def approve(self, type_id: str = "driving-licence") -> Approval:
        """The officer approves the specimen of a type."""
        order_file = template(catalogue().type(type_id), catalogue(), specimen=True).encode()
        return self.officer.approve(order_file, {}, now=self.now, entropy=self.town.entropy)

    def receive(self, type_id: str = "driving-licence") -> Received:
        """Approved, offered, accepted."""
        approval = self.approve(type_id)
        return self.wallet.accept(approval.offer.link(), approval.tx_code, now=self.now)

    def ask(self, policy: str, *, return_uri: str | None = None) -> Asked:
        return self.verifier.ask(policy, now=self.now, return_uri=return_uri)

    def result(self, asked: Asked, response_code: str | None = None) -> Result:
        from diptych.formats import base64url

        code = None if response_code is None else Secret(base64url.decode(response_code))
        return self.verifier.result(asked.secret, now=self.now, response_code=code)
