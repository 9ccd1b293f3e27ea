"""Answering a verifier: who asks is checked, what they would learn is shown, and the least revealing answer is given.

In steps, so that a page or a terminal can stand between them: `review` reads the request and plans an answer,
`prepare` makes it once the person agrees, `send` hands it over. A copy that is shown plainly is spent on disk before
anything leaves: whatever happens then, it is never shown again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.longfellow import Claim
from diptych.crypto.signing import load_signer
from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.formats import cbor
from diptych.formats.mdoc.device_response import DeviceResponse
from diptych.formats.mdoc.issuer_signed import IssuerSigned, parse_issuer_signed
from diptych.formats.mdoc.present import present
from diptych.formats.mdoc.zk_document import ZkDocument
from diptych.formats.x509 import certificate
from diptych.private import Personal
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import registration, request_object, response
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.fast_answering import FastCandidate, answer
from diptych.roles.wallet.issuance import OK, TRY_LATER, check_reach
from diptych.roles.wallet.model import Copy, Event, HistoryEntry, Outcome
from diptych.roles.wallet.planning import ACCESS_DENIED, Disclosure, Mechanism, Plan, exhausted, make_plan
from diptych.roles.wallet.ports import Answer, Prover, VerifierLine, WalletStore
from diptych.roles.wallet.proving import open_held
from diptych.roles.wallet.records import whole_seconds


@dataclass(frozen=True)
class Consent:
    """What the person said to a plan. A recognisable answer in the place of a proof needs to be accepted as such."""

    agrees: bool
    accepts_linkable: bool = False


@dataclass(frozen=True)
class Prepared:
    """An answer that is ready to leave; what it spends is spent."""

    plan: Plan
    form: bytes = field(repr=False)
    size: int
    """Bytes of the presentations themselves."""
    entry: HistoryEntry


@dataclass(frozen=True)
class Sent:
    """What the verifier said to the answer. `redirect_uri` is where the person's browser goes next."""

    is_accepted: bool
    redirect_uri: str | None


