"""A wallet comes back from a copy: nothing that may have been done since is done again, and old tokens end clearly."""

from dataclasses import replace

import pytest

from diptych.crypto.passphrase import Hardness
from diptych.errors import Conflict, Refused, Unavailable
from diptych.private import Secret
from diptych.roles.issuer.model import REFRESH_REUSE
from diptych.roles.wallet.backup import open_backup, parse_backup
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.memory import Death, MemoryBackupPlace, MemoryWalletStore
from diptych.roles.wallet.model import Event
from diptych.roles.wallet.planning import Mechanism
from diptych.roles.wallet.presenting import Consent
from diptych.roles.wallet.returning import restored
from diptych.roles.wallet.service import Wallet
from tests.play import Play

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
SECRET = Secret(b"another seal entirely")
AGREED = Consent(agrees=True)


def back_up(play: Play) -> bytes:
    place = MemoryBackupPlace()
    play.wallet.back_up(place, SECRET, hardness=EASY, now=play.now)
    assert place.named is not None
    return place.named


def restore(play: Play, file: bytes) -> Wallet:
    """Another device, on which nothing is left but the file."""
    backup = open_backup(parse_backup(file), SECRET, least=EASY)
    store = MemoryWalletStore(entries=restored(backup, now=play.now, entropy=play.town.entropy))
    return replace(play.wallet, store=store)


def show(play: Play, wallet: Wallet, policy: str) -> Mechanism:
    plan = wallet.review(play.ask(policy).link, now=play.now)
    assert wallet.answer(plan, AGREED, now=play.now).is_accepted
    return plan.mechanism


def test_a_fresh_backup_renews_proves_and_shows_no_copy_that_may_have_been_shown() -> None:
    play = Play()
    play.receive()
    file = back_up(play)
    show(play, play.wallet, "licence_name")  # after the backup was made: a copy is spent
    new = restore(play, file)
    assert {holding.copies_left for holding in new.list(now=play.now)} == {0}
    assert show(play, new, "over_18") is Mechanism.LONGFELLOW
    with pytest.raises(Refused, match=r"wallet\.copies_exhausted"):
        show(play, new, "licence_name")
    renewed = new.renew_due(now=play.now)
    assert {document.configuration_id for document in renewed.documents} == {"proof-of-age", "driving-entitlement"}
    assert renewed.failures == ()
    left = {holding.document.configuration_id: holding.copies_left for holding in new.list(now=play.now)}
    # The licence is not renewed by its issuer: shown plainly again only after a new order. Proofs go on.
    assert left == {"driving-licence": 0, "proof-of-age": 30, "driving-entitlement": 10}
    assert new.standing().unproven_grants == ()
    assert Event.RESTORED in {entry.event for entry in new.history()}
    assert play.town.issuer.store.incidents() == ()


def test_no_copy_that_was_shown_is_ever_shown_by_the_restored_wallet() -> None:
    play = Play()
    play.receive()
    file = back_up(play)
    show(play, play.wallet, "licence_name")
    contents = Contents(play.store.read())
    spent = {copy.id for copy in contents.copies(contents.document("driving-licence").id) if copy.is_spent}
    assert len(spent) == 1
    found = Contents(restore(play, file).store.read())
    assert all(copy.is_spent for copy in found.copies(found.document("driving-licence").id))


def test_a_backup_older_than_the_last_renewal_ends_clearly_and_the_order_is_closed_to_both() -> None:
    play = Play()
    play.receive()
    file = back_up(play)
    for _ in range(2):
        play.later(days=10)
        assert play.wallet.renew_due(now=play.now).failures == ()
    new = restore(play, file)
    failed = new.renew_due(now=play.now)
    checks = {failure.document.configuration_id: failure.check for failure in failed.failures}
    assert "wallet.backup_superseded" in checks.values()
    message = next(failure.message for failure in failed.failures if failure.check == "wallet.backup_superseded")
    assert "Ask at the counter for a new offer" in message
    # The real issuer takes the old token for a stolen one: it is recorded, and the old wallet renews no more either.
    assert [incident.kind for incident in play.town.issuer.store.incidents()] == [REFRESH_REUSE]
    play.later(hours=1)  # past the access token
    assert [failure.check for failure in play.wallet.renew("proof-of-age", now=play.now).failures] == [
        "wallet.renewal_ended"
    ]
    # Asked once, and not again with every command.
    said = len(play.issuer_line.said)
    assert new.renew_due(now=play.now).failures == ()
    assert len(play.issuer_line.said) == said


def test_after_a_superseded_backup_a_new_offer_makes_everything_good() -> None:
    play = Play()
    play.receive()
    file = back_up(play)
    for _ in range(2):
        play.later(days=10)
        play.wallet.renew_due(now=play.now)
    new = restore(play, file)
    new.renew_due(now=play.now)
    approval = play.approve()
    assert new.accept(approval.offer.link(), approval.tx_code, now=play.now).refused == ()
    assert show(play, new, "licence_name") is Mechanism.MDOC
    assert show(play, new, "over_18") is Mechanism.LONGFELLOW
    play.later(days=10)
    renewed = new.renew_due(now=play.now)
    assert (len(renewed.documents), renewed.failures) == (2, ())


