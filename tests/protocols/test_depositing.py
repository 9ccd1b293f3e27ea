"""What a trustee takes and what it refuses: deposits, the acts that confirm them, erasure."""

import os
from dataclasses import replace
from datetime import timedelta

import pytest

from diptych.crypto.hpke import generate_recipient
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.errors import Conflict, DiptychError, FormatError, VerificationError
from diptych.formats.mandate.officer import Role
from diptych.formats.record.content import RecordContent
from diptych.formats.record.sealing import FreshlySealed, Predecessor
from diptych.formats.tlog.act import Act, Detail
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.label import ChainElement
from diptych.private import Personal, Secret
from diptych.protocols.depositing.decision import (
    HeldDeposit,
    HeldRecord,
    OfferedPrekey,
    decide_confirmation,
    decide_deposit,
    decide_erasure,
    is_confirmed,
)
from diptych.protocols.depositing.deposit import (
    ACKNOWLEDGEMENT,
    DEPOSIT,
    Acknowledgement,
    Deposit,
    DepositSecrets,
    RecordVersion,
    build_deposit,
    verify_acknowledgement,
    verify_prekey,
)
from diptych.protocols.depositing.erasure import ERASURE_ORDER, ErasureOrder
from diptych.protocols.depositing.prekey import PREKEY
from tests.registry_world import World, content_of, enrolled_act, verified


class Counter:
    """A record sealed at the counter, and its deposit with the first trustee."""

    def __init__(self) -> None:
        self.world = World()
        self.trustee = self.world.trustees[0]
        self.content: RecordContent = content_of(chain=Secret(os.urandom(32)))
        self.fresh: FreshlySealed = self.world.sealed(self.content)
        self.deposit, self.prekey = self.world.deposit(self.fresh, self.trustee, self.content.chain)

    def accept(self) -> HeldDeposit:
        return self.world.decide_deposit(self.deposit, self.prekey, self.trustee)

    def refused(self, deposit: Deposit | None = None, **kept: object) -> str:
        """The check that refuses this deposit, truly signed, against what is kept."""
        statement = DEPOSIT.sign(deposit or self.deposit.unverified, signer=self.world.officer_signer)
        arguments: dict[str, object] = {
            "identity": self.trustee.identity(),
            "officer": self.world.officer,
            "revocation": None,
            "prekey": self.prekey,
            "held": self.trustee.held,
            "now": self.world.log.now,
            **kept,
        }
        with pytest.raises(DiptychError) as caught:
            decide_deposit(statement, **arguments)  # type: ignore[arg-type]
        return caught.value.check

    def changed(self, **changes: object) -> Deposit:
        return replace(self.deposit.unverified, **changes)  # type: ignore[arg-type]


def correct(counter: Counter, held: HeldRecord) -> tuple[FreshlySealed, HeldDeposit]:
    """The next version, deposited."""
    world, version = counter.world, held.version
    fresh = world.sealed(
        counter.content, predecessor=Predecessor(version.record_id, version.number, version.record_hash)
    )
    counter.trustee.held = held
    return fresh, world.decide_deposit(*world.deposit(fresh, counter.trustee, None), counter.trustee)


def corrected_act(fresh: FreshlySealed, **changed: Detail) -> Act:
    record = fresh.signed.unverified
    assert record.predecessor is not None
    details: dict[str, Detail] = {
        "type": "driving-licence",
        "record": fresh.signed.digest,
        "number": record.number,
        "predecessor": record.predecessor,
        "reason": "nom rectifié",
        **changed,
    }
    return Act(ActType.CORRECTED, World().log.now.date(), ActorClass.REGISTRY, Personal(details))


def confirmed(counter: Counter) -> HeldRecord:
    deposit = counter.accept()
    act = enrolled_act(counter.fresh.signed, day=counter.world.log.now.date())
    shown = counter.world.log.show(*counter.world.log.record(act, ChainElement(counter.content.chain).label))
    return decide_confirmation(deposit, verified(shown), held=None)


