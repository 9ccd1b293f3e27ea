"""A trustee is lost, another takes its place: what was sealed before opens with the newcomer, and without the lost."""

import os
from dataclasses import replace
from datetime import timedelta
from itertools import combinations
from typing import Literal

import pytest

from diptych.crypto import lookup_prf
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.errors import Conflict, Refused, Unavailable, VerificationError
from diptych.formats.mandate.officer import OFFICER_REVOCATION, OfficerRevocation
from diptych.formats.mandate.trustee_set import TRUSTEE_SET, Trustee
from diptych.private import Personal
from diptych.protocols.depositing.erasure import least_deletions
from diptych.protocols.lookup.request import LOOKUP_ANSWER
from diptych.protocols.replacing.change import TRUSTEE_CHANGE
from diptych.roles.registry import changing
from diptych.roles.registry.publishing import publish_set
from diptych.roles.trustee.model import Consent
from tests.changing_town import ChangingTown, LyingTrustees, person

STAYING = (1, 2, 4, 5)


@pytest.fixture
def town() -> ChangingTown:
    return ChangingTown()


def test_a_record_sealed_before_opens_with_the_new_trustee_and_without_the_old_one(town: ChangingTown) -> None:
    marie = town.enrol_person(1)
    changed = town.replace({3: town.newcomer(6)})
    assert changed.is_over
    assert changed.recovered == 1
    assert [trustee.index for trustee in town.set_now.trustees] == [*STAYING, 6]
    for silent in combinations(STAYING, 2):
        assert town.open_record(marie.record_id, without=silent).content == marie.content
    with pytest.raises(Refused, match=r"opening\.refused"):
        town.open_record(marie.record_id, without=(1, 2, 6))
    after = town.enrol_person(2)
    assert town.open_record(after.record_id, without=(1, 2)).content == after.content


def test_a_corrected_record_and_one_more_replacement(town: ChangingTown) -> None:
    marie, jean = town.enrol_person(1), town.enrol_person(2)
    assert town.replace({3: town.newcomer(6)}).is_over
    read = town.open_record(marie.record_id)
    found = town.look(read.content.civil_status)
    town.workstation.correct(
        read,
        found,
        read.content,
        reason="sealed anew",
        document_type="driving-licence",
        now=town.log.now,
        entropy=os.urandom,
    )
    # Now helpers include one that took a spare share itself; and one record is of the epoch before, one of this.
    assert town.replace({1: town.newcomer(7)}).is_over
    for silent in combinations((2, 4, 5, 6), 2):
        assert town.open_record(jean.record_id, without=silent).content == jean.content
        assert town.open_record(marie.record_id, without=silent).number == 2
    with pytest.raises(Refused, match=r"change\.spares"):
        town.begin({2: town.newcomer(8)})


def test_two_trustees_are_replaced_at_once(town: ChangingTown) -> None:
    marie = town.enrol_person(1)
    changed = town.replace({4: town.newcomer(6), 5: town.newcomer(7)})
    assert changed.is_over
    assert changed.recovered == 2
    for silent in combinations((1, 2, 3), 2):
        assert town.open_record(marie.record_id, without=silent).content == marie.content


# Looking up


def test_a_person_is_found_by_the_same_tag_as_before_for_every_quorum(town: ChangingTown) -> None:
    marie = town.enrol_person(1)
    before = town.look(person(1)).values
    assert town.replace({3: town.newcomer(6)}).is_over
    for silent in combinations((*STAYING, 6), 2):
        town.holders.down = set(silent)
        found = town.look(person(1))
        assert found.values == before
        assert found.matches == (marie.record_id,)


