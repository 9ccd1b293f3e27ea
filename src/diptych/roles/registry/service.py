"""The registry's use-cases (docs/spec/registry-api.md): bytes in, bytes out. What is answered is public first.

Each decides and queues in one transaction, has the log record what was queued, and answers. The same message again gets
the same answer and causes no second act. Who sent a message is nobody's business: each is authenticated by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import Conflict, Refused, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.officer import OFFICER_REVOCATION, Role
from diptych.formats.mandate.trustee_set import TRUSTEE_SET, Trustee
from diptych.formats.tlog.act import Act, Detail
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import parse_proof
from diptych.private import Personal
from diptych.protocols.certifying.officers import HonouredOfficer, check_officer
from diptych.protocols.certifying.standing import (
    Trusted,
    TrusteeSetNews,
    log_time,
    parse_attestation_news,
    parse_officer_news,
    take_attestation,
    take_officer,
    take_revocation,
)
from diptych.protocols.depositing.deposit import RecordVersion
from diptych.protocols.enrolling.enrolment import ENROLMENT, Enrolment, verify_enrolment
from diptych.protocols.enrolling.query import RECORD_QUERY
from diptych.protocols.enrolling.query import TOLERANCE as QUERY_TOLERANCE
from diptych.protocols.lookup.decision import TOLERANCE
from diptych.protocols.lookup.tags import TAG_REQUEST, Match, TagAnswer, TagRequest
from diptych.protocols.opening.disclosure import parse_disclosure
from diptych.protocols.opening.holding import Holder
from diptych.protocols.opening.outcome import OPENING_OUTCOME, parse_publication
from diptych.protocols.opening.policy import HolderPolicy
from diptych.protocols.opening.request import OPENING_REQUEST, outcome_act, parse_presentation, request_act
from diptych.roles.registry.acts import ACT_ID_BYTES, PublicLog, queue, record_waiting, recorded, shown, taken_over
from diptych.roles.registry.key_service import AgencyHalves, Peppers
from diptych.roles.registry.model import Announcement, Delivery, Hits, Message, StoredRecord, StoredRequest
from diptych.roles.registry.ports import RegistryStore, RegistryTransaction

LABEL_BYTES = 32


@dataclass(frozen=True)
class RegistryPolicy:
    """What the agency's own side asks before it answers."""

    holder: HolderPolicy
    agency_key: PublicKey = field(repr=False)
    auditors: Mapping[bytes, PublicKey] = field(repr=False)

    @property
    def trusted(self) -> Trusted:
        return Trusted(self.holder.log, self.agency_key, self.auditors)


