"""The verifier's use-cases: ask, serve the request once, take one answer, give the verdict to who asked.

What the answer must prove is in `answer`, what may happen when in `model`. Revealed attributes pass through this
process's memory, once, to who asked; nothing here can write them down.
"""

import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import Signer, generate_signer
from diptych.errors import DiptychError, Refused, Unavailable
from diptych.formats import base64url
from diptych.formats.bbs_credential.epoch import Epoch
from diptych.formats.bbs_credential.trust import FastSuiteTrust, parse_member
from diptych.formats.jose import jwk
from diptych.formats.mdoc.trust import IssuerTrust
from diptych.private import Personal, Secret
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.openid4vp import request_object, response
from diptych.protocols.openid4vp.request_object import PresentationRequest, RequestLink
from diptych.protocols.openid4vp.response import EncryptedResponse, ErrorResponse
from diptych.roles.verifier.answer import Expected, FastExpectation, VerifiedAnswer, json_value, verify_answer
from diptych.roles.verifier.fast_answer import FastCheck, verify_fast
from diptych.roles.verifier.model import Event, Presentation, Session, State, Verdict, move
from diptych.roles.verifier.outcomes import Measured, MemoryOutcomes, Outcome
from diptych.roles.verifier.policy import Policy
from diptych.roles.verifier.ports import Epochs, Outcomes, ProofVerifier, VerifierStore
from diptych.roles.verifier.statuses import StatusChecks

ID_CHARACTERS = 32
SECRET_BYTES = 32
# The first byte of a secret, so that nobody can read a same-device verdict as if it were another's.
OTHER_DEVICE, SAME_DEVICE = b"\x00", b"\x01"
MAX_CHECKS_A_MINUTE = 300
ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class VerifierParty:
    """Who this verifier is: its access certificate and key, and its registration certificate."""

    signer: Signer = field(repr=False)
    chain: tuple[bytes, ...]
    registration: str
    scope: str = ""
    """Who it is to pseudonyms (`openid4vp/scope`): the same for all its keys. Empty: it takes no pseudonyms."""

    @property
    def client_id(self) -> str:
        """Its name in requests."""
        return request_object.client_id(self.chain[0])


@dataclass(frozen=True)
class Asked:
    """What the relying party gets: a link to show, and the secret that reads the verdict."""

    id: str
    secret: Secret
    link: str
    expires_at: datetime


@dataclass(frozen=True)
class Result:
    """What the relying party learns. `revealed` is there once, and only if the policy asks to see something."""

    state: State
    policy: str
    verdict: Verdict | None
    measured: Measured | None = None
    revealed: Mapping[str, Personal[str | int | bool]] = field(default_factory=dict)


def presentation_id(secret: Secret) -> str:
    """The id that belongs to a secret: 128 bits of its hash. Whoever has the secret need not be remembered."""
    return hashlib.sha256(b"diptych presentation\0" + secret.reveal()).hexdigest()[:ID_CHARACTERS]