def test_old_shares_of_the_lookup_key_and_new_ones_do_not_combine(town: ChangingTown) -> None:
    old = {index: shares_at(town, index)[0] for index in (1, 2, 3)}
    old_key = town.set_now.purposes[0]
    assert town.replace({3: town.newcomer(6)}).is_over
    new_key = town.set_now.purposes[0]
    assert new_key.public_key == old_key.public_key
    # Whoever stays has destroyed its old share; the lost trustee's backup lies on another polynomial.
    assert all(len(shares_at(town, index)) == 1 for index in (*STAYING, 6))
    new = {index: shares_at(town, index)[0] for index in (*STAYING, 6)}
    inputs = (person_input(),)
    blinded = lookup_prf.blind(inputs, purpose=new_key.purpose, entropy=os.urandom)

    def works(shares: dict[int, lookup_prf.KeyShare]) -> bool:
        answers = {index: lookup_prf.evaluate(share, blinded.encode()) for index, share in shares.items()}
        for key in (old_key, new_key):
            try:
                lookup_prf.finish(blinded, answers, key=key)
            except (lookup_prf.TooFewAnswers, VerificationError, Refused, Unavailable):
                continue
            return True
        return False

    assert works(old)  # a whole old quorum's backups still are the key: it takes n - k + 1 who destroyed theirs
    assert works({index: new[index] for index in (1, 5, 6)})
    for kept in combinations((1, 2, 4, 5, 6), 2):
        assert not works({3: old[3]} | {index: new[index] for index in kept})
    assert not works({2: old[2], 3: old[3], 5: new[5]})


def test_lookup_keys_are_refreshed_among_the_same_trustees(town: ChangingTown) -> None:
    marie, before = town.enrol_person(1), shares_at(town, 1)[0]
    changed = town.replace({})
    assert changed.is_over
    assert (changed.recovered, town.set_now.epoch) == (0, 2)
    (after,) = shares_at(town, 1)
    assert (after.generation, after.scalar == before.scalar) == (1, False)
    assert town.look(person(1)).matches == (marie.record_id,)
    assert town.open_record(marie.record_id, without=(1, 2)).content == marie.content


def test_lookups_are_answered_until_the_new_set_is_public(town: ChangingTown) -> None:
    marie = town.enrol_person(1)
    town.begin({})
    town.propose()
    town.agree()
    town.called_log.is_down = True
    with pytest.raises(Unavailable, match=r"recorder\.unreachable"):
        town.carry_out()  # the keys are shared anew, and no set says so yet
    assert [share.generation for share in shares_at(town, 1)] == [1, 0]
    blinded = lookup_prf.blind((person_input(),) * 6, purpose="civil-status", entropy=os.urandom)
    body = town.lookup_request(blinded.encode())
    for index in (1, 2, 3):
        LOOKUP_ANSWER.parse(town.trustee(index).look_up(body, now=town.log.now))
    town.called_log.is_down = False
    assert town.carry_out().is_over
    assert town.look(person(1)).matches == (marie.record_id,)


# Liars, and people who are away


@pytest.mark.parametrize("liar", STAYING)
@pytest.mark.parametrize("about", ["share", "piece", "chain"])
def test_one_helper_that_lies_is_named_and_the_replacement_succeeds(
    town: ChangingTown, liar: int, about: Literal["share", "piece", "chain"]
) -> None:
    records = [town.enrol_person(number) for number in (1, 2)]
    changed = town.replace({3: town.newcomer(6)}, LyingTrustees(town, liar=liar, about=about))
    assert changed.is_over
    # The last one is asked only where another lied: it is not in the first set.
    if liar in STAYING[:3]:
        assert changed.named == {f"Trustee {liar}": "recovery.share"}
    else:
        assert changed.named == {}
    for record in records:
        honest = [index for index in STAYING if index != liar]
        assert town.open_record(record.record_id, without=(liar, honest[0])).content == record.content


def test_a_helper_that_is_away_is_named_and_done_without(town: ChangingTown) -> None:
    marie = town.enrol_person(1)
    town.begin({3: town.newcomer(6)})
    town.propose()
    town.agree()
    town.called_log.is_down = True
    with pytest.raises(Unavailable):
        town.carry_out()
    town.called_log.is_down = False
    town.called_trustees.down = {1}
    changed = town.carry_out()
    assert changed.is_over
    assert changed.named["Trustee 1"] == "trustee.unreachable"
    assert town.open_record(marie.record_id, without=(1, 2)).content == marie.content


