"""Every role's OpenAPI description against the role: schemathesis sends what it allows and what not, in any order.

Signatures, codes and proofs cannot be made up. So at random a request is made true: it then carries the journey on, and
what comes next meets a state that has something in it.
"""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from typing import TypeAlias
from urllib.parse import parse_qsl

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import positive_data_acceptance
from schemathesis.core.transport import Response
from schemathesis.openapi import media_type
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import negative_data_rejection
from starlette.types import ASGIApp

from diptych.adapters.journal import Journal, Role
from diptych.crypto.signing import generate_signer
from diptych.errors import DiptychError
from diptych.formats import base64url
from diptych.formats.order.signed import MEDIA_TYPE as ORDER
from diptych.formats.order.standing import MEDIA_TYPE as STANDING
from diptych.formats.tlog.entry import ActorClass, parse_entry
from diptych.private import Secret
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.oauth.token import RefreshTokenRequest, TokenResponse, parse_token_response
from diptych.protocols.openid4vci.credential import CredentialRequest
from diptych.protocols.openid4vci.offer import CredentialOffer
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest, TokenRequest
from diptych.protocols.openid4vp import request_object, response
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.protocols.recording import submission
from diptych.protocols.recording.submission import Writer, writer_fingerprint
from diptych.protocols.witnessing.add_checkpoint import Answer
from diptych.roles.log.fakes import AskWitness
from diptych.roles.log.overview import LogOverview
from diptych.web.issuer.server import build_server as build_issuer
from diptych.web.log.page import LogPage
from diptych.web.log.pool import Pool
from diptych.web.log.server import build_server as build_log
from diptych.web.registry.openapi import MEDIA_TYPE as TO_REGISTRY
from diptych.web.trustee.openapi import MEDIA_TYPE as TO_TRUSTEE
from diptych.web.verifier.server import build_server as build_verifier
from diptych.web.witness.server import build_server as build_witness
from tests import verifying
from tests.formats.tlog_specimen import ORIGIN
from tests.issuing import TinyWallet
from tests.issuing import Town as IssuerTown
from tests.log_world import World, entry
from tests.protocols import openid4vp_parties as parties
from tests.serving import serving
from tests.web.registry_parties import Registry, Trustee

EXAMPLES = 25
STORIES, STEPS = 12, 12
MENDED = 0.6
"""How often a request is made true."""
UNTRUE = [positive_data_acceptance, negative_data_rejection]
"""What is well formed may be refused: only a key can say what would be accepted. And a damaged request that was made
true is one no longer."""
QUIET = settings(
    deadline=None, database=None, phases=[Phase.generate, Phase.shrink], suppress_health_check=list(HealthCheck)
)
BYTES = st.binary(max_size=2000)
for name in (ORDER, STANDING, submission.MEDIA_TYPE, TO_REGISTRY, TO_TRUSTEE):
    media_type(name, BYTES)
media_type("application/jwt", st.text(max_size=200).map(str.encode))


class Issuer:
    """An issuer, its officer, and a wallet that sometimes says the right thing."""

    def __init__(self) -> None:
        self.offers: list[tuple[CredentialOffer, str]] = []
        self.tokens: list[TokenResponse] = []

    def build(self, url: str) -> ASGIApp:
        self.town = IssuerTown(url=url)
        self.town.issuer = replace(self.town.issuer, request_key=generate_signer())
        self.wallet = TinyWallet(self.town)
        return build_issuer(url, lambda: self.town.issuer, clock=lambda: self.town.now, entropy=self.town.entropy)

    def mend(self, case: Case) -> None:
        wallet = self.wallet
        if case.path == "/orders":
            signed, offer, tx_code = self.town.approve()
            self.offers.append((offer, tx_code))
            case.body = signed
        elif case.path == "/token" and (self.tokens or self.offers):
            case.media_type, case.body = FORM, dict(parse_qsl(self._grant().encode().decode()))
            case.headers["DPoP"] = wallet.dpop("/token")
        elif case.path == "/credential" and self.tokens:
            token = random.choice(self.tokens).access_token
            case.media_type = "application/json"
            case.body = json.loads(CredentialRequest("proof-of-age", wallet.key_proofs(1)).encode())
            case.headers["Authorization"] = f"DPoP {token.reveal().decode()}"
            case.headers["DPoP"] = wallet.dpop("/credential", access_token=token)

    def _grant(self) -> TokenRequest:
        if self.tokens and random.random() < 0.5:
            refresh = self.tokens[-1].refresh_token
            assert refresh is not None
            return RefreshTokenRequest(refresh)
        offer, tx_code = random.choice(self.offers or [(self.town.order())])
        return PreAuthorizedTokenRequest(offer.code, Secret(tx_code.encode()))

    def look(self, case: Case, answer: Response) -> None:
        if case.path == "/token" and answer.status_code == 200:
            self.tokens.append(parse_token_response(answer.content))


