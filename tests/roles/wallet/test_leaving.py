"""Backups and moves: whatever ends them between two writes, never two wallets that live, and never none."""

from dataclasses import replace

import pytest

from diptych.crypto.passphrase import Hardness
from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.private import Secret
from diptych.roles.wallet.backup import Backup, open_backup, parse_backup
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.leaving import Written
from diptych.roles.wallet.memory import Death, MemoryBackupPlace, MemoryWalletStore
from diptych.roles.wallet.model import Event, Life
from diptych.roles.wallet.presenting import Consent
from diptych.roles.wallet.returning import restored
from diptych.roles.wallet.service import Wallet
from tests.play import Play

EASY = Hardness(memory_kib=64, iterations=1, lanes=1)
SECRET = Secret(b"another seal entirely")
AGREED = Consent(agrees=True)
# leaving, retired, moved
MOVE_WRITES = 3
# keep, publish
PLACE_WRITES = 2


def move(play: Play, place: MemoryBackupPlace, *, again: bool = False) -> Written:
    return play.new_wallet().move(place, SECRET, hardness=EASY, now=play.now, again=again)


def opened(place: MemoryBackupPlace) -> Backup:
    assert place.named is not None
    return open_backup(parse_backup(place.named), SECRET, least=EASY)


def restore(play: Play, place: MemoryBackupPlace) -> Wallet:
    """The wallet on its new device."""
    store = MemoryWalletStore(entries=restored(opened(place), now=play.now, entropy=play.town.entropy))
    return replace(play.wallet, store=store)


def life(play: Play) -> Life:
    return play.new_wallet().standing().life


def is_alive(play: Play, wallet: Wallet) -> bool:
    """Whether it shows a plain copy and renews. If it does not, it says why, and no token leaves it."""
    said = len(play.issuer_line.said)
    failures = {failure.check for failure in wallet.renew("proof-of-age", now=play.now).failures}
    if failures:
        assert failures < {"wallet.moved", "wallet.moving"}
        assert len(play.issuer_line.said) == said
        with pytest.raises(Refused, match=failures.pop()):
            wallet.review(play.ask("licence_name").link, now=play.now)
        return False
    return wallet.answer(wallet.review(play.ask("licence_name").link, now=play.now), AGREED, now=play.now).is_accepted


def test_a_backup_holds_everything_and_the_wallet_lives_on() -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace()
    written = play.wallet.back_up(place, SECRET, hardness=EASY, now=play.now)
    assert (written.documents, written.made_at) == (3, play.now)
    assert place.named is not None
    assert written.size == len(place.named)
    backup = opened(place)
    assert not backup.is_move
    contents = Contents(backup.entries)
    assert contents.grants() == Contents(play.store.read()).grants()
    assert len(contents.copies(contents.document("driving-licence").id)) == 10
    assert play.wallet.history()[0].event is Event.BACKED_UP
    assert is_alive(play, play.wallet)


def test_the_wallet_knows_when_its_backup_has_grown_old() -> None:
    play = Play()
    play.receive()
    assert not play.wallet.is_backup_old()
    play.wallet.back_up(MemoryBackupPlace(), SECRET, hardness=EASY, now=play.now)
    assert play.wallet.standing().backed_up_at == play.now
    assert not play.wallet.is_backup_old()
    play.later(days=1)
    play.wallet.renew("proof-of-age", now=play.now)
    assert play.wallet.is_backup_old()


@pytest.mark.parametrize("death", list(Death))
@pytest.mark.parametrize("position", range(PLACE_WRITES))
def test_a_backup_that_cannot_be_written_changes_nothing(position: int, death: Death) -> None:
    play = Play()
    play.receive()
    before = play.store.read()
    with pytest.raises(Unavailable):
        play.wallet.back_up(MemoryBackupPlace(dies={position: death}), SECRET, hardness=EASY, now=play.now)
    assert play.store.read() == before
    assert is_alive(play, play.wallet)


def test_a_backup_that_does_not_read_back_gets_no_name() -> None:
    class Rotting(MemoryBackupPlace):
        def kept(self) -> bytes:
            return super().kept()[:-1] + b"?"

    play = Play()
    play.receive()
    place = Rotting()
    with pytest.raises((VerificationError, FormatError)):
        play.wallet.back_up(place, SECRET, hardness=EASY, now=play.now)
    assert place.named is None
    with pytest.raises((VerificationError, FormatError)):
        move(play, place)
    assert place.named is None
    assert life(play) is Life.LIVE