def test_a_deposit_is_held_with_its_mask_and_the_chain() -> None:
    counter = Counter()
    held = counter.accept()
    assert held.mask == counter.fresh.masks[1]
    assert held.chain == ChainElement(counter.content.chain)
    assert held.version == RecordVersion.of(counter.fresh.signed)
    assert held.digest == counter.deposit.digest


def test_what_the_registry_and_the_long_term_key_hold_says_nothing_without_the_mask() -> None:
    counter = Counter()
    slot = counter.fresh.signed.unverified.quorum.slot_of(1)
    assert slot.envelope == counter.deposit.unverified.envelope
    wrong = replace(counter.fresh, masks={1: Secret(bytes(32))})
    deposit, prekey = counter.world.deposit(wrong, counter.trustee, counter.content.chain)
    with pytest.raises(VerificationError, match=r"sharing\.share_hash"):
        counter.world.decide_deposit(deposit, prekey, counter.trustee)


def test_a_deposit_for_another_trustee_epoch_or_index_is_refused() -> None:
    counter = Counter()
    for change in ({"trustee": bytes(32)}, {"epoch": 2}, {"index": 2}):
        assert counter.refused(counter.changed(**change)) == "deposit.trustee"


def test_an_unknown_used_or_foreign_prekey_is_refused_and_so_is_one_that_ended() -> None:
    counter = Counter()
    assert counter.refused(prekey=None) == "deposit.prekey"
    assert counter.refused(prekey=replace(counter.prekey, officer=bytes(32))) == "deposit.prekey"
    ended = replace(counter.prekey, expires=counter.world.log.now)
    assert counter.refused(prekey=ended) == "deposit.prekey_expired"


def test_a_deposit_under_another_prekey_does_not_open() -> None:
    counter = Counter()
    other = OfferedPrekey(counter.prekey.officer, counter.prekey.expires, generate_recipient())
    assert counter.refused(prekey=other) == "hpke.open"
    assert counter.refused(counter.changed(prekey_id=os.urandom(16))) == "hpke.open"


@pytest.mark.parametrize("member", ["record_id", "number", "record_hash"])
def test_the_secrets_are_bound_to_the_version_that_they_are_for(member: str) -> None:
    counter = Counter()
    version = counter.deposit.unverified.version
    others = {"record_id": os.urandom(16), "number": 2, "record_hash": bytes(32)}
    predecessor = bytes(32) if member == "number" else None
    changed = replace(version, predecessor=predecessor, **{member: others[member]})  # type: ignore[arg-type]
    assert counter.refused(counter.changed(version=changed)) == "hpke.open"


def test_a_sealer_that_lied_about_a_share_is_caught_at_the_counter() -> None:
    counter = Counter()
    assert counter.refused(counter.changed(share_hash=bytes(32))) == "hpke.open"
    other = counter.fresh.signed.unverified.quorum.slot_of(2).envelope
    assert counter.refused(counter.changed(envelope=other)) == "hpke.open"


def test_the_role_of_the_deed_is_asked() -> None:
    counter = Counter()
    honoured = counter.world.officer
    for roles, check in (({Role.CORRECT, Role.OPEN}, "officer.role"), ({Role.ENROL}, None)):
        officer = replace(honoured, certificate=replace(honoured.certificate, roles=frozenset(roles)))
        if check:
            assert counter.refused(officer=officer) == check
    assert counter.refused(officer=None) == "officer.unknown"
    too_new = replace(honoured, certified_at=counter.world.log.now - timedelta(hours=47))
    assert counter.refused(officer=too_new) == "officer.waiting"


def test_the_first_version_brings_a_chain_and_a_later_one_brings_none() -> None:
    counter = Counter()
    deposit, prekey = counter.world.deposit(counter.fresh, counter.trustee, None)
    with pytest.raises(FormatError, match=r"deposit\.chain"):
        counter.world.decide_deposit(deposit, prekey, counter.trustee)


def test_an_enrolment_confirms_the_deposit_that_it_commits_to() -> None:
    counter = Counter()
    held = confirmed(counter)
    assert held.version == RecordVersion.of(counter.fresh.signed)
    assert held.chain.counter == 0
    assert is_confirmed(held.version, held)
    assert not is_confirmed(held.version, None)