class Verifier:
    """A verifier, its relying party, and a wallet."""

    key = Secret(b"the relying party's key")

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.fetched: list[VerifiedRequest] = []

    def build(self, url: str) -> ASGIApp:
        self.town = verifying.Town(url=url, checks_a_minute=10**6)
        return build_verifier(
            self.town.verifier,
            url=url,
            key_hash=hashlib.sha256(self.key.reveal()).digest(),
            clock=lambda: self.town.now,
            on_close=lambda: None,
        )

    def mend(self, case: Case) -> None:
        if case.path == "/presentations":
            case.headers["Authorization"] = f"Bearer {base64url.encode(self.key.reveal())}"
            case.media_type, case.body = "application/json", {"policy": "over_18"}
        elif case.path == "/responses/{presentation_id}" and self.fetched:
            verified = random.choice(self.fetched)
            body = verifying.proven(verified) if random.random() < 0.7 else _declined(verified)
            case.path_parameters["presentation_id"] = verified.request.response_uri.rpartition("/")[2]
            case.media_type, case.body = FORM, dict(parse_qsl(body.decode()))
        elif "{presentation_id}" in case.path and self.asked:
            asked = random.choice(self.asked)
            case.path_parameters["presentation_id"] = asked["id"]
            if case.path.startswith("/requests"):
                case.media_type, case.body = FORM, {"wallet_nonce": parties.WALLET_NONCE}
            elif not case.path.endswith("qr.svg"):
                case.headers["Authorization"] = f"Bearer {asked['secret']}"

    def look(self, case: Case, answer: Response) -> None:
        if case.path == "/presentations" and answer.status_code == 201:
            self.asked.append(json.loads(answer.content.splitlines()[0]))
        elif case.path.startswith("/requests") and answer.status_code == 200:
            link = request_object.parse_link(self.asked[-1]["link"])
            with suppress(DiptychError):  # another wallet's nonce
                self.fetched.append(
                    request_object.verify(
                        answer.content.decode(),
                        expected_client_id=link.client_id,
                        expected_wallet_nonce=parties.WALLET_NONCE,
                        trust=parties.TRUST,
                        now=self.town.now,
                    )
                )


class Log:
    """A log under three witnesses, and a writer."""

    def __init__(self) -> None:
        self.writer = generate_signer()
        self.count = 0

    def build(self, url: str) -> ASGIApp:
        world, journal = World(), Journal(Role.LOG, descriptor=-1)
        self.now = world.now
        pool = Pool(world.log, clock=lambda: world.now, seconds=0.001, journal=journal)
        writers = {writer_fingerprint(self.writer.public_key): Writer(self.writer.public_key, {ActorClass.ISSUER})}
        overview = LogOverview(world.store, world.files, world.policy)
        return build_log(
            pool,
            origin=ORIGIN,
            writers=writers,
            files=world.files,
            clock=lambda: world.now,
            journal=journal,
            page=LogPage(overview, url=url, clock=lambda: world.now),
        )

    def mend(self, case: Case) -> None:
        if case.path == submission.PATH:
            self.count += random.randrange(2)
            acts = [parse_entry(entry(self.count))]
            case.body = submission.sign_submission(acts, origin=ORIGIN, signer=self.writer).encode()
        elif case.path.startswith("/tile"):
            case.path_parameters["path"] = random.choice(("0/000", f"0/000.p/{self.count}", "entries/000.p/1"))

    def look(self, case: Case, answer: Response) -> None:
        """Nothing that comes is needed later."""


class Witness:
    """A witness, and what a log asks of it, in and out of order."""

    def __init__(self) -> None:
        self.count = 0
        self.said: list[bytes] = []

    def build(self, url: str) -> ASGIApp:
        self.world = World()
        served = World().witness(0)
        witnesses = self.world.witnesses
        witnesses.ask = {place: self._overhearing(ask) for place, ask in witnesses.ask.items()}
        return build_witness(served, clock=lambda: self.world.now, journal=Journal(Role.WITNESS, descriptor=-1))

    def _overhearing(self, ask: AskWitness) -> AskWitness:
        def asked(body: bytes) -> Answer:
            self.said.append(body)
            return ask(body)

        return asked

    def mend(self, case: Case) -> None:
        if case.path == "/add-checkpoint":
            if not self.said or random.random() < 0.5:
                self.count += 1
                self.world.append(entry(self.count))
            case.body = random.choice(self.said[-3:]).decode()
        elif case.path == "/{log}/checkpoint":
            case.path_parameters["log"] = hashlib.sha256(ORIGIN.encode()).hexdigest()

    def look(self, case: Case, answer: Response) -> None:
        """Nothing that comes is needed later."""