def test_while_another_window_acts_nothing_leaves() -> None:
    play = Play()
    with play.store.acting():
        for act in (lambda place: move(play, place), lambda place: play.wallet.cancel_move(place, hardness=EASY)):
            with pytest.raises(Conflict, match=r"wallet\.busy"):
                act(MemoryBackupPlace())


def test_a_moved_wallet_shows_and_renews_nothing_here_and_everything_there() -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace()
    move(play, place)
    assert life(play) is Life.MOVED
    assert opened(place).is_move
    assert not is_alive(play, play.new_wallet())
    new = restore(play, place)
    assert is_alive(play, new)
    held = {holding.document.configuration_id: holding.copies_left for holding in new.list(now=play.now)}
    # Nothing could be shown after the file was made: what was unspent is unspent, but for what `is_alive` showed.
    assert held == {"driving-licence": 9, "proof-of-age": 30, "driving-entitlement": 10}
    assert play.town.issuer.store.incidents() == ()


def test_a_moved_wallet_is_still_read_and_says_when_it_moved() -> None:
    play = Play()
    play.receive()
    move(play, MemoryBackupPlace())
    wallet = play.new_wallet()
    assert wallet.show("driving-licence", now=play.now).attributes
    assert wallet.history()[0].event is Event.MOVED
    assert wallet.standing().since == play.now
    play.later(days=10)
    assert wallet.due(now=play.now) == ()
    approval = play.approve()
    with pytest.raises(Refused, match=r"moved on 2026-06-15"):
        wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    with pytest.raises(Refused, match=r"wallet\.moved"):
        wallet.set_trust(*_trust(play))
    with pytest.raises(Refused, match=r"wallet\.moved"):
        wallet.back_up(MemoryBackupPlace(), SECRET, hardness=EASY, now=play.now)


def _trust(play: Play) -> tuple[bytes, bytes]:
    trust = Contents(play.store.read()).trust()
    return trust.issuers, trust.verifiers


@pytest.mark.parametrize("death", list(Death))
@pytest.mark.parametrize("position", range(MOVE_WRITES))
def test_wherever_the_wallet_dies_in_a_move_there_is_one_that_lives_or_one_that_can_be_finished(
    position: int, death: Death
) -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace()
    play.store.dies = {play.store.writes + position: death}
    with pytest.raises(Unavailable):
        move(play, place)
    expect_one_wallet(play, place)


@pytest.mark.parametrize("death", list(Death))
@pytest.mark.parametrize("position", range(PLACE_WRITES))
def test_wherever_the_file_fails_in_a_move_there_is_one_that_lives_or_one_that_can_be_finished(
    position: int, death: Death
) -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace(dies={position: death})
    with pytest.raises(Unavailable):
        move(play, place)
    expect_one_wallet(play, place)


def expect_one_wallet(play: Play, place: MemoryBackupPlace) -> None:
    """Here or in a file that has its name, never both; and the same command once more makes it the file."""
    assert not (life(play) is Life.LIVE and (place.named or place.beside))
    if place.named is not None:
        assert life(play) in (Life.RETIRED, Life.MOVED)
    if life(play) is Life.MOVED:
        assert place.named is not None
    else:
        move(play, place)
    assert life(play) is Life.MOVED
    assert not is_alive(play, play.new_wallet())
    assert is_alive(play, restore(play, place))
    assert play.town.issuer.store.incidents() == ()


@pytest.mark.parametrize("death", list(Death))
def test_a_move_that_began_can_be_undone_until_its_file_may_be_there(death: Death) -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace()
    play.store.dies = {play.store.writes: Death.AFTER_SAVING}
    with pytest.raises(Unavailable):
        move(play, place)
    assert life(play) is Life.LEAVING
    with pytest.raises(Refused, match="--cancel"):
        play.new_wallet().review(play.ask("licence_name").link, now=play.now)
    play.store.dies = {play.store.writes: death}
    with pytest.raises(Unavailable):
        play.new_wallet().cancel_move(place, hardness=EASY)
    if life(play) is Life.LEAVING:
        play.new_wallet().cancel_move(place, hardness=EASY)
    assert place.beside is None
    assert is_alive(play, play.new_wallet())