def test_with_two_liars_of_four_nothing_is_taken_and_nobody_is_framed(town: ChangingTown) -> None:
    class TwoLiars(LyingTrustees):
        def ask(self, trustee: Trustee, path: str, body: bytes) -> bytes:
            self.liar = trustee.index if trustee.index in (1, 2) else 0
            return super().ask(trustee, path, body)

    marie = town.enrol_person(1)
    changed = town.replace({3: town.newcomer(6)}, TwoLiars(town))
    assert not changed.is_over
    assert changed.left == {marie.record_id: "recovery.share"}
    assert not {"Trustee 4", "Trustee 5"} & set(changed.named)
    # They come to their senses: it goes on where it was.
    assert town.carry_out().is_over
    assert town.open_record(marie.record_id, without=(4, 5)).content == marie.content


# Consent


def test_nothing_happens_before_everyone_of_the_new_set_agreed(town: ChangingTown) -> None:
    town.enrol_person(1)
    town.begin({3: town.newcomer(6)})
    town.propose()
    town.agree((1, 2, 4, 5))
    with pytest.raises(Unavailable, match="Newcomer 6"):
        town.carry_out()
    assert town.set_now.epoch == 1
    assert [share.generation for share in shares_at(town, 1)] == [0]
    town.agree((6,))
    assert town.carry_out().is_over


def test_a_person_may_refuse_and_the_change_is_given_up(town: ChangingTown) -> None:
    marie = town.enrol_person(1)
    town.begin({3: town.newcomer(6)})
    town.propose()
    town.agree((1, 2, 4, 6))
    (proposed,) = town.trustee(5).changes()
    assert not proposed.is_refresh
    town.trustee(5).decide_change(proposed.digest, Consent.REFUSED, entropy=os.urandom)
    with pytest.raises(Unavailable, match=r"Trustee 5 \(change\.refused\)"):
        town.carry_out()
    with pytest.raises(Conflict, match=r"change\.under_way"):
        town.begin({})
    changing.abandon(
        town.registry, town.called_trustees, agency=town.agency, clock=lambda: town.log.now, said=town.told.append
    )
    assert all(town.trustee(index).changes() == () for index in (1, 2, 4, 5, 6))
    assert town.open_record(marie.record_id, without=(1, 2)).content == marie.content
    assert town.replace({}).is_over


def test_an_agency_that_publishes_a_set_by_itself_gets_no_share(town: ChangingTown) -> None:
    town.enrol_person(1)
    town.begin({3: town.newcomer(6)})
    change = changing.under_way(town.registry)
    assert change is not None
    made = replace(change.becomes(town.set_now, ()), purposes=())
    publish_set(town.registry, TRUSTEE_SET.sign(made, signer=town.agency), now=town.log.now, entropy=os.urandom)
    town.deliver()
    changed = town.carry_out()
    assert not changed.is_over
    assert changed.recovered == 0
    assert set(changed.named.values()) == {"ceremony.consent"}


def test_a_change_that_moves_whoever_stays_is_not_even_proposed(town: ChangingTown) -> None:
    town.begin({3: town.newcomer(6)})
    with town.registry_store.transaction() as state:
        stored = state.change()
    assert stored is not None
    change = TRUSTEE_CHANGE.parse(stored.encoded).unverified
    other = generate_signer().public_key
    stranger = replace(change.trustees[0], signer=other)
    for wrong, check in (
        (replace(change, trustees=(stranger, *change.trustees[1:])), "change.trustees"),
        (replace(change, epoch=3), "change.previous"),
        (replace(change, previous=bytes(32)), "change.previous"),
        (replace(change, threshold=2), "change.threshold"),
        (replace(change, ends=town.log.now), "change.ended"),
        (replace(change, trustees=(*change.trustees[:4], replace(change.trustees[4], index=8))), "change.spares"),
        (replace(change, spares=(7, 9)), "change.spares"),
    ):
        body = TRUSTEE_CHANGE.sign(wrong, signer=town.agency).encode()
        with pytest.raises((VerificationError, Refused)) as refused:
            town.trustee(2).propose(body, now=town.log.now)
        assert refused.value.check == check
    forged = replace(change, agency=fingerprint(town.auditor.public_key))
    body = TRUSTEE_CHANGE.sign(forged, signer=town.auditor).encode()
    with pytest.raises(VerificationError, match=r"statement\.signer"):
        town.trustee(2).propose(body, now=town.log.now)
    assert town.trustee(2).changes() == ()


