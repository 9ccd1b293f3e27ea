"""Five trustees as roles, with an agency that calls a ceremony and relays: what tests of the trustee share."""

import os
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from diptych.crypto import lookup_prf
from diptych.crypto.hpke import HybridRecipient, generate_recipient
from diptych.crypto.lookup_prf import PurposeKey
from diptych.crypto.signing import SoftwareSigner, fingerprint, generate_signer
from diptych.formats.mandate.attestation import AUDIT_ATTESTATION
from diptych.formats.mandate.officer import OFFICER_CERTIFICATE, OfficerCertificate, Role
from diptych.formats.mandate.trustee_set import TRUSTEE_SET
from diptych.formats.record.content import RecordContent
from diptych.formats.record.sealing import FreshlySealed
from diptych.formats.tlog.act import Act, CommittedAct
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.shown_act import ShownAct
from diptych.private import Personal, Secret
from diptych.protocols.ceremony.channel import Channel, Followed, Said, follow, parse_said
from diptych.protocols.ceremony.statements import CEREMONY_CALL, CeremonyCall
from diptych.protocols.certifying.standing import AttestationNews, OfficerNews, TrusteeSetNews
from diptych.protocols.depositing.confirmation import Confirmation
from diptych.protocols.depositing.deposit import build_deposit, verify_prekey
from diptych.protocols.depositing.prekey import PREKEY, PREKEY_REQUEST, PrekeyRequest
from diptych.protocols.lookup.decision import LookupPolicy
from diptych.protocols.lookup.request import LOOKUP_ANSWER, LOOKUP_REQUEST, LookupRequest
from diptych.roles.trustee.fakes import MemoryMonthKeys, MemoryTrusteeStore
from diptych.roles.trustee.ports import MonthKeys, TrusteeStore
from diptych.roles.trustee.service import Trustee, TrusteePolicy
from tests.registry_world import COUNT, NOW, POLICY, THRESHOLD, World, enrolled_act

PURPOSE = "civil-status"


@dataclass
class Seat:
    """One trustee: its keys and memory, which outlive its process."""

    index: int
    signer: SoftwareSigner = field(default_factory=generate_signer)
    recipient: HybridRecipient = field(default_factory=generate_recipient)
    store: TrusteeStore = field(default_factory=MemoryTrusteeStore)
    keys: MonthKeys = field(default_factory=MemoryMonthKeys)