def test_what_is_kept_of_a_move_goes_before_the_wallet_lives_again() -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace()
    play.store.dies = {play.store.writes + 1: Death.BEFORE_SAVING}
    with pytest.raises(Unavailable):
        move(play, place)
    assert (life(play), place.beside is None) == (Life.LEAVING, False)
    play.new_wallet().cancel_move(place, hardness=EASY)
    assert (life(play), place.beside) == (Life.LIVE, None)


@pytest.mark.parametrize("writes", [0, 2, MOVE_WRITES])
def test_a_move_that_did_not_begin_or_cannot_be_undone_is_not_undone(writes: int) -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace()
    if writes == MOVE_WRITES:
        move(play, place)
    elif writes:
        play.store.dies = {play.store.writes + writes - 1: Death.AFTER_SAVING}
        with pytest.raises(Unavailable):
            move(play, place)
    before = play.store.read()
    with pytest.raises(Conflict, match=r"wallet\.not_moving"):
        play.new_wallet().cancel_move(place, hardness=EASY)
    assert play.store.read() == before


def test_a_move_whose_name_is_taken_leaves_the_wallet_as_it_is() -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace(named=b"something else")
    with pytest.raises(Conflict, match=r"backup\.exists"):
        move(play, place)
    assert life(play) is Life.LIVE
    assert place.named == b"something else"
    assert is_alive(play, play.new_wallet())


def test_a_move_that_had_its_file_is_finished_with_that_file_and_not_a_second_one() -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace(dies={1: Death.AFTER_SAVING})
    with pytest.raises(Unavailable):
        move(play, place)
    file = place.named
    assert (life(play), file is None) == (Life.RETIRED, False)
    move(play, place)
    assert (life(play), place.named) == (Life.MOVED, file)


def test_a_file_of_another_wallet_does_not_finish_a_move() -> None:
    play, stranger = Play(), Play()
    play.receive()
    stranger.receive()
    theirs = MemoryBackupPlace()
    move(stranger, theirs)
    place = MemoryBackupPlace(dies={1: Death.BEFORE_SAVING})
    with pytest.raises(Unavailable):
        move(play, place)
    place.named = theirs.named
    with pytest.raises(Conflict, match=r"backup\.exists"):
        move(play, place)
    assert life(play) is Life.RETIRED


def test_a_second_file_of_a_moved_wallet_is_written_only_when_it_is_asked_for() -> None:
    play = Play()
    play.receive()
    move(play, MemoryBackupPlace())
    with pytest.raises(Conflict, match="--again"):
        move(play, MemoryBackupPlace())
    other = MemoryBackupPlace()
    move(play, other, again=True)
    assert is_alive(play, restore(play, other))
    assert life(play) is Life.MOVED


def test_a_window_that_prepared_an_answer_before_a_move_does_not_spend_a_copy_after_it() -> None:
    play = Play()
    play.receive()
    wallet = play.new_wallet()

    class MovesFirst(MemoryWalletStore):
        """Between this window's look and its save, another window moves the wallet."""

        def save(self, changes: object) -> None:
            play.store = honest
            move(play, place)
            honest.save(changes)

    honest, place = play.store, MemoryBackupPlace()
    plan = wallet.review(play.ask("licence_name").link, now=play.now)
    late = replace(wallet, store=MovesFirst(entries=honest.entries))
    with pytest.raises(Conflict, match=r"wallet\.changed"):
        late.prepare(plan, AGREED, now=play.now)
    assert restore(play, place).show("driving-licence", now=play.now).copies_left == 10
    contents = Contents(play.store.read())
    assert not [copy for copy in contents.copies(contents.document("driving-licence").id) if copy.is_spent]


def test_no_error_of_a_backup_says_anything_about_anyone() -> None:
    play = Play()
    play.receive()
    place = MemoryBackupPlace()
    play.wallet.back_up(place, SECRET, hardness=EASY, now=play.now)
    backup = opened(place)
    assert "Mustermann" not in repr(backup)
    assert b"Mustermann" not in (place.named or b"")
    with pytest.raises(DiptychError) as failed:
        open_backup(parse_backup(place.named or b""), Secret(b"a wrong passphrase"), least=EASY)
    assert failed.value.check == "backup.passphrase"
    assert "Mustermann" not in repr(failed.value)