class RateBound:
    """How many answers are checked in a minute; `Unavailable` beyond. Counts attempts, whoever makes them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._recent: deque[datetime] = deque()

    def admit(self, now: datetime) -> None:
        """Count one attempt. Two threads at once may admit one too many: a bound on load, not on rights."""
        while self._recent and self._recent[0] <= now - timedelta(minutes=1):
            self._recent.popleft()
        if len(self._recent) >= self._most:
            raise Unavailable("presentation.rate", "too many answers are being checked; try again in a minute")
        self._recent.append(now)


class Verifier:
    """One verifier with its policies. `stopwatch` counts seconds from any start.

    `fast_check` checks answers of the fast suite, perhaps several together; without it each is checked alone.
    """

    def __init__(
        self,
        *,
        url: str,
        party: VerifierParty,
        policies: Mapping[str, Policy],
        trust: IssuerTrust,
        store: VerifierStore,
        proofs: ProofVerifier,
        entropy: Entropy,
        stopwatch: Callable[[], float],
        checks_a_minute: int = MAX_CHECKS_A_MINUTE,
        outcomes: Outcomes | None = None,
        statuses: StatusChecks | None = None,
        epochs: Epochs | None = None,
        fast_check: FastCheck | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._parties: Sequence[tuple[datetime, VerifierParty]] = ((ALWAYS, party),)
        self._policies = policies
        self._trust = trust
        self._fast_trust = _fast_suite(trust)
        self._epochs = epochs
        self._store = store
        self._proofs = proofs
        self._entropy = entropy
        self._fast_check: FastCheck = partial(verify_fast, entropy=entropy) if fast_check is None else fast_check
        self._stopwatch = stopwatch
        self._rate = RateBound(checks_a_minute)
        self._outcomes = MemoryOutcomes() if outcomes is None else outcomes
        self._statuses = statuses

    def take_on(
        self,
        *,
        parties: Sequence[tuple[datetime, VerifierParty]],
        policies: Mapping[str, Policy],
        trust: IssuerTrust,
    ) -> None:
        """From the next call on: these keys, each from its moment on (oldest first), these questions, this trust.

        A question stays with the key it was asked with; whoever is no longer believed is not, whenever it was asked.
        """
        # One by one: a call in between sees some of each, and each of them is right on its own.
        self._trust = trust
        self._fast_trust = _fast_suite(trust)
        self._parties = tuple(parties)
        self._policies = policies

    @property
    def policies(self) -> Mapping[str, Policy]:
        """The questions that can be asked."""
        return self._policies

    def ask(self, policy_id: str, *, now: datetime, return_uri: str | None = None) -> Asked:
        """Put one question. With `return_uri` the person comes back to it on the same device (HAIP 1.0, 5.1)."""
        policy = self._policies.get(policy_id)
        if policy is None:
            raise Refused("policy.unknown", f"there is no policy of that name; there are {', '.join(self._policies)}")
        self._accepted_epochs(policy, now)  # a question that nobody could answer is not put
        self._store.forget_expired(now)
        secret = Secret((OTHER_DEVICE if return_uri is None else SAME_DEVICE) + self._entropy(SECRET_BYTES))
        presentation = Presentation(
            id=presentation_id(secret),
            policy=policy.id,
            state=State.ASKED,
            expires_at=(now + policy.lifetime).replace(microsecond=0),
            # One key per request (HAIP 1.0, 5), so that the transcript names this request and no other.
            session=Session(
                request_object.fresh(self._entropy), request_object.fresh(self._entropy), generate_signer()
            ),
            return_uri=None if return_uri is None else parse_url(return_uri).text,
        )
        self._store.add(presentation)
        return Asked(presentation.id, secret, self._link(presentation), presentation.expires_at)

    def link(self, presentation_id: str) -> str:
        """The link to a presentation's request, to show again. Whoever knows the id could make it."""
        presentation = self._store.presentation(presentation_id)
        if presentation is None:
            raise Refused("presentation.unknown", "there is no such presentation")
        return self._link(presentation)

    def serve_request(self, presentation_id: str, body: bytes, *, now: datetime) -> str:
        """The signed request object, once: who comes second learns that somebody was first."""
        wallet_nonce = request_object.parse_fetch(body)
        presentation = self._store.advance(presentation_id, Event.FETCH, now=now)
        request = self._request(presentation, wallet_nonce=wallet_nonce, now=now)
        party = self._party(presentation)
        return request_object.sign(request, signer=party.signer, chain=party.chain)

    def take_answer(self, presentation_id: str, body: bytes, *, now: datetime) -> str | None:
        """Check a wallet's answer, keep the verdict, and say where the person's browser goes next, if anywhere.

        1. The body is an answer, within its bounds.
        2. The presentation waits for an answer, and this is one to it: right key, right state. Until here nothing has
           changed: whoever sends nonsense spends nobody's nonce.
        3. The nonce is spent: there is no second answer, whatever comes of this one.
        4. The answer holds, or it is refused by name.
        5. The verdict is kept and the session's key deleted, in one step.
        """
        # 1.
        posted = response.parse_body(body)
        # 2.
        presentation = self._waiting(presentation_id, now)
        session = _session(presentation)
        if isinstance(posted, ErrorResponse):
            return self._decline(presentation, session, posted, now)
        request = self._request(presentation, wallet_nonce=None, now=now)
        answer = _open(posted, session, request, now)
        policy = self._policy(presentation)
        epochs = self._accepted_epochs(policy, now)
        # 3.
        presentation = self._store.advance(presentation_id, Event.ANSWER, now=now)
        trust, statuses = self._trust, self._statuses
        check_status = None if statuses is None else partial(statuses.check, trust=trust, now=now)
        fast = FastExpectation(
            trust=self._fast_trust,
            epochs=epochs,
            day=_asked_at(presentation, policy).date(),
            scope=self._party(presentation).scope,
            check=self._fast_check,
        )
        expected = Expected(policy, request.transcript(), trust, session.key, now, check_status, fast)
        # 4.
        started = self._stopwatch()
        try:
            verified = verify_answer(answer, expected, proofs=self._proofs, admit=lambda: self._rate.admit(now))
            revealed = {name: Personal(json_value(value.reveal())) for name, value in verified.revealed.items()}
        except Unavailable:
            # Nobody could check it: that says nothing about the answer, which may be sent again.
            self._store.advance(presentation_id, Event.GIVE_BACK, now=now)
            raise
        except DiptychError as error:
            self._store.conclude(presentation_id, _refusal(error.check, presentation, now))
            raise
        measured = _measured(verified, self._stopwatch() - started)
        # 5.
        code = Secret(self._entropy(SECRET_BYTES)) if presentation.return_uri is not None else None
        accepted = Verdict(accepted=True, check=None, policy=presentation.policy, time=now.replace(microsecond=0))
        # In memory first: a verdict that can be read has its outcome beside it.
        self._outcomes.remember(presentation.id, Outcome(measured, revealed, code, presentation.expires_at))
        self._store.conclude(presentation_id, accepted)
        # OpenID4VP 1.0, 8.2: a fresh value, so that only who comes back from this wallet gets the result.
        return None if code is None else f"{presentation.return_uri}?response_code={base64url.encode(code.reveal())}"

    def result(self, secret: Secret, *, now: datetime, response_code: Secret | None = None) -> Result:
        """What the relying party may know now. Same device: an acceptance only to who brings the response code.

        OpenID4VP 1.0, 14.2: an attacker who started the session and relayed its link to a victim never sees the code.
        """
        found_id = presentation_id(secret)
        verdict = self._store.verdict(found_id)
        if verdict is None:
            return self._unfinished(found_id, now)
        if not verdict.accepted:
            return Result(verdict.state, verdict.policy, verdict)
        outcome = self._outcomes.find(found_id)
        if outcome is not None and now >= outcome.drop_at:
            outcome = None
        if secret.reveal()[:1] == SAME_DEVICE:
            # The code lives as long as the presentation would have: later, nobody comes back from a wallet any more.
            expected = None if outcome is None else outcome.response_code
            if expected is None or response_code != expected:
                raise Refused(
                    "presentation.response_code", "this verdict is for the browser that came back from the wallet"
                )
        if outcome is None:
            return Result(verdict.state, verdict.policy, verdict)
        # The measures may be read again; what was revealed is handed over once.
        return Result(verdict.state, verdict.policy, verdict, outcome.measured, self._outcomes.hand_over(found_id))

    def check(self) -> None:
        """Raises `Unavailable` if the store cannot be reached."""
        self._store.presentation("")

    def forget_expired(self, now: datetime) -> None:
        """What no request triggers: called by the server from time to time."""
        self._store.forget_expired(now)
        self._outcomes.forget_expired(now)
        if self._statuses is not None:
            self._statuses.refresh(trust=self._trust, now=now)

    def _unfinished(self, found_id: str, now: datetime) -> Result:
        presentation = self._store.presentation(found_id)
        if presentation is None:
            # An id that never was and a secret that never was are the same thing.
            raise Refused("presentation.unknown", "there is no presentation for this secret")
        if presentation.is_due(now):
            self._store.forget_expired(now)
            return Result(State.EXPIRED, presentation.policy, None)
        return Result(presentation.state, presentation.policy, None)

    def _waiting(self, presentation_id: str, now: datetime) -> Presentation:
        """The presentation if it waits for an answer. Looks only; the move is made once the answer is opened."""
        presentation = self._store.presentation(presentation_id)
        if presentation is None:
            verdict = self._store.verdict(presentation_id)
            if verdict is not None:
                move(verdict.state, Event.ANSWER)  # raises: there is no second answer
            raise Refused("presentation.unknown", "there is no such presentation", code="invalid_request")
        move(State.EXPIRED if presentation.is_due(now) else presentation.state, Event.ANSWER)
        return presentation

    def _decline(
        self, presentation: Presentation, session: Session, posted: ErrorResponse, now: datetime
    ) -> str | None:
        if posted.state is None or not hmac.compare_digest(posted.state.encode(), session.state.encode()):
            raise Refused("response.state", "the refusal belongs to another request", code="invalid_request")
        code = posted.error if posted.error in response.ERRORS else "other"
        self._store.conclude(presentation.id, _refusal(f"wallet.{code}", presentation, now))
        return presentation.return_uri

    def _request(self, presentation: Presentation, *, wallet_nonce: str | None, now: datetime) -> PresentationRequest:
        """This side's own view of the request: nothing in it comes from an answer."""
        session = _session(presentation)
        policy = self._policy(presentation)
        party = self._party(presentation)
        return PresentationRequest(
            client_id=party.client_id,
            response_uri=f"{self._url}/responses/{presentation.id}",
            nonce=session.nonce,
            query=policy.query(
                now=now,
                day=_asked_at(presentation, policy).date(),
                epochs=[epoch.name for epoch in self._accepted_epochs(policy, now)],
            ),
            encryption_key=session.key.public_key,
            encryption_kid=base64url.encode(jwk.thumbprint(session.key.public_key)),
            state=session.state,
            wallet_nonce=wallet_nonce,
            issued=now.replace(microsecond=0),
            expires=presentation.expires_at,
            registration=party.registration,
            use=policy.id,
        )

    def _link(self, presentation: Presentation) -> str:
        client_id = self._party(presentation).client_id
        return RequestLink(client_id, f"{self._url}/requests/{presentation.id}").encode()

    def _party(self, presentation: Presentation) -> VerifierParty:
        """Who asked: the key whose time it was. Its name is in the link, in the request, and in the transcript."""
        asked_at = _asked_at(presentation, self._policy(presentation))
        parties = self._parties
        return next((party for since, party in reversed(parties) if since <= asked_at), parties[0][1])

    def _accepted_epochs(self, policy: Policy, now: datetime) -> Sequence[Epoch]:
        """The epochs that an answer may be about; none where the question is not about revocation."""
        if not policy.asks_epochs:
            return ()
        if self._fast_trust is None or self._epochs is None:
            raise Unavailable(
                "epoch.unknown", "no keys of the fast suite are believed here: take the issuer's trust file"
            )
        found = self._epochs.accepted(self._fast_trust, now=now)
        if not found:
            raise Unavailable("epoch.none", "the issuer has published no epoch that is accepted now")
        return found

    def _policy(self, presentation: Presentation) -> Policy:
        policy = self._policies.get(presentation.policy)
        if policy is None:
            raise Unavailable("policy.gone", "the policy of this presentation was taken away: ask again")
        return policy


def _open(
    posted: EncryptedResponse, session: Session, request: PresentationRequest, now: datetime
) -> response.Response:
    return response.open_response(
        posted,
        session.key.private_key(),
        expected_kid=request.encryption_kid,
        expected_state=session.state,
        now=now,
    )


def _asked_at(presentation: Presentation, policy: Policy) -> datetime:
    """When the question was put: the day that it is about is that moment's, however late the answer comes."""
    return presentation.expires_at - policy.lifetime


def _fast_suite(trust: IssuerTrust) -> FastSuiteTrust | None:
    return None if trust.fast_suite is None else parse_member(dict(trust.fast_suite))


def _session(presentation: Presentation) -> Session:
    if presentation.session is None:
        raise Unavailable("presentation.session", "the presentation has no session any more: ask again")
    return presentation.session


def _refusal(check: str, presentation: Presentation, now: datetime) -> Verdict:
    return Verdict(accepted=False, check=check, policy=presentation.policy, time=now.replace(microsecond=0))


def _measured(verified: VerifiedAnswer, seconds: float) -> Measured:
    return Measured(verified.mechanism, round(seconds * 1000), verified.size)
