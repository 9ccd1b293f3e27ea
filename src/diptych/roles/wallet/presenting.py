"""Answering a verifier: who asks is checked, what they would learn is shown, and the least revealing answer is given.

In steps, so that a page or a terminal can stand between them: `review` reads the request and plans an answer,
`prepare` makes it once the person agrees, `send` hands it over. A copy that is shown plainly is spent on disk before
anything leaves: whatever happens then, it is never shown again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from cryptography import x509

from diptych.crypto.entropy import Entropy
from diptych.crypto.longfellow import Circuit, Claim, check_claims, check_tagged_item, check_tagged_mso
from diptych.crypto.signing import load_signer
from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.formats import base64url, cbor
from diptych.formats.cbor import CborValue
from diptych.formats.mdoc.device_response import DeviceResponse
from diptych.formats.mdoc.issuer_signed import IssuerSigned, IssuerSignedItem, parse_issuer_signed
from diptych.formats.mdoc.present import present
from diptych.formats.mdoc.zk_document import ZkDocument
from diptych.formats.x509 import certificate
from diptych.private import Personal
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import dcql, registration, request_object, response, zk
from diptych.protocols.openid4vp.dcql import ClaimQuery, CredentialQuery, MdocMeta
from diptych.protocols.openid4vp.request_object import VerifiedRequest
from diptych.protocols.openid4vp.zk import ZkSystem
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.issuance import OK, TRY_LATER, check_reach
from diptych.roles.wallet.model import Copy, Document, Event, HistoryEntry, Names, Outcome
from diptych.roles.wallet.ports import Answer, Prover, VerifierLine, WalletStore
from diptych.roles.wallet.records import whole_seconds
from diptych.roles.wallet.values import to_json

ACCESS_DENIED = "access_denied"
FEW_COPIES_LEFT = 3


class Unanswerable(Refused):
    """The request holds and this wallet cannot answer it; `verified` says who asked what."""

    def __init__(self, reason: Refused, verified: VerifiedRequest) -> None:
        super().__init__(reason.check, reason.message, code=ACCESS_DENIED)
        self.verified = verified


class Mechanism(StrEnum):
    """How an answer is given, the least revealing first."""

    LONGFELLOW = "longfellow"
    """A zero-knowledge proof: the fact, and nothing by which the answer is recognised."""
    MDOC = "mdoc"
    """A copy with the chosen elements: its signature and key are recognised by whoever sees them again."""


@dataclass(frozen=True)
class Disclosed:
    """One element that the verifier would learn."""

    namespace: str
    identifier: str
    names: Names
    value: Personal[CborValue]
    is_kept: bool
    """The verifier says that it means to keep it (ISO 18013-5 8.3.2.1.2.1)."""


@dataclass(frozen=True)
class Disclosure:
    """The planned answer to one credential query. `withheld` names what the document says and they do not learn."""

    query_id: str
    document: Document
    mechanism: Mechanism
    learned: tuple[Disclosed, ...]
    withheld: tuple[Names, ...]
    copies_left: int
    """Unspent copies after this answer."""
    circuit: tuple[ZkSystem, Circuit] | None = None


@dataclass(frozen=True)
class Plan:
    """A request that holds, and the least revealing way to answer it. Nothing is decided yet."""

    verified: VerifiedRequest
    disclosures: tuple[Disclosure, ...]
    is_fallback: bool
    """The verifier would take a zero-knowledge proof, and this wallet can only give a recognisable answer."""

    @property
    def mechanism(self) -> Mechanism:
        """The most revealing mechanism in the answer."""
        is_plain = any(found.mechanism is Mechanism.MDOC for found in self.disclosures)
        return Mechanism.MDOC if is_plain else Mechanism.LONGFELLOW

    @property
    def runs_low(self) -> bool:
        """Whether few single-use copies are left after this."""
        return any(
            found.mechanism is Mechanism.MDOC and found.copies_left <= FEW_COPIES_LEFT for found in self.disclosures
        )


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
class _Candidate:
    """A document that could answer a query, and the claims that it would answer with."""

    document: Document
    issuer_signed: IssuerSigned
    claims: tuple[ClaimQuery, ...]
    circuit: tuple[ZkSystem, Circuit] | None


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
        wallet_nonce = request_object.fresh(self.entropy)
        form = encode_form(request_object.encode_fetch(wallet_nonce))
        answer = self.line.fetch_request(found.request_uri, form)
        if answer.status >= 500 or answer.status in TRY_LATER:
            raise Unavailable("verifier.unavailable", "the verifier cannot answer now: try again later")
        if answer.status != OK or answer.media_type != request_object.MEDIA_TYPE:
            raise Refused("verifier.no_request", "the verifier has no such request, or no longer: ask it for a new one")
        contents = Contents(self.store.read())
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
        return self._plan(contents, verified, now)

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
        contents = Contents(self.store.read())
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

    def _plan(self, contents: Contents, verified: VerifiedRequest, now: datetime) -> Plan:
        candidates: dict[str, _Candidate] = {}
        obstacles: list[Refused] = []
        for credential in verified.query.credentials:
            try:
                candidates[credential.id] = _candidate(contents, credential, now)
            except Refused as error:
                obstacles.append(error)
        try:
            chosen = dcql.choose(
                verified.query,
                can_answer=lambda credential: credential.id in candidates,
                cost=lambda credential: _cost(credential, candidates[credential.id]),
            )
        except Refused as error:
            raise Unanswerable(obstacles[0] if obstacles else error, verified) from error
        ids = {credential.id for credential in chosen}
        is_plain = any(credential.format == dcql.MDOC for credential in chosen)
        is_fallback = is_plain and any(
            credential.format == dcql.MDOC_ZK and credential.id not in ids for credential in verified.query.credentials
        )
        plain_so_far: dict[str, int] = {}
        disclosures = []
        for credential in chosen:
            found = candidates[credential.id]
            if credential.format == dcql.MDOC:
                plain_so_far[found.document.id] = plain_so_far.get(found.document.id, 0) + 1
            left = _unspent(contents, found.document) - plain_so_far.get(found.document.id, 0)
            if left < 0:
                raise Unanswerable(_exhausted(), verified)
            disclosures.append(_disclosure(credential, found, left))
        return Plan(verified, tuple(disclosures), is_fallback)

    def _present(
        self, contents: Contents, plan: Plan, disclosure: Disclosure, spent: list[Copy], now: datetime
    ) -> bytes:
        copies = contents.copies(disclosure.document.id)
        disclose: dict[str, list[str]] = {}
        for element in disclosure.learned:
            disclose.setdefault(element.namespace, []).append(element.identifier)
        if disclosure.mechanism is Mechanism.LONGFELLOW:
            return self._prove(copies, disclosure, disclose, plan.verified.transcript(), now)
        taken = {copy.id for copy in spent}
        copy = next((copy for copy in copies if not copy.is_spent and copy.id not in taken), None)
        if copy is None:
            raise _exhausted()
        spent.append(copy)
        document = present(
            _as_agreed(copy, disclosure),
            doc_type=disclosure.document.doc_type,
            disclose=disclose,
            transcript=plan.verified.transcript(),
            device_signer=load_signer(copy.device_key.reveal()),
        )
        return DeviceResponse(documents=(document,)).encode()

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


def _cost(credential: CredentialQuery, candidate: _Candidate) -> int:
    """How much an answer reveals: any proof less than any plain copy, then the fewer elements the better."""
    return len(candidate.claims) + (0 if credential.format == dcql.MDOC_ZK else dcql.MAX_CLAIMS + 1)


def _candidate(contents: Contents, credential: CredentialQuery, now: datetime) -> _Candidate:
    """The newest valid document that answers the query in its own format; `Refused` naming what stands in the way."""
    if not isinstance(credential.meta, MdocMeta):
        raise Refused("wallet.format", "the verifier asks for a format that is not known here", code=ACCESS_DENIED)
    doc_type = credential.meta.doctype_value
    named = doc_type if doc_type.isprintable() else "that is asked for"
    obstacle = Refused("wallet.no_document", f"this wallet has no document of the type {named}", code=ACCESS_DENIED)
    for document in contents.documents():
        if document.doc_type != doc_type:
            continue
        if not document.is_valid(now):
            obstacle = Refused("wallet.document_expired", "the document asked for is not valid now", code=ACCESS_DENIED)
            continue
        try:
            return _fit(contents, document, credential, credential.meta, now)
        except Refused as error:
            obstacle = error
    raise obstacle


def _fit(
    contents: Contents, document: Document, credential: CredentialQuery, meta: MdocMeta, now: datetime
) -> _Candidate:
    copies = contents.copies(document.id)
    is_plain = credential.format == dcql.MDOC
    copy = next((copy for copy in copies if not (is_plain and copy.is_spent)), None)
    if copy is None:
        raise _exhausted()
    issuer_signed = parse_issuer_signed(copy.issuer_signed.reveal())
    if not dcql.check_authorities(credential, _authorities(issuer_signed)):
        raise Refused("wallet.authority", "the document is not from an authority that is asked for", code=ACCESS_DENIED)
    held: dict[dcql.Path, object] = {
        (namespace, item.element_identifier): to_json(item.element_value.reveal())
        for namespace, items in issuer_signed.namespaces.items()
        for item in items
    }
    claims = dcql.selected_claims(credential, held)
    if claims is None:
        raise Refused("wallet.claims", "the document does not say what is asked", code=ACCESS_DENIED)
    circuit = None if is_plain else _circuit(issuer_signed, claims, meta, now)
    return _Candidate(document, issuer_signed, claims, circuit)


def _circuit(
    issuer_signed: IssuerSigned, claims: Sequence[ClaimQuery], meta: MdocMeta, now: datetime
) -> tuple[ZkSystem, Circuit]:
    """The circuit with which these claims can be proven, or `Refused`: told before anybody is asked to agree."""
    chosen = zk.choose(meta.zk_systems, num_claims=len(claims), now=now)
    items = [_item(issuer_signed, claim) for claim in claims]
    check_claims(
        [Claim(namespace, item.element_identifier, item.encoded_value().reveal()) for namespace, item in items]
    )
    for _, item in items:
        check_tagged_item(cbor.encode(item.encoded))
    check_tagged_mso(issuer_signed.issuer_auth.unverified_payload or b"", version=chosen[1].version)
    return chosen


def _disclosure(credential: CredentialQuery, found: _Candidate, copies_left: int) -> Disclosure:
    learned = tuple(
        Disclosed(
            namespace,
            item.element_identifier,
            _names(found.document, namespace, item.element_identifier),
            item.element_value,
            claim.intent_to_retain is True,
        )
        for claim, (namespace, item) in ((claim, _item(found.issuer_signed, claim)) for claim in found.claims)
    )
    told = {(element.namespace, element.identifier) for element in learned}
    withheld = tuple(
        _names(found.document, namespace, item.element_identifier)
        for namespace, items in found.issuer_signed.namespaces.items()
        for item in items
        if (namespace, item.element_identifier) not in told
    )
    is_plain = credential.format == dcql.MDOC
    return Disclosure(
        query_id=credential.id,
        document=found.document,
        mechanism=Mechanism.MDOC if is_plain else Mechanism.LONGFELLOW,
        learned=learned,
        withheld=withheld,
        copies_left=copies_left,
        circuit=found.circuit,
    )


def _item(issuer_signed: IssuerSigned, claim: ClaimQuery) -> tuple[str, IssuerSignedItem]:
    namespace, identifier = claim.path[0], claim.path[1]
    item = issuer_signed.item(str(namespace), str(identifier))
    if item is None:
        raise Refused("wallet.claims", "the document does not say what is asked", code=ACCESS_DENIED)
    return str(namespace), item


def _as_agreed(copy: Copy, disclosure: Disclosure) -> IssuerSigned:
    """The copy, once it still says what the person was shown: it may have been renewed meanwhile."""
    issuer_signed = parse_issuer_signed(copy.issuer_signed.reveal())
    for element in disclosure.learned:
        item = issuer_signed.item(element.namespace, element.identifier)
        if item is None or item.element_value != element.value:
            raise Conflict("wallet.changed", "the document changed since you were asked: look again")
    return issuer_signed


def _names(document: Document, namespace: str, identifier: str) -> Names:
    return document.claim_names.get((namespace, identifier)) or {"": identifier}


def _unspent(contents: Contents, document: Document) -> int:
    return sum(not copy.is_spent for copy in contents.copies(document.id))


def _authorities(issuer_signed: IssuerSigned) -> tuple[str, ...]:
    """Authority key identifiers of the signer, base64url (OpenID4VP 1.0, 6.1.1.1)."""
    leaf = certificate.parse(issuer_signed.issuer_auth.x5chain()[0])
    try:
        found = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ()
    return () if found is None else (base64url.encode(found),)


def _exhausted() -> Refused:
    return Refused(
        "wallet.copies_exhausted",
        "every copy of this document was shown once already: renew it, or ask for a new one",
        code=ACCESS_DENIED,
    )


def _ascii(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise FormatError("request.ascii", "a request object is ASCII") from error