@dataclass(frozen=True)
class Registry:
    """The registry, with the agency's key service in it."""

    signer: Signer
    recipient: Recipient
    peppers: Peppers
    policy: RegistryPolicy
    store: RegistryStore
    log: PublicLog

    # Finding

    def look_up(self, body: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """The records under the values of a tag request, every hit logged before the answer."""
        request = TAG_REQUEST.parse(body)
        content = request.unverified
        with self.store.transaction() as state:
            officer = self.officer_in(state, content.officer, Role.FIND, Role.ENROL, Role.CORRECT)
            TAG_REQUEST.verify(request, officer.certificate.officer_key, now=now)
            if abs(now - content.requested_at) > TOLERANCE:
                raise VerificationError("lookup.time", "the request is too old, or a clock is wrong")
            hits = state.hits(content.nonce)
            if hits is not None and hits.request != request.digest:
                raise Conflict("lookup.nonce", "another request had this nonce")
            hits = hits or self._hits(state, request, now=now, entropy=entropy)
        matches = []
        if hits.matches:
            record_waiting(self.store, self.log)
            matches = [self._match(record_id, act_id) for record_id, act_id in hits.matches]
        return TagAnswer(request.digest, tuple(matches)).encode()

    def _hits(
        self, state: RegistryTransaction, request: UnverifiedStatement[TagRequest], *, now: datetime, entropy: Entropy
    ) -> Hits:
        content = request.unverified
        tags = self.peppers.tags(content.purpose, content.values)
        matches = []
        for record_id in state.tagged(content.purpose, tags):
            details: Personal[Mapping[str, Detail]] = Personal(
                {"purpose": content.purpose, "legal_basis": content.legal_basis}
            )
            act = Act(ActType.LOOKED_UP, now.date(), ActorClass.OFFICER, details)
            queued = queue(
                state,
                act,
                record=_known(state, record_id),
                policy_hash=self.log.policy_hash,
                entropy=entropy,
                is_shown=False,
            )
            matches.append((record_id, queued.act_id))
        hits = Hits(request.digest, tuple(matches), now.replace(microsecond=0) + 2 * TOLERANCE)
        state.save_hits(content.nonce, hits)
        return hits

    def _match(self, record_id: bytes, act_id: bytes) -> Match:
        act = recorded(self.store, self.log, act_id)
        assert act.receipt is not None
        return Match(record_id, parse_proof(act.receipt))

    # Storing

    def enrol(self, body: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """Store a new record or version, have it logged, and answer with the shown act.

        `Conflict` "enrolment.duplicate" where a record has one of its tags that the officer has not judged.
        """
        enrolment = ENROLMENT.parse(body)
        version = RecordVersion.of(enrolment.unverified.record)
        with self.store.transaction() as state:
            known = state.record(version.record_id)
            if known is not None and known.record_hash == version.record_hash:
                act_id = known.act_id
            else:
                act_id = self._enrol(state, enrolment, known, now=now, entropy=entropy)
        act = recorded(self.store, self.log, act_id)
        return shown(act, kept_size=0, history=self.log.history).encode()

    def _enrol(
        self,
        state: RegistryTransaction,
        enrolment: UnverifiedStatement[Enrolment],
        known: StoredRecord | None,
        *,
        now: datetime,
        entropy: Entropy,
    ) -> bytes:
        content = enrolment.unverified
        version = RecordVersion.of(content.record)
        trustees = state.trustee_set()
        if trustees is None:
            raise Refused("registry.no_set", "there is no trustee set yet: the key ceremony comes first")
        officer = self.officer_in(state, content.officer, Role.ENROL if version.number == 1 else Role.CORRECT)
        verify_enrolment(enrolment, officer_key=officer.certificate.officer_key, trustees=trustees, now=now)
        _check_follows(version, known)
        self._check_duplicates(state, content, version)
        if known is None:
            assert content.chain is not None  # parse_enrolment: the first version brings it
            chain = ChainElement(content.chain)
            next_element, seen_from = chain, chain
        else:
            next_element, seen_from = known.next_element, known.seen_from
        record = StoredRecord(
            version.record_id,
            version.number,
            version.record_hash,
            content.record.encode(),
            content.document_type,
            b"",
            next_element,
            seen_from,
        )
        for purpose, values in content.lookups.items():
            state.save_tags(purpose, self.peppers.tags(purpose, values), version.record_id)
        queued = queue(
            state,
            _enrolment_act(content, version, now),
            record=record,
            policy_hash=self.log.policy_hash,
            entropy=entropy,
        )
        state.save_record(replace(_known(state, version.record_id), act_id=queued.act_id))
        for trustee in trustees.trustees:
            state.deliver(Delivery(queued.act_id, trustee.index, Message.CONFIRMATION, version.record_id))
        return queued.act_id

    def _check_duplicates(self, state: RegistryTransaction, content: Enrolment, version: RecordVersion) -> None:
        for purpose, values in content.lookups.items():
            found = set(state.tagged(purpose, self.peppers.tags(purpose, values)))
            if found - set(content.seen) - {version.record_id}:
                raise Conflict(
                    "enrolment.duplicate", "somebody is in the register already who may be this person: look again"
                )

    def fetch(self, body: bytes, *, now: datetime) -> bytes:
        """The latest version of a record, sealed as it is, for an officer who asks by its id."""
        with self.store.transaction() as state:
            record = self.queried(state, body, now=now)
            if record.is_erased:
                raise Refused("registry.erased", "this record was erased")
            return record.encoded

    def queried(self, state: RegistryTransaction, body: bytes, *, now: datetime) -> StoredRecord:
        """The record that an officer asks for, erased or not."""
        query = RECORD_QUERY.parse(body)
        officer = self.officer_in(state, query.unverified.officer, *Role)
        RECORD_QUERY.verify(query, officer.certificate.officer_key, now=now)
        if abs(now - query.unverified.requested_at) > QUERY_TOLERANCE:
            raise VerificationError("record_query.time", "the query is too old, or a clock is wrong")
        found = state.record(query.unverified.record_id)
        if found is None:
            raise Refused("registry.record", "no such record is here")
        return found

    # Opening

    def publish(self, body: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """Have an opening request logged under its record's next label; the shown act. Nothing opens by this alone."""
        publication = parse_publication(body)
        request = publication.request
        content = request.unverified
        with self.store.transaction() as state:
            stored = state.request(request.digest)
            if stored is None:
                record = _known(state, content.record_id)
                officer = self.officer_in(state, content.officer, *Role)
                OPENING_REQUEST.verify(request, officer.certificate.officer_key, now=now)
                if (record.number, record.record_hash) != (content.number, content.record_hash):
                    raise Refused("opening.superseded", "the request names another version than the latest")
                act = queue(
                    state,
                    request_act(request, day=now.date()),
                    record=record,
                    policy_hash=self.log.policy_hash,
                    entropy=entropy,
                    label=entropy(LABEL_BYTES) if content.is_deferred else None,
                )
                stored = StoredRequest(
                    request.digest,
                    content.record_id,
                    request.encode(),
                    act.act_id,
                    content.requested_at + self.policy.holder.lifetime,
                    content.disclose_on,
                )
                state.save_request(stored)
        act = recorded(self.store, self.log, stored.act_id)
        return shown(act, kept_size=0, history=self.log.history).encode()

    def report(self, body: bytes, *, now: datetime, entropy: Entropy) -> None:
        """How an opening ended, logged on the record's chain (a deferred one: with its disclosure)."""
        outcome = OPENING_OUTCOME.parse(body)
        content = outcome.unverified
        with self.store.transaction() as state:
            stored = state.request(content.request)
            if stored is None:
                raise Refused("outcome.request", "no such request is public here")
            request = OPENING_REQUEST.parse(stored.encoded)
            officer = self.officer_in(state, content.officer, *Role)
            OPENING_OUTCOME.verify(outcome, officer.certificate.officer_key, now=now)
            if content.officer != request.unverified.officer:
                raise Refused("outcome.officer", "the request was another officer's")
            if stored.outcome_act is None and stored.disclose_on is None:
                ended = ActType.OPENED if content.is_opened else ActType.OPENING_REFUSED
                act = queue(
                    state,
                    outcome_act(request, ended, day=now.date()),
                    record=_known(state, stored.record_id),
                    policy_hash=self.log.policy_hash,
                    entropy=entropy,
                    is_shown=False,
                )
                state.save_request(replace(stored, outcome_act=act.act_id))
        record_waiting(self.store, self.log)

    def answer_opening(self, body: bytes) -> bytes:
        """The agency's half, for an opening request and its public act."""
        return self._holder.answer(parse_presentation(body))

    def take_disclosure(self, body: bytes) -> None:
        """The key service is shown a disclosure."""
        self._holder.disclose(parse_disclosure(body))

    # Those who may act

    def kept_checkpoint(self) -> KeptCheckpoint | None:
        """The last checkpoint that the key service accepted."""
        with self.store.transaction() as state:
            return state.kept_checkpoint()

    def take_officer(self, body: bytes) -> None:
        """A certificate with the act that published it."""
        news = parse_officer_news(body)
        with self.store.transaction() as state:
            take_officer(state, news, self.policy.trusted)

    def take_revocation(self, body: bytes, *, now: datetime) -> None:
        """The end of an officer's key."""
        with self.store.transaction() as state:
            take_revocation(state, body, self.policy.trusted, now=now)
            digest = OFFICER_REVOCATION.parse(body).digest
            state.announce(Announcement(digest[:ACT_ID_BYTES], Message.REVOCATION, body))

    def take_attestation(self, body: bytes) -> None:
        """An audit attestation with the act that published it, kept for every trustee."""
        news = parse_attestation_news(body)
        with self.store.transaction() as state:
            take_attestation(state, news, self.policy.trusted)
            act_id = news.attestation.digest[:ACT_ID_BYTES]
            if state.act(act_id) is None:
                content = news.attestation.encode()
                state.save_act(taken_over(act_id, news.shown))
                state.announce(Announcement(act_id, Message.ATTESTATION, content))
                for trustee in _trustees_of(state):
                    state.deliver(Delivery(act_id, trustee.index, Message.ATTESTATION, content))

    def trustee_set(self) -> bytes:
        """The newest trustee set with the act that publishes it: for workstations, which believe the log."""
        with self.store.transaction() as state:
            found = state.signed_trustee_set()
        if found is None:
            raise Refused("registry.no_set", "there is no trustee set yet: the key ceremony comes first")
        encoded, act_id = found
        act = recorded(self.store, self.log, act_id)
        return TrusteeSetNews(TRUSTEE_SET.parse(encoded), shown(act, kept_size=0, history=self.log.history)).encode()

    def sealed_act(self, label: bytes) -> bytes | None:
        """The act under a label, sealed for whoever has the record's chain: its citizen."""
        return self.store.sealed_act(label)

    def check(self) -> None:
        """Raises `Unavailable` if the registry cannot work now."""
        with self.store.transaction():
            pass

    def officer_in(self, state: RegistryTransaction, officer: bytes, *roles: Role) -> HonouredOfficer:
        """The officer of this fingerprint, if it has one of the roles and may act now."""
        return check_officer(
            state.officer(officer),
            revocation=state.revocation(officer),
            roles=frozenset(roles),
            now=log_time(state),
            waiting_time=self.policy.holder.waiting_time,
        )

    @property
    def _holder(self) -> Holder[RegistryTransaction]:
        halves = AgencyHalves(self.recipient)
        return Holder(self.signer, self.policy.trusted, self.policy.holder, self.store.transaction, halves)


def _known(state: RegistryTransaction, record_id: bytes) -> StoredRecord:
    found = state.record(record_id)
    if found is None or found.is_erased:
        raise Refused("registry.record", "no such record is here, or it was erased")
    return found


def _trustees_of(state: RegistryTransaction) -> Sequence[Trustee]:
    found = state.trustee_set()
    return found.trustees if found else ()


def _check_follows(version: RecordVersion, known: StoredRecord | None) -> None:
    if known is None and version.number == 1:
        return
    if known is None or known.is_erased:
        raise Refused("registry.record", "no such record is here, or it was erased")
    if (version.number, version.predecessor) != (known.number + 1, known.record_hash):
        raise Conflict("enrolment.order", "this version does not follow the latest one: fetch it and correct that")


def _enrolment_act(content: Enrolment, version: RecordVersion, now: datetime) -> Act:
    details: dict[str, Detail] = {"type": content.document_type, "record": version.record_hash}
    if version.number == 1:
        return Act(ActType.ENROLLED, now.date(), ActorClass.REGISTRY, Personal(details))
    assert version.predecessor is not None
    assert content.reason is not None
    details |= {"number": version.number, "predecessor": version.predecessor, "reason": content.reason}
    return Act(ActType.CORRECTED, now.date(), ActorClass.REGISTRY, Personal(details))
