"""The workstation of the sealed registry: finds people, enrols them, corrects, opens and erases their records.

Civil status, looked-up values and contents are readable here and nowhere else, and nothing of them is kept. The
workstation believes the log under its own policy, and the agency's certifying key; everything else has to be shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from diptych.crypto import lookup_prf
from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import generate_recipient
from diptych.crypto.signing import PublicKey, Signer, fingerprint
from diptych.errors import DiptychError, Refused, Unavailable, VerificationError
from diptych.formats.civil_status.inputs import INDEXED, SEARCHED, lookup_inputs
from diptych.formats.civil_status.model import CivilStatus
from diptych.formats.civil_status.places import Places
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.court_order import COURT_ORDER
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.record.content import CHAIN_BYTES, RecordContent, Reference
from diptych.formats.record.sealed import SEALED_RECORD, SealedRecord
from diptych.formats.record.sealing import FreshlySealed, Predecessor, seal_record
from diptych.formats.tlog.checkpoint import parse_signed_checkpoint
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.proof import verify_receipt
from diptych.formats.tlog.shown_act import ShownAct, parse_shown_act, verify_shown_act
from diptych.private import Personal, Secret
from diptych.protocols.certifying.standing import parse_trustee_set_news
from diptych.protocols.certifying.trustee_sets import accept_trustee_set
from diptych.protocols.depositing.deposit import (
    ACKNOWLEDGEMENT,
    Acknowledgement,
    RecordVersion,
    build_deposit,
    verify_acknowledgement,
    verify_prekey,
)
from diptych.protocols.depositing.erasure import (
    DELETION,
    ERASURE_ORDER,
    Deletion,
    Erasure,
    ErasureOrder,
    least_deletions,
    verify_deletion,
)
from diptych.protocols.depositing.prekey import NONCE_BYTES, PREKEY, PREKEY_REQUEST, PrekeyRequest
from diptych.protocols.enrolling.enrolment import ENROLMENT, Enrolment, check_sealed_to
from diptych.protocols.enrolling.query import RECORD_QUERY, RecordQuery
from diptych.protocols.lookup.decision import verify_lookup_answer
from diptych.protocols.lookup.request import LOOKUP_ANSWER, LOOKUP_REQUEST, LookupRequest
from diptych.protocols.lookup.tags import TAG_REQUEST, TagRequest, parse_tag_answer
from diptych.protocols.opening.answer import AGENCY_INDEX, SHARE_ANSWER
from diptych.protocols.opening.outcome import OPENING_OUTCOME, OpeningOutcome, Publication
from diptych.protocols.opening.request import OPENING_REQUEST, OpeningRequest, Presentation
from diptych.protocols.opening.states import (
    Expired,
    Published,
    Quorate,
    RefusedOpening,
    Requested,
    combine,
    publish,
    receive,
    refuse,
)
from diptych.roles.officer.counter import Enrolled, Erased, Found, Read, Reason
from diptych.roles.officer.ports import Answers, History, RegistryLine

REQUEST_LIFETIME = timedelta(hours=1)
_WAITING = "officer.waiting"


@dataclass(frozen=True)
class Workstation:
    """One officer's workstation, in front of one registry. `purpose` names the register to look people up in."""

    signer: Signer
    agency_key: PublicKey
    log_policy: Policy
    registry: RegistryLine
    holders: Answers
    history: History
    places: Places
    purpose: str = "civil-status"
    retention: str = "identity-15y"

    # Finding

    def find(self, status: CivilStatus, *, legal_basis: str, now: datetime, entropy: Entropy) -> Found:
        """The records that may be this person's. Every hit is in the public log, where its citizen sees it."""
        now, trustees = now.replace(microsecond=0), self._trustees(now)
        values, named = self._values(status, trustees, legal_basis=legal_basis, now=now, entropy=entropy)
        request = TAG_REQUEST.sign(
            TagRequest(
                self._own,
                self.purpose,
                legal_basis,
                entropy(NONCE_BYTES),
                now,
                tuple(values[position] for position in SEARCHED),
            ),
            signer=self.signer,
        )
        answer = parse_tag_answer(self.registry.send("tags", request.encode()))
        if answer.request != request.digest:
            raise VerificationError("tag_answer.request", "the registry answers another request")
        for match in answer.matches:
            verify_receipt(match.receipt, policy=self.log_policy)
        return Found(tuple(match.record_id for match in answer.matches), values, named)

    def _values(
        self, status: CivilStatus, trustees: TrusteeSet, *, legal_basis: str, now: datetime, entropy: Entropy
    ) -> tuple[tuple[Secret, ...], Mapping[int, str]]:
        key = next((key for key in trustees.purposes if key.purpose == self.purpose), None)
        if key is None:
            raise Refused("lookup.purpose", "the trustees have no key for this lookup purpose")
        inputs = lookup_inputs(status, places=self.places)
        blinded = lookup_prf.blind(inputs, purpose=self.purpose, entropy=entropy)
        request = LOOKUP_REQUEST.sign(
            LookupRequest(
                self._own, self.purpose, legal_basis, key.generation, entropy(NONCE_BYTES), now, blinded.encode()
            ),
            signer=self.signer,
        )
        points: dict[int, bytes] = {}
        named: dict[int, str] = {}
        body = request.encode()
        for trustee, answer in self._asked(trustees.trustees, "lookups", dict.fromkeys(_indices(trustees), body)):
            try:
                points[trustee.index] = verify_lookup_answer(
                    LOOKUP_ANSWER.parse(_expect(answer)),
                    trustee_key=trustee.signer,
                    expected_request=request,
                    expected_index=trustee.index,
                    now=now,
                ).content.points
            except DiptychError as error:
                named[trustee.index] = error.check
        if len(points) < key.threshold and named:
            raise _too_few(named, trustees)
        evaluated = lookup_prf.finish(blinded, points, key=key)
        return evaluated.derived, {**named, **evaluated.liars}

    # Enrolling and correcting

    def enrol(
        self,
        found: Found,
        *,
        status: CivilStatus,
        documents: tuple[OrderedDocument, ...],
        references: tuple[Reference, ...],
        document_type: str,
        now: datetime,
        entropy: Entropy,
    ) -> Enrolled:
        """A new record of a person who is none of those that were found: the officer has judged that.

        `Conflict` "enrolment.duplicate" where somebody else enrolled the person meanwhile: find again.
        """
        content = RecordContent(status, self._lookups(found), documents, references, Secret(entropy(CHAIN_BYTES)))
        return self._store(
            content, None, None, document_type=document_type, seen=found.matches, now=now, entropy=entropy
        )

    def correct(
        self,
        read: Read,
        found: Found,
        content: RecordContent,
        *,
        reason: str,
        document_type: str,
        now: datetime,
        entropy: Entropy,
    ) -> Enrolled:
        """A new version of a record that was opened, under the same label chain."""
        corrected = replace(content, lookups=self._lookups(found), chain=read.content.chain)
        predecessor = Predecessor(read.record_id, read.number, read.record_hash)
        return self._store(
            corrected, predecessor, reason, document_type=document_type, seen=found.matches, now=now, entropy=entropy
        )

    def _store(
        self,
        content: RecordContent,
        predecessor: Predecessor | None,
        reason: str | None,
        *,
        document_type: str,
        seen: tuple[bytes, ...],
        now: datetime,
        entropy: Entropy,
    ) -> Enrolled:
        now, trustees = now.replace(microsecond=0), self._trustees(now)
        fresh = seal_record(
            content,
            trustees=trustees,
            retention=self.retention,
            signer=self.signer,
            sealer=self._own,
            predecessor=predecessor,
            entropy=entropy,
        )
        version, chain = RecordVersion.of(fresh.signed), content.chain if predecessor is None else None
        acknowledgements = self._deposit(fresh, chain, trustees, now=now, entropy=entropy)
        enrolment = ENROLMENT.sign(
            Enrolment(self._own, fresh.signed, document_type, reason, chain, content.lookups, seen, acknowledgements),
            signer=self.signer,
        )
        shown = parse_shown_act(self.registry.send("enrolments", enrolment.encode()))
        act = verify_shown_act(shown, policy=self.log_policy, kept=None).act
        if act.details.reveal().get("record") != version.record_hash:
            raise VerificationError("enrolment.act", "the act that was logged commits to another record")
        return Enrolled(version.record_id, version.number, version.record_hash, content)

    def _deposit(
        self,
        fresh: FreshlySealed,
        chain: Secret | None,
        trustees: TrusteeSet,
        *,
        now: datetime,
        entropy: Entropy,
    ) -> tuple[UnverifiedStatement[Acknowledgement], ...]:
        """A mask for each trustee, and everyone's word that it is kept. All of them, or nothing is enrolled."""
        asked = {
            trustee.index: PREKEY_REQUEST.sign(
                PrekeyRequest(self._own, fingerprint(trustee.signer), entropy(NONCE_BYTES), now), signer=self.signer
            )
            for trustee in trustees.trustees
        }
        deposits: dict[int, bytes] = {}
        bodies = {index: request.encode() for index, request in asked.items()}
        for trustee, answer in self._asked(trustees.trustees, "prekeys", bodies):
            prekey = verify_prekey(
                PREKEY.parse(_named(answer, trustee)),
                trustee_key=trustee.signer,
                expected_request=asked[trustee.index].digest,
                now=now,
            )
            deposits[trustee.index] = build_deposit(
                fresh.signed,
                index=trustee.index,
                prekey=prekey,
                mask=fresh.masks[trustee.index],
                chain=chain,
                signer=self.signer,
            ).encode()
        version = RecordVersion.of(fresh.signed)
        kept: dict[int, UnverifiedStatement[Acknowledgement]] = {}
        for trustee, answer in self._asked(trustees.trustees, "deposits", deposits):
            acknowledgement = ACKNOWLEDGEMENT.parse(_named(answer, trustee))
            verify_acknowledgement(acknowledgement, trustee_key=trustee.signer, expected_version=version, now=now)
            kept[trustee.index] = acknowledgement
        if len(kept) < len(trustees.trustees):
            raise Unavailable("deposit.silent", "not every trustee has taken its mask: try again in a moment")
        return tuple(kept[trustee.index] for trustee in trustees.trustees)

    def _lookups(self, found: Found) -> Mapping[str, tuple[Secret, ...]]:
        return {self.purpose: tuple(found.values[position] for position in INDEXED)}

    # Opening

    def open(self, record_id: bytes, reason: Reason, *, now: datetime, entropy: Entropy) -> Read:
        """What is in a record, once its opening is public and a quorum has answered. Whoever lied or was away is named.

        `Refused` "opening.refused" where no quorum answers; that is logged, too.
        """
        now, trustees = now.replace(microsecond=0), self._trustees(now)
        signed = self._fetch(record_id, trustees, now)
        requested = self._requested(signed, reason, trustees, now)
        order = None if reason.court_order is None else COURT_ORDER.parse(reason.court_order)
        shown = parse_shown_act(self.registry.send("requests", Publication(requested.request, order).encode()))
        published = publish(requested, shown, policy=self.log_policy)
        state = self._gather(published, shown, reason, trustees, now)
        self._report(requested, isinstance(state, Quorate), now)
        if not isinstance(state, Quorate):
            named = state.named if isinstance(state, RefusedOpening) else {}
            raise Refused("opening.refused", f"no quorum opens this: {_names(named, trustees)}")
        opened = combine(state)
        version = RecordVersion.of(signed)
        return Read(version.record_id, version.number, version.record_hash, opened.content, opened.named)

    def _fetch(self, record_id: bytes, trustees: TrusteeSet, now: datetime) -> UnverifiedStatement[SealedRecord]:
        """The latest version. That it is the latest, and no other than was enrolled, k trustees say by answering."""
        query = RECORD_QUERY.sign(RecordQuery(self._own, record_id, now), signer=self.signer)
        signed = SEALED_RECORD.parse(self.registry.send("records", query.encode()))
        if signed.unverified.record_id != record_id:
            raise VerificationError("record.id", "the registry gives another record than was asked for")
        check_sealed_to(signed.unverified, trustees)
        return signed

    def _requested(
        self, signed: UnverifiedStatement[SealedRecord], reason: Reason, trustees: TrusteeSet, now: datetime
    ) -> Requested:
        version, reply = RecordVersion.of(signed), generate_recipient()
        order = None if reason.court_order is None else COURT_ORDER.parse(reason.court_order)
        request = OPENING_REQUEST.sign(
            OpeningRequest(
                self._own,
                version.record_id,
                version.number,
                version.record_hash,
                reason.purpose,
                reason.legal_basis,
                Personal(reason.case),
                now,
                reply.public_key,
                None if order is None else order.digest,
                None if order is None else order.unverified.disclose_on,
            ),
            signer=self.signer,
        )
        return Requested(request, signed.unverified, trustees, reply, now + REQUEST_LIFETIME)

    def _gather(
        self, published: Published, shown: ShownAct, reason: Reason, trustees: TrusteeSet, now: datetime
    ) -> Published | Quorate | RefusedOpening | Expired:
        urls = {AGENCY_INDEX: self.registry.url} | {trustee.index: trustee.url for trustee in trustees.trustees}
        state: Published | Quorate | RefusedOpening | Expired = published
        bodies: dict[int, bytes] = {}
        for index, answer in self.holders.ask({index: (url, "checkpoint", None) for index, url in urls.items()}):
            try:
                bodies[index] = self._presentation(published, shown, reason, index, _expect(answer))
            except DiptychError as error:
                state = _step(state, index, error, now)
        questions: dict[int, tuple[str, str, bytes | None]] = {
            index: (urls[index], "openings", body) for index, body in bodies.items()
        }
        for index, answer in self.holders.ask(questions):
            state = _step(state, index, answer, now)
            if not isinstance(state, Published):
                return state
        return state

    def _presentation(
        self, published: Published, shown: ShownAct, reason: Reason, index: int, checkpoint: bytes
    ) -> bytes:
        record = published.requested.record
        size = shown.receipt.checkpoint.checkpoint.size
        kept = parse_signed_checkpoint(checkpoint).checkpoint.size if checkpoint else 0
        steps = () if kept in (0, size) else self.history.consistency(min(kept, size), max(kept, size))
        envelope = record.agency.envelope if index == AGENCY_INDEX else record.quorum.slot_of(index).envelope
        return Presentation(
            published.requested.request,
            ShownAct(shown.committed, shown.receipt, kept, steps),
            envelope,
            None if reason.court_order is None else COURT_ORDER.parse(reason.court_order),
        ).encode()

    def _report(self, requested: Requested, is_opened: bool, now: datetime) -> None:
        outcome = OpeningOutcome(self._own, requested.request.digest, is_opened, now)
        self.registry.send("outcomes", OPENING_OUTCOME.sign(outcome, signer=self.signer).encode())

    # Erasing

    def erase(self, record_id: bytes, *, legal_basis: str, case: str, now: datetime) -> Erased:
        """Let a record die: every trustee deletes its masks and says so, the registry overwrites it and has it logged.

        `Refused` "erasure.too_few" below n - k + 1 statements: the registry still has it then. Of a record that was
        erased, this asks again whoever was away: on the same order, if it was this officer's.
        """
        now, trustees = now.replace(microsecond=0), self._trustees(now)
        order = self._erasure_order(record_id, trustees, legal_basis=legal_basis, case=case, now=now)
        statements: dict[int, UnverifiedStatement[Deletion]] = {}
        named: dict[int, str] = {}
        bodies = dict.fromkeys(_indices(trustees), order.encode())
        for trustee, answer in self._asked(trustees.trustees, "erasures", bodies):
            try:
                statement = DELETION.parse(_expect(answer))
                verify_deletion(statement, trustee_key=trustee.signer, expected_order=order, now=now)
            except DiptychError as error:
                named[trustee.index] = error.check
            else:
                statements[trustee.index] = statement
        if len(statements) < least_deletions(trustees):
            raise Refused("erasure.too_few", f"not erased, too few trustees deleted it: {_names(named, trustees)}")
        ordered = {one.name: statements[one.index] for one in trustees.trustees if one.index in statements}
        self.registry.send("erasures", Erasure(order, tuple(ordered.values())).encode())
        return Erased(order, ordered, named)

    def _erasure_order(
        self, record_id: bytes, trustees: TrusteeSet, *, legal_basis: str, case: str, now: datetime
    ) -> UnverifiedStatement[ErasureOrder]:
        try:
            record_hash = RecordVersion.of(self._fetch(record_id, trustees, now)).record_hash
        except Refused as refused:
            if refused.check != "registry.erased":
                raise
            query = RECORD_QUERY.sign(RecordQuery(self._own, record_id, now), signer=self.signer)
            earlier = ERASURE_ORDER.parse(self.registry.send("erasure-orders", query.encode()))
            if earlier.unverified.record_id != record_id:
                raise VerificationError("record.id", "the registry gives another record than was asked for") from None
            if earlier.unverified.officer == self._own:
                return earlier
            record_hash = earlier.unverified.record_hash
        order = ErasureOrder(self._own, record_id, record_hash, legal_basis, Personal(case), now)
        return ERASURE_ORDER.sign(order, signer=self.signer)

    # Whom the workstation believes

    def _trustees(self, now: datetime) -> TrusteeSet:
        """The trustee set, once the agency signed it and the log shows it."""
        news = parse_trustee_set_news(self.registry.send("trustee-set", None))
        shown = verify_shown_act(news.shown, policy=self.log_policy, kept=None)
        return accept_trustee_set(news.trustee_set, shown, agency_key=self.agency_key, latest=None)

    def _asked(
        self, trustees: Iterable[Trustee], path: str, bodies: Mapping[int, bytes]
    ) -> Iterable[tuple[Trustee, bytes | DiptychError]]:
        by_index = {trustee.index: trustee for trustee in trustees}
        questions: dict[int, tuple[str, str, bytes | None]] = {
            index: (by_index[index].url, path, body) for index, body in bodies.items()
        }
        for index, answer in self.holders.ask(questions):
            yield by_index[index], answer

    @property
    def _own(self) -> bytes:
        return fingerprint(self.signer.public_key)