# What the newcomer knows, and what is gone afterwards


def test_the_newcomer_knows_officers_who_waited_already_those_who_may_not_act_and_the_audit(town: ChangingTown) -> None:
    dismissed = generate_signer()
    town.admit(dismissed)
    town.log.now += timedelta(days=3)
    revocation = OFFICER_REVOCATION.sign(
        OfficerRevocation(fingerprint(town.agency.public_key), fingerprint(dismissed.public_key), town.log.now),
        signer=town.agency,
    ).encode()
    town.registry.take_revocation(revocation, now=town.log.now)
    assert town.replace({3: town.newcomer(6)}).is_over
    with town.seats[5].store.transaction() as state:
        known = state.officer(fingerprint(town.officer_signer.public_key))
        assert known is not None
        assert known.certified_at < town.log.now - timedelta(days=2)
        assert state.revocation(fingerprint(dismissed.public_key)) is not None
        assert state.attestation() is not None


def test_secrets_of_a_change_end_with_it_and_so_does_the_say_of_the_lost(town: ChangingTown) -> None:
    town.enrol_person(1)
    assert town.replace({3: town.newcomer(6)}).is_over
    for index in (*STAYING, 6):
        with town.seats[index - 1].store.transaction() as state:
            assert state.changes() == ()
    assert changing.under_way(town.registry) is None
    with pytest.raises(Refused, match=r"change\.none"):
        town.carry_out()


def test_secrets_of_a_change_that_nobody_ends_go_at_its_time(town: ChangingTown) -> None:
    town.begin({3: town.newcomer(6)})
    town.propose()
    town.agree()
    town.log.now += timedelta(days=31)
    for index in (*STAYING, 6):
        town.trustee(index).sweep(town.log.now)
        assert town.trustee(index).changes() == ()
    with pytest.raises(Refused, match=r"change\.ended"):
        town.carry_out()
    assert town.replace({}).is_over  # its place is free


def test_what_a_newcomer_took_expires_with_the_month_of_the_others(town: ChangingTown) -> None:
    marie = town.enrol_person(1)
    month = f"identity-15y.{town.log.now:%Y-%m}"
    town.log.now += timedelta(days=40)
    town.attest(expires=town.log.now.date() + timedelta(days=100))
    assert town.replace({3: town.newcomer(6)}).is_over
    assert month in town.seats[5].keys.periods()
    for index in (4, 5, 6):
        town.seats[index - 1].keys.destroy(month)
    with pytest.raises(Refused, match=r"retention\.expired"):
        town.open_record(marie.record_id)


def test_erasure_counts_on_one_deletion_more_for_every_trustee_that_was_replaced(town: ChangingTown) -> None:
    marie = town.enrol_person(1)
    assert town.replace({3: town.newcomer(6)}).is_over
    # Six have had a share; three of them open: four have to delete it, and not three.
    town.holders.down = {1, 2}
    with pytest.raises(Refused, match=r"erasure\.too_few"):
        erase(town, marie.record_id)
    town.holders.down = {1}
    erase(town, marie.record_id)
    town.holders.down = set()
    with pytest.raises(Refused, match=r"registry\.erased"):
        town.open_record(marie.record_id)


def test_with_two_replaced_everyone_has_to_delete_and_with_more_it_is_sealed_anew_first(town: ChangingTown) -> None:
    marie = town.enrol_person(1)
    assert town.replace({1: town.newcomer(6), 2: town.newcomer(7)}).is_over
    town.holders.down = {3}
    with pytest.raises(Refused, match=r"erasure\.too_few"):
        erase(town, marie.record_id)
    town.holders.down = set()
    erase(town, marie.record_id)
    assert least_deletions(town.set_now, (1, 2, 8)) > len(town.set_now.trustees)


def erase(town: ChangingTown, record_id: bytes) -> None:
    town.workstation.erase(record_id, legal_basis="erasure", case="2026-2", now=town.log.now)


def shares_at(town: ChangingTown, index: int) -> list[lookup_prf.KeyShare]:
    with town.seats[index - 1].store.transaction() as state:
        return list(state.shares("civil-status"))


def person_input() -> Personal[bytes]:
    return Personal(b"somebody")