@dataclass(frozen=True)
class Presenting:
    """The use-cases that talk to verifiers."""

    store: WalletStore
    line: VerifierLine
    prover: Prover
    entropy: Entropy

    def review(self, link: str, *, now: datetime) -> Plan:
        """Who asks, what for, and how this wallet would answer.

        Raises what `request_object.verify` raises about the verifier ("registration.over_asking" among it), and
        `Unanswerable` naming why this wallet cannot answer. A refused verifier is noted in the history.
        """
        found = request_object.parse_link(link)
        contents = Contents.of_live(self.store)
        wallet_nonce = request_object.fresh(self.entropy)
        form = encode_form(request_object.encode_fetch(wallet_nonce))
        answer = self.line.fetch_request(found.request_uri, form)
        if answer.status >= 500 or answer.status in TRY_LATER:
            raise Unavailable("verifier.unavailable", "the verifier cannot answer now: try again later")
        if answer.status != OK or answer.media_type != request_object.MEDIA_TYPE:
            raise Refused("verifier.no_request", "the verifier has no such request, or no longer: ask it for a new one")
        try:
            verified = request_object.verify(
                _ascii(answer.body),
                expected_client_id=found.client_id,
                expected_wallet_nonce=wallet_nonce,
                trust=registration.parse_trust(contents.trust().verifiers),
                now=now,
            )
            check_reach(found.request_uri, verified.request.response_uri)
        except (FormatError, VerificationError, Refused) as error:
            self._note_refused(contents, found.client_id, error.check, now)
            raise
        return make_plan(contents, verified, now=now)

    def prepare(self, plan: Plan, consent: Consent, *, now: datetime) -> Prepared:
        """The answer to which the person agreed. Takes a second or two for a proof.

        `Refused` "wallet.not_agreed" or "wallet.linkable_not_agreed" without consent, "wallet.copies_exhausted" if
        another window was faster. Nothing is spent then.
        """
        if not consent.agrees:
            raise Refused("wallet.not_agreed", "the person did not agree", code=ACCESS_DENIED)
        if plan.is_fallback and not consent.accepts_linkable:
            raise Refused(
                "wallet.linkable_not_agreed",
                "no proof can be given here; the plain answer, which is recognised, was not agreed to",
                code=ACCESS_DENIED,
            )
        if plan.verified.request.expires is not None and plan.verified.request.expires <= now:
            raise Refused("request.expired", "the request has expired meanwhile: ask for a new one")
        # Another window that spends or renews the same copies meanwhile makes `save` a `Conflict`: nothing leaves.
        contents = Contents.of_live(self.store)
        spent: list[Copy] = []
        presentations: dict[str, tuple[bytes, ...]] = {}
        for disclosure in plan.disclosures:
            presentations[disclosure.query_id] = (self._present(contents, plan, disclosure, spent, now),)
        for copy in spent:
            contents.put_copy(replace(copy, is_spent=True))
        entry = self._entry(contents, plan, Event.PRESENTED, Outcome.UNKNOWN, now)
        contents.put_history_entry(entry)
        contents.save(self.store)
        form = encode_form(response.build(plan.verified, presentations))
        return Prepared(plan, form, sum(len(found[0]) for found in presentations.values()), entry)

    def send(self, prepared: Prepared) -> Sent:
        """Hands the answer over, the same bytes twice if the first answer is lost, and notes how it ended.

        `Unavailable` if that stays unknown: the verifier may have taken it.
        """
        url = prepared.plan.verified.request.response_uri
        try:
            answer, is_repeated = self._deliver(url, prepared.form), False
        except Unavailable:
            answer, is_repeated = self._deliver(url, prepared.form), True
        if is_repeated and answer.status != OK:
            # The first one may have arrived, and then this is the answer to a nonce that is spent.
            raise Unavailable("verifier.unknown", "the verifier may have taken the answer: ask there how it ended")
        is_accepted = answer.status == OK
        redirect_uri = response.parse_receipt(answer.body) if is_accepted else None
        self._note_outcome(prepared.entry, Outcome.DONE if is_accepted else Outcome.REJECTED)
        return Sent(is_accepted, redirect_uri)

    def decline(self, plan: Plan, *, now: datetime) -> None:
        """Tells the verifier no, with the one code that says neither why nor what the wallet holds (8.5)."""
        contents = Contents(self.store.read())
        contents.put_history_entry(self._entry(contents, plan, Event.DECLINED, Outcome.DONE, now))
        contents.save(self.store)
        form = encode_form(response.build_error(plan.verified, ACCESS_DENIED))
        self.line.send_response(plan.verified.request.response_uri, form)

    def _deliver(self, url: str, form: bytes) -> Answer:
        answer = self.line.send_response(url, form)
        if answer.status >= 500 or answer.status in TRY_LATER:
            raise Unavailable("verifier.unavailable", "the verifier cannot take the answer now")
        return answer

    def _present(
        self, contents: Contents, plan: Plan, disclosure: Disclosure, spent: list[Copy], now: datetime
    ) -> bytes:
        if disclosure.fast is not None:
            return self._prove_fast(contents, plan, disclosure.fast)
        copies = contents.copies(disclosure.document.id)
        disclose: dict[str, list[str]] = {}
        for element in disclosure.learned:
            disclose.setdefault(element.namespace, []).append(element.identifier)
        if disclosure.mechanism is Mechanism.LONGFELLOW:
            return self._prove(copies, disclosure, disclose, plan.verified.transcript(), now)
        taken = {copy.id for copy in spent}
        copy = next((copy for copy in copies if not copy.is_spent and copy.id not in taken), None)
        if copy is None:
            raise exhausted()
        spent.append(copy)
        document = present(
            _as_agreed(copy, disclosure),
            doc_type=disclosure.document.doc_type,
            disclose=disclose,
            transcript=plan.verified.transcript(),
            device_signer=load_signer(copy.device_key.reveal()),
        )
        return DeviceResponse(documents=(document,)).encode()

    def _prove_fast(self, contents: Contents, plan: Plan, planned: FastCandidate) -> bytes:
        """A proof by the fast suite, from what is here now and says the same as what the person was shown."""
        if contents.proving(planned.document.id) is None:
            raise Refused("wallet.no_document", "the document is no longer in this wallet", code=ACCESS_DENIED)
        found = open_held(contents, planned.document, planned.trust)
        now_held = replace(planned, held=found)
        if now_held.disclosed() != planned.disclosed():
            raise Conflict("wallet.changed", "the document changed since you were asked: look again")
        digits = planned.trust.signed_digits(entropy=self.entropy)
        return answer(now_held, plan.verified, digits, entropy=self.entropy)

    def _prove(
        self,
        copies: Sequence[Copy],
        disclosure: Disclosure,
        disclose: dict[str, list[str]],
        transcript: bytes,
        now: datetime,
    ) -> bytes:
        """A proof over any copy: which one cannot be told, so none is spent."""
        if not copies or disclosure.circuit is None:
            raise Refused("wallet.no_document", "the document is no longer in this wallet", code=ACCESS_DENIED)
        system, circuit = disclosure.circuit
        issuer_signed = _as_agreed(copies[0], disclosure)
        chain = issuer_signed.issuer_auth.x5chain()
        doc_type = disclosure.document.doc_type
        document = present(
            issuer_signed,
            doc_type=doc_type,
            disclose=disclose,
            transcript=transcript,
            device_signer=load_signer(copies[0].device_key.reveal()),
        )
        claims = [
            Claim(element.namespace, element.identifier, cbor.encode(element.value.reveal()))
            for element in disclosure.learned
        ]
        # Whole minutes: a moment to the second would tell answers apart (credentials-and-proofs, "Bytes").
        timestamp = now.replace(second=0, microsecond=0)
        proof = self.prover.prove(
            document=DeviceResponse(documents=(document,)).encode(),
            issuer_key=certificate.public_key(certificate.parse(chain[0])),
            transcript=transcript,
            claims=claims,
            timestamp=timestamp,
            zk_system_id=circuit.zk_system_id,
        )
        proven = ZkDocument(
            doc_type=doc_type,
            zk_system_id=system.id,
            timestamp=timestamp,
            claims={
                claims[0].namespace: {claim.identifier: Personal(claim.encoded_value) for claim in claims},
            },
            proof=proof,
            signer_chain=chain,
        )
        return DeviceResponse(zk_documents=(proven,)).encode()

    def _entry(self, contents: Contents, plan: Plan, event: Event, outcome: Outcome, now: datetime) -> HistoryEntry:
        is_told = event is Event.PRESENTED
        purpose = plan.verified.purpose
        return HistoryEntry(
            id=contents.next_history_id(self.entropy),
            at=whole_seconds(now),
            event=event,
            outcome=outcome,
            who=Personal(plan.verified.verifier.name),
            purpose=Personal("" if purpose is None else purpose.en),
            documents=Personal(tuple(found.document.configuration_id for found in plan.disclosures)),
            mechanism=plan.mechanism.value if is_told else None,
            learned=Personal(
                tuple(element.identifier for found in plan.disclosures for element in found.learned if is_told)
            ),
        )

    def _note_refused(self, contents: Contents, client_id: str, check: str, now: datetime) -> None:
        contents.put_history_entry(
            HistoryEntry(
                id=contents.next_history_id(self.entropy),
                at=whole_seconds(now),
                event=Event.REFUSED,
                outcome=Outcome.DONE,
                who=Personal(client_id),  # nobody vouches for a name here
                purpose=Personal(check),
                documents=Personal(()),
            )
        )
        contents.save(self.store)

    def _note_outcome(self, entry: HistoryEntry, outcome: Outcome) -> None:
        contents = Contents(self.store.read())
        contents.put_history_entry(replace(entry, outcome=outcome))
        contents.save(self.store)


def _as_agreed(copy: Copy, disclosure: Disclosure) -> IssuerSigned:
    """The copy, once it still says what the person was shown: it may have been renewed meanwhile."""
    issuer_signed = parse_issuer_signed(copy.issuer_signed.reveal())
    for element in disclosure.learned:
        item = issuer_signed.item(element.namespace, element.identifier)
        if item is None or item.element_value != element.value:
            raise Conflict("wallet.changed", "the document changed since you were asked: look again")
    return issuer_signed


def _ascii(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise FormatError("request.ascii", "a request object is ASCII") from error