def test_an_act_of_another_record_type_or_label_confirms_nothing() -> None:
    counter = Counter()
    deposit, log = counter.accept(), counter.world.log
    other = counter.world.sealed(counter.content)
    label = ChainElement(counter.content.chain).label
    wrong_act = enrolled_act(other.signed, day=log.now.date())
    for act, under, check in (
        (wrong_act, label, "deposit.act"),
        (enrolled_act(counter.fresh.signed, day=log.now.date()), os.urandom(32), "deposit.label"),
        (
            enrolled_act(counter.fresh.signed, day=log.now.date()),
            ChainElement(counter.content.chain).next().label,
            "deposit.label",
        ),
        (
            Act(ActType.LOOKED_UP, log.now.date(), ActorClass.REGISTRY, Personal({"purpose": "a", "legal_basis": "b"})),
            label,
            "deposit.act",
        ),
    ):
        with pytest.raises(VerificationError) as caught:
            decide_confirmation(deposit, verified(log.show(*log.record(act, under))), held=None)
        assert caught.value.check == check


def test_a_correction_follows_the_latest_version_and_supersedes_it() -> None:
    counter = Counter()
    first = confirmed(counter)
    fresh, deposit = correct(counter, first)
    log = counter.world.log
    shown = log.show(*log.record(corrected_act(fresh), ChainElement(counter.content.chain).at(3).label))
    second = decide_confirmation(deposit, verified(shown), held=first)
    assert second.version == RecordVersion.of(fresh.signed)
    assert (second.version.number, second.version.predecessor) == (2, first.version.record_hash)
    assert second.mask == fresh.masks[1]
    assert second.chain.counter == 3


def test_a_correction_that_commits_to_another_hash_number_or_predecessor_confirms_nothing() -> None:
    counter = Counter()
    first = confirmed(counter)
    fresh, deposit = correct(counter, first)
    log, label = counter.world.log, ChainElement(counter.content.chain).at(1).label
    for change in ({"record": bytes(32)}, {"number": 3}, {"predecessor": bytes(32)}):
        shown = log.show(*log.record(corrected_act(fresh, **change), label))
        with pytest.raises(VerificationError, match=r"deposit\.act"):
            decide_confirmation(deposit, verified(shown), held=first)
    enrolled = log.show(*log.record(enrolled_act(fresh.signed, day=log.now.date()), label))
    with pytest.raises(VerificationError, match=r"deposit\.act"):
        decide_confirmation(deposit, verified(enrolled), held=first)
    off_chain = log.show(*log.record(corrected_act(fresh), os.urandom(32)))
    with pytest.raises(VerificationError, match=r"deposit\.label"):
        decide_confirmation(deposit, verified(off_chain), held=first)


def test_a_version_that_does_not_follow_the_latest_is_refused_in_deposit_and_confirmation() -> None:
    counter = Counter()
    first = confirmed(counter)
    fresh, deposit = correct(counter, first)
    log = counter.world.log
    shown = verified(log.show(*log.record(corrected_act(fresh), ChainElement(counter.content.chain).at(1).label)))
    second = decide_confirmation(deposit, shown, held=first)
    for held, check in ((None, "deposit.order"), (second, "deposit.confirmed")):
        with pytest.raises(Conflict) as caught:
            decide_confirmation(deposit, shown, held=held)
        assert caught.value.check == check
    counter.trustee.held = second
    assert counter.refused() == "deposit.confirmed"
    counter.trustee.held = replace(first, version=replace(first.version, record_hash=bytes(32)))
    with pytest.raises(Conflict, match=r"deposit\.order"):
        decide_confirmation(deposit, shown, held=counter.trustee.held)