class Town(World):
    """`World` whose trustees are roles: after `found` a trustee set, after `certify` with an officer."""

    def __init__(self) -> None:
        super().__init__()
        self.seats = [Seat(trustee.index, trustee.signer, trustee.recipient) for trustee in self.trustees]
        self.lookup_policy = LookupPolicy(frozenset({"enrolment"}), officer_quota=20, agency_quota=50)
        self.key: PurposeKey | None = None

    def trustee(self, index: int) -> Trustee:
        """The trustee's process, started anew."""
        seat = self.seats[index - 1]
        policy = TrusteePolicy(
            replace(self.policy(), log=POLICY),
            {PURPOSE: self.lookup_policy},
            self.agency.public_key,
            {fingerprint(self.auditor.public_key): self.auditor.public_key},
        )
        return Trustee(f"Trustee {index}", seat.signer, seat.recipient, policy, seat.store, seat.keys)

    # The key ceremony

    def call(self) -> Channel:
        indices = tuple(range(1, COUNT + 1))
        call = CeremonyCall(
            fingerprint(self.agency.public_key),
            PURPOSE,
            THRESHOLD,
            os.urandom(32),
            {seat.index: seat.signer.public_key for seat in self.seats},
            indices,
            indices,
            None,
        )
        return Channel(CEREMONY_CALL.sign(call, signer=self.agency))

    def conduct(self, channel: Channel) -> tuple[Channel, Followed]:
        """Relay until nobody says anything new."""
        is_new = True
        while is_new:
            is_new = False
            for seat in self.seats:
                said = parse_said(self.take_part(seat.index, channel))
                heard = {one.encode() for one in channel.said}
                new = tuple(one for one in said if one.encode() not in heard)
                channel, is_new = replace(channel, said=(*channel.said, *new)), is_new or bool(new)
        return channel, follow(channel, agency_key=self.agency.public_key, member=None, now=self.log.now)

    def heard(self, said: bytes) -> tuple[Said, ...]:
        return parse_said(said)

    def take_part(self, index: int, channel: Channel) -> bytes:
        return self.trustee(index).take_part(channel.encode(), now=self.log.now, entropy=os.urandom)

    def found(self) -> None:
        """A key, and the trustee set with it, published and taken by everyone."""
        _, followed = self.conduct(self.call())
        assert followed.outcome is not None
        self.key = followed.outcome.key
        self.trustee_set = replace(self.trustee_set, purposes=(self.key,))
        signed = TRUSTEE_SET.sign(self.trustee_set, signer=self.agency)
        shown = self.log.publish("trustee set", ActType.KEY_CEREMONY, ActorClass.AGENCY, signed.digest)
        for seat in self.seats:
            self.trustee(seat.index).take_set(TrusteeSetNews(signed, shown).encode())

    # Officers and audits

    def certify(self, signer: SoftwareSigner | None = None, *, roles: frozenset[Role] = frozenset(Role)) -> None:
        """An officer's certificate, known to every trustee; three days later, so that nobody waits."""
        signer = signer or self.officer_signer
        certificate = OFFICER_CERTIFICATE.sign(
            OfficerCertificate(
                fingerprint(self.agency.public_key),
                signer.public_key,
                roles,
                NOW - timedelta(days=1),
                NOW + timedelta(days=700),
            ),
            signer=self.agency,
        )
        index, committed = self.log.record(
            self.published_act("officer", ActType.OFFICER_CERTIFIED, ActorClass.AGENCY, certificate.digest)
        )
        for seat in self.seats:
            shown = self.show(seat.index, index, committed)
            self.trustee(seat.index).take_officer(OfficerNews(certificate, shown).encode())
        self.log.now += timedelta(days=3)
        self.attest()  # and everyone sees what time it is

    def attest(self, *, expires: date | None = None) -> None:
        signed = AUDIT_ATTESTATION.sign(self.attestation(expires), signer=self.auditor)
        index, committed = self.log.record(
            self.published_act("attestation", ActType.AUDIT_ATTESTED, ActorClass.AUDITOR, signed.digest)
        )
        for seat in self.seats:
            shown = self.show(seat.index, index, committed)
            self.trustee(seat.index).take_attestation(AttestationNews(signed, shown).encode())

    def published_act(self, title: str, act_type: ActType, actor: ActorClass, digest: bytes) -> Act:
        return Act(act_type, self.log.now.date(), actor, Personal({"title": title, "document": digest}))

    def show(self, seat: int, index: int, committed: CommittedAct) -> ShownAct:
        """An act, as this trustee has to be shown it."""
        return self.log.show(index, committed, kept=self.trustee(seat).kept_checkpoint())

    # Enrolling

    def deposited(self, content: RecordContent, *, seats: tuple[int, ...] = ()) -> FreshlySealed:
        """A record sealed, and its masks deposited with everyone, or with these."""
        fresh = self.sealed(content)
        for seat in self.seats:
            if not seats or seat.index in seats:
                body = self.deposit_for(fresh, seat.index, content.chain)
                self.trustee(seat.index).take_deposit(body, now=self.log.now, entropy=os.urandom)
        return fresh

    def prekey_for(self, index: int) -> bytes:
        seat = self.seats[index - 1]
        officer = fingerprint(self.officer_signer.public_key)
        wanted = PrekeyRequest(officer, fingerprint(seat.signer.public_key), os.urandom(16), self.log.now)
        return PREKEY_REQUEST.sign(wanted, signer=self.officer_signer).encode()

    def deposit_for(self, fresh: FreshlySealed, index: int, chain: Secret | None) -> bytes:
        asked = self.prekey_for(index)
        answer = self.trustee(index).offer_prekey(asked, now=self.log.now, entropy=os.urandom)
        prekey = verify_prekey(
            PREKEY.parse(answer),
            trustee_key=self.seats[index - 1].signer.public_key,
            expected_request=PREKEY_REQUEST.parse(asked).digest,
            now=self.log.now,
        )
        made = build_deposit(
            fresh.signed,
            index=index,
            prekey=prekey,
            mask=fresh.masks[index],
            chain=chain,
            signer=self.officer_signer,
        )
        return made.encode()

    def enrolled(self, content: RecordContent) -> FreshlySealed:
        """A record that is public, and confirmed by everyone."""
        fresh = self.deposited(content)
        logged = self.log.record(enrolled_act(fresh.signed, day=self.log.now.date()), ChainElement(content.chain).label)
        for seat in self.seats:
            self.confirm(seat.index, fresh, logged)
        return fresh

    def confirm(self, index: int, fresh: FreshlySealed, logged: tuple[int, CommittedAct]) -> None:
        record = fresh.signed.unverified
        shown = self.show(index, *logged)
        confirmation = Confirmation(record.record_id, record.number, fresh.signed.digest, shown)
        self.trustee(index).confirm(confirmation.encode(), now=self.log.now, entropy=os.urandom)

    # Looking up

    def look_up(self, inputs: tuple[Personal[bytes], ...], indices: tuple[int, ...]) -> lookup_prf.Evaluated:
        assert self.key is not None
        blinded = lookup_prf.blind(inputs, purpose=PURPOSE, entropy=os.urandom)
        body = self.lookup_request(blinded.encode())
        answers = {
            index: LOOKUP_ANSWER.parse(self.trustee(index).look_up(body, now=self.log.now)).unverified.points
            for index in indices
        }
        return lookup_prf.finish(blinded, answers, key=self.key)

    def lookup_request(self, points: bytes, **changed: object) -> bytes:
        asked = LookupRequest(
            fingerprint(self.officer_signer.public_key),
            PURPOSE,
            "enrolment",
            0,
            os.urandom(16),
            self.log.now,
            points,
        )
        return LOOKUP_REQUEST.sign(replace(asked, **changed), signer=self.officer_signer).encode()  # type: ignore[arg-type]