def _step(
    state: Published | Quorate | RefusedOpening | Expired, index: int, answer: bytes | DiptychError, now: datetime
) -> Published | Quorate | RefusedOpening | Expired:
    if not isinstance(state, Published):
        return state
    if isinstance(answer, DiptychError):
        return refuse(state, index=index, check=answer.check)
    try:
        return receive(state, SHARE_ANSWER.parse(answer), index=index, now=now)
    except DiptychError as error:
        return refuse(state, index=index, check=error.check)


def _expect(answer: bytes | DiptychError) -> bytes:
    if isinstance(answer, DiptychError):
        raise answer
    return answer


def _named(answer: bytes | DiptychError, trustee: Trustee) -> bytes:
    """The answer; a refusal under the trustee's name, for the officer to know whom to call."""
    if isinstance(answer, DiptychError):
        raise type(answer)(answer.check, f"{trustee.name}: {answer.message}")
    return answer


def _too_few(named: Mapping[int, str], trustees: TrusteeSet) -> Unavailable:
    return Unavailable("lookup.too_few", f"too few trustees answer: {_names(named, trustees)}")


def _names(named: Mapping[int, str], trustees: TrusteeSet) -> str:
    names = {AGENCY_INDEX: "the agency"} | {trustee.index: trustee.name for trustee in trustees.trustees}
    said = ", ".join(f"{names.get(index, index)} ({check})" for index, check in sorted(named.items())) or "no answer"
    return f"{said}. A new officer waits for as long as they want: try later" if _WAITING in named.values() else said


def _indices(trustees: TrusteeSet) -> list[int]:
    return [trustee.index for trustee in trustees.trustees]