def test_an_erased_record_takes_no_deposit_and_is_erased_once() -> None:
    counter = Counter()
    held = confirmed(counter)
    world = counter.world

    def erase(held: HeldRecord | None, **changed: object) -> HeldRecord:
        order = ErasureOrder(
            world.officer.certificate.officer,
            counter.fresh.signed.unverified.record_id,
            counter.fresh.signed.digest,
            "fr.erasure",
            Personal("2026-12"),
            world.log.now,
        )
        statement = ERASURE_ORDER.sign(
            replace(order, **changed),  # type: ignore[arg-type]
            signer=world.officer_signer,
        )
        return decide_erasure(statement, officer=world.officer, revocation=None, held=held, now=world.log.now)

    erased = erase(held)
    assert erased.mask is None
    assert erase(erased) == erased
    counter.trustee.held = erased
    assert counter.refused() == "deposit.erased"
    for wrong, check in (
        ({"record_id": bytes(16)}, "erasure.record"),
        ({"record_hash": bytes(32)}, "erasure.superseded"),
    ):
        with pytest.raises(DiptychError) as caught:
            erase(held, **wrong)
        assert caught.value.check == check
    honoured = world.officer
    world.officer = replace(
        honoured, certificate=replace(honoured.certificate, roles=frozenset((Role.OPEN, Role.CORRECT)))
    )
    with pytest.raises(DiptychError, match=r"officer\.role"):
        erase(held)


def test_a_prekey_is_of_the_trustee_that_was_asked_answers_the_request_and_ends() -> None:
    world = World()
    trustee = world.trustees[0]
    seen, _ = world.offered(trustee)
    statement = PREKEY.parse(seen.encoded)
    with pytest.raises(VerificationError, match=r"prekey\.request"):
        verify_prekey(statement, trustee_key=trustee.signer.public_key, expected_request=bytes(32), now=world.log.now)
    with pytest.raises(VerificationError, match=r"prekey\.expired"):
        verify_prekey(
            statement,
            trustee_key=trustee.signer.public_key,
            expected_request=seen.content.request,
            now=seen.content.expires,
        )
    with pytest.raises(VerificationError, match=r"statement\.signer"):
        verify_prekey(
            statement,
            trustee_key=generate_signer().public_key,
            expected_request=seen.content.request,
            now=world.log.now,
        )


def test_an_acknowledgement_is_for_this_version_and_this_deposit() -> None:
    counter = Counter()
    version, signer = RecordVersion.of(counter.fresh.signed), counter.trustee.signer
    content = Acknowledgement(
        counter.trustee.name, version.record_id, version.number, version.record_hash, counter.deposit.digest
    )

    def verify(found: Acknowledgement, deposit: bytes | None = counter.deposit.digest) -> None:
        verify_acknowledgement(
            ACKNOWLEDGEMENT.sign(found, signer=signer),
            trustee_key=signer.public_key,
            expected_version=version,
            expected_deposit=deposit,
            now=counter.world.log.now,
        )

    verify(content)
    for change in ({"record_id": bytes(16)}, {"number": 2}, {"record_hash": bytes(32)}):
        with pytest.raises(VerificationError, match=r"acknowledgement\.record"):
            verify(replace(content, **change))  # type: ignore[arg-type]
    with pytest.raises(VerificationError, match=r"acknowledgement\.deposit"):
        verify(replace(content, deposit=bytes(32)))
    verify(replace(content, deposit=bytes(32)), None)


def test_a_deposit_is_the_sealers_own() -> None:
    counter = Counter()
    stranger = generate_signer()
    prekey, _ = counter.world.offered(counter.trustee)
    with pytest.raises(VerificationError, match=r"statement\.signer"):
        build_deposit(
            counter.fresh.signed,
            index=1,
            prekey=prekey,
            mask=counter.fresh.masks[1],
            chain=counter.content.chain,
            signer=stranger,
        )
    assert fingerprint(stranger.public_key) != counter.deposit.unverified.officer


def test_secrets_of_a_deposit_do_not_show() -> None:
    counter = Counter()
    mask = counter.fresh.masks[1].reveal()
    printed = repr((counter.fresh, counter.deposit, counter.accept(), confirmed(counter), DepositSecrets))
    assert mask.hex() not in printed
    assert repr(mask)[2:20] not in printed
