"""Whatever goes wrong, no error says anything about anyone: neither its words nor what led to it."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from diptych.errors import DiptychError
from diptych.private import Secret
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.memory import Death
from diptych.roles.wallet.ports import Answer
from diptych.roles.wallet.presenting import Consent
from diptych.roles.wallet.records import parse_copy
from tests.play import Play

AGREED = Consent(agrees=True)
CANARIES = ("Mustermann", "Erika", "1964", "B072RRE2I55", "Berlin", "Köln")


def shown(error: BaseException | None) -> str:
    """What a log would have of an error and of all that led to it, source lines apart."""
    if error is None:
        return ""
    return f"{error} {error!r} {error.args!r} {shown(error.__cause__)} {shown(error.__context__)}"


def wrong_passcode(play: Play) -> None:
    approval = play.approve()
    play.wallet.accept(approval.offer.link(), Secret(b"Erika"), now=play.now)


def damaged_documents(play: Play) -> None:
    approval = play.approve()
    line = play.issuer_line.line

    class Damaging:
        def __getattr__(self, name: str) -> object:
            return getattr(line, name)

        def ask_credential(self, url: str, body: bytes, **named: object) -> Answer:
            answer = line.ask_credential(url, body, **named)
            return Answer(200, "application/jwt", b"Mustermann" + answer.body)

    play.issuer_line.line = Damaging()
    received = play.wallet.accept(approval.offer.link(), approval.tx_code, now=play.now)
    raise DiptychError(received.refused[0].check, received.refused[0].message)


def damaged_record(play: Play) -> None:
    contents = Contents(play.store.read())
    copy = contents.copies(contents.document("driving-licence").id)[0]
    parse_copy(copy.issuer_signed.reveal())


def exhausted(play: Play) -> None:
    for _ in range(11):
        plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
        play.wallet.answer(plan, AGREED, now=play.now)


def store_dies(play: Play) -> None:
    plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
    play.store.dies = {play.store.writes: Death.BEFORE_SAVING}
    play.wallet.answer(plan, AGREED, now=play.now)


def answer_lost(play: Play) -> None:
    plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
    play.verifier_line.lost = iter(["answer"])
    play.wallet.answer(plan, AGREED, now=play.now)


def expired(play: Play) -> None:
    play.later(days=100)
    play.wallet.review(play.ask("licence_name").link, now=play.now)


def agreed_too_late(play: Play) -> None:
    plan = play.wallet.review(play.ask("licence_name").link, now=play.now)
    play.wallet.answer(plan, AGREED, now=play.now + timedelta(hours=1))


@pytest.mark.parametrize(
    "go_wrong",
    [
        wrong_passcode,
        damaged_documents,
        damaged_record,
        exhausted,
        store_dies,
        answer_lost,
        expired,
        agreed_too_late,
    ],
)
def test_no_error_says_anything_about_anyone(go_wrong: Callable[[Play], None]) -> None:
    play = Play()
    play.receive()
    with pytest.raises(DiptychError) as failed:
        go_wrong(play)
    text = shown(failed.value)
    assert not [canary for canary in CANARIES if canary in text]