def test_one_renewal_after_the_backup_is_not_yet_too_old_if_its_answer_was_never_used() -> None:
    play = Play()
    play.receive()
    file = back_up(play)
    # The wallet asked for new tokens, and was lost before it used them: only using them ends the old one.
    play.store.dies = {play.store.writes: Death.AFTER_SAVING}
    assert [found.check for found in play.wallet.renew("proof-of-age", now=play.now).failures] == ["storage"]
    new = restore(play, file)
    assert new.renew("proof-of-age", now=play.now).failures == ()
    assert play.town.issuer.store.incidents() == ()


def test_keys_that_may_have_been_sent_are_not_sent_by_the_restored_wallet() -> None:
    play = Play()
    play.receive()
    play.issuer_line.lost = iter([None, None, None, None, None, "answer"])
    play.wallet.renew("proof-of-age", now=play.now)
    assert Contents(play.store.read()).batches()
    file = back_up(play)
    new = restore(play, file)
    assert Contents(new.store.read()).batches() == ()
    assert new.renew("proof-of-age", now=play.now).failures == ()


def test_an_offer_that_was_interrupted_goes_on_in_the_restored_wallet() -> None:
    play = Play()
    approval = play.approve()
    link = approval.offer.link()
    play.store.dies = {play.store.writes + 3: Death.AFTER_SAVING}  # the licence is here, the rest is not
    with pytest.raises(Unavailable):
        play.wallet.accept(link, approval.tx_code, now=play.now)
    file = back_up(play)
    new = restore(play, file)
    assert new.accept(link, None, now=play.now).refused == ()
    assert len(new.list(now=play.now)) == 3


def test_a_backup_of_a_restored_wallet_still_knows_which_tokens_may_be_old() -> None:
    play = Play()
    play.receive()
    new = restore(play, back_up(play))
    unproven = new.standing().unproven_grants
    assert len(unproven) == 1
    place = MemoryBackupPlace()
    new.move(place, SECRET, hardness=EASY, now=play.now)
    moved = restore(play, place.named or b"")
    assert moved.standing().unproven_grants == unproven
    assert moved.renew("proof-of-age", now=play.now).failures == ()
    assert moved.standing().unproven_grants == ()


# A copy of the file, put back by a person or a program


def test_a_copy_shows_renews_and_takes_nothing_until_it_is_adopted() -> None:
    play = Play()
    play.receive()
    play.store.is_put_back = True
    wallet = play.new_wallet()
    said = len(play.issuer_line.said), len(play.verifier_line.said)
    with pytest.raises(Refused, match=r"wallet\.copied"):
        wallet.review(play.ask("licence_name").link, now=play.now)
    assert [found.check for found in wallet.renew("proof-of-age", now=play.now).failures] == ["wallet.copied"]
    with pytest.raises(Refused, match=r"wallet\.copied"):
        wallet.accept(play.approve().offer.link(), None, now=play.now)
    for act in (wallet.back_up, wallet.move):
        with pytest.raises(Refused, match=r"wallet\.copied"):
            act(MemoryBackupPlace(), SECRET, hardness=EASY, now=play.now)
    play.later(days=10)
    assert wallet.due(now=play.now) == ()
    assert (len(play.issuer_line.said), len(play.verifier_line.said)) == said
    assert wallet.show("driving-licence", now=play.now).copies_left == 10


def test_a_copy_of_unknown_age_is_adopted_with_its_copies_spent() -> None:
    play = Play()
    play.receive()
    play.store.is_put_back = True
    wallet = play.new_wallet()
    wallet.adopt(is_newest=False, now=play.now)
    assert {holding.copies_left for holding in wallet.list(now=play.now)} == {0}
    assert show(play, wallet, "over_18") is Mechanism.LONGFELLOW
    assert wallet.renew_due(now=play.now).failures == ()
    assert wallet.show("proof-of-age", now=play.now).copies_left == 30


def test_the_newest_copy_goes_on_as_it_was() -> None:
    play = Play()
    play.receive()
    play.store.is_put_back = True
    wallet = play.new_wallet()
    wallet.adopt(is_newest=True, now=play.now)
    assert wallet.show("driving-licence", now=play.now).copies_left == 10
    assert show(play, wallet, "licence_name") is Mechanism.MDOC
    assert wallet.history()[1].event is Event.RESTORED


@pytest.mark.parametrize("death", list(Death))
def test_wherever_adopting_dies_no_copy_comes_back_to_life(death: Death) -> None:
    play = Play()
    play.receive()
    play.store.is_put_back = True
    play.store.dies = {play.store.writes: death}
    with pytest.raises(Unavailable):
        play.new_wallet().adopt(is_newest=False, now=play.now)
    wallet = play.new_wallet()
    if death is Death.BEFORE_SAVING:
        assert wallet.store.is_copied()
        wallet.adopt(is_newest=False, now=play.now)
    assert {holding.copies_left for holding in wallet.list(now=play.now)} == {0}
    with pytest.raises(Conflict, match=r"wallet\.not_copied"):
        wallet.adopt(is_newest=False, now=play.now)