ROLES = {
    "issuer": Issuer,
    "verifier": Verifier,
    "log": Log,
    "witness": Witness,
    "registry": Registry,
    "trustee": Trustee,
}
Party: TypeAlias = Issuer | Verifier | Log | Witness | Registry | Trustee


@contextmanager
def described(role: str) -> Iterator[tuple[BaseSchema, Party, str]]:
    """A role that is served, and what it says of itself."""
    found = ROLES[role]()
    with serving(found.build) as url:
        _wait_until_ready(url)
        schema = schemathesis.openapi.from_dict(httpx.get(f"{url}/openapi.json", trust_env=False).json())
        yield schema, found, url


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_answers_anything_as_it_says_it_does(role: str, mode: GenerationMode) -> None:
    with described(role) as (schema, _, url), _session() as session:
        tried = 0
        for operation in (result.ok() for result in schema.get_all_operations()):

            @settings(QUIET, max_examples=EXAMPLES)
            @given(case=operation.as_strategy(mode))
            def ask(case: Case) -> None:
                nonlocal tried
                tried += 1
                answer = case.call(base_url=url, session=session)
                case.validate_response(answer, excluded_checks=[positive_data_acceptance])

            with suppress(Unsatisfiable if mode is GenerationMode.NEGATIVE else ()):  # nothing there can be damaged
                ask()
    assert tried >= EXAMPLES


@pytest.mark.parametrize("role", ROLES)
def test_a_role_answers_in_any_state_as_it_says_it_does(role: str) -> None:
    statuses: Counter[int] = Counter()
    with described(role) as (schema, found, url), _session() as session:
        operations = [result.ok() for result in schema.get_all_operations()]
        step = st.one_of([operation.as_strategy() for operation in operations])

        @settings(QUIET, max_examples=STORIES)
        @given(story=st.lists(step, min_size=STEPS, max_size=STEPS))
        def tell(story: list[Case]) -> None:
            for case in story:
                statuses[_act(case, found, url, session)] += 1

        tell()
    assert statuses[200] > 0
    assert any(status >= 400 for status in statuses), "nothing was refused"


@pytest.mark.parametrize("role", ["registry", "trustee"])
def test_what_is_true_is_done_wherever_it_is_said(role: str) -> None:
    with described(role) as (schema, found, url), _session() as session:
        operations = [result.ok() for result in schema.get_all_operations()]
        for operation in (one for one in operations if one.method == "post"):
            case = operation.Case(media_type=operation.get_request_payload_content_types()[0])
            found.mend(case)
            answer = case.call(base_url=url, session=session)
            case.validate_response(answer)
            assert answer.status_code in (200, 204), operation.path


def test_a_verifier_can_be_walked_along_the_links_that_it_describes() -> None:
    """Each walk meets a verifier of its own: Hypothesis replays walks, and must find the same answers."""
    statuses: Counter[int] = Counter()
    with described("verifier") as (schema, _, _), _session() as session:

        class Walk(schema.as_state_machine()):  # type: ignore[misc]  # schemathesis makes the class
            def setup(self) -> None:
                self.found, self.verifier = Verifier(), ExitStack()
                self.url = self.verifier.enter_context(serving(self.found.build))

            def teardown(self) -> None:
                self.verifier.close()

            def before_call(self, case: Case) -> None:
                case.query.pop("wait", None)
                if case.path == "/presentations" or random.random() < MENDED:
                    self.found.mend(case)

            def get_call_kwargs(self, case: Case) -> dict[str, object]:
                return {"base_url": self.url, "session": session}

            def after_call(self, answer: Response, case: Case) -> None:
                statuses[answer.status_code] += 1
                self.found.look(case, answer)

            def validate_response(self, answer: Response, case: Case, **_: object) -> None:
                case.validate_response(answer, excluded_checks=UNTRUE)

        Walk.run(settings=settings(QUIET, max_examples=STORIES, stateful_step_count=STEPS))
    assert {200, 201} <= set(statuses)


def _act(case: Case, found: Party, url: str, session: requests.Session) -> int:
    case.query.pop("wait", None)  # nobody answers meanwhile
    if random.random() < MENDED:
        found.mend(case)
    answer = case.call(base_url=url, session=session)
    case.validate_response(answer, excluded_checks=UNTRUE)
    found.look(case, answer)
    return answer.status_code


def _declined(verified: VerifiedRequest) -> bytes:
    return encode_form(response.build_error(verified, "access_denied"))


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def _wait_until_ready(url: str) -> None:
    for _ in range(100):
        if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
            return
