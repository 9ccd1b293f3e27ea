"""A town of trustees: ceremonies run to their end, honestly or with what a test puts in between."""

import os
from collections.abc import Callable, Mapping

from diptych.crypto import hpke
from diptych.crypto.lookup_prf import (
    Ceremony,
    KeyShare,
    Message,
    Participant,
    Round,
    advance,
    generation,
    join,
    observe,
    parse_message,
    receive,
)
from diptych.crypto.lookup_prf.participant import OBSERVER
from diptych.private import Secret

PURPOSE = "driving-licence"
TRUSTEES = (1, 2, 3, 4, 5)
THRESHOLD = 3
RECIPIENTS = {index: hpke.generate_recipient() for index in range(1, 8)}

Tamper = Callable[[Message], Message | None]
"""What becomes of a message on its way to everyone: it, another, or none."""


def keys_of(*indices: int) -> dict[int, bytes]:
    return {index: RECIPIENTS[index].public_key for index in indices}


def new_ceremony(purpose: str = PURPOSE) -> Ceremony:
    return generation(purpose=purpose, threshold=THRESHOLD, trustee_keys=keys_of(*TRUSTEES), nonce=os.urandom(32))


def seat(
    ceremony: Ceremony, held: Mapping[int, KeyShare] | None = None
) -> tuple[dict[int, Participant], list[Message]]:
    """All participants and an observer, and what they say first."""
    held = held or {}
    participants, said = {OBSERVER: observe(ceremony)}, []
    for index in sorted({*ceremony.dealers, *ceremony.receivers}):
        recipient = RECIPIENTS[index] if index in ceremony.receivers else None
        seed = Secret(bytes([index]) * 32)
        share = held.get(index) if index in ceremony.dealers else None
        participants[index], first = join(ceremony, index=index, seed=seed, recipient=recipient, held=share)
        said += first
    return participants, said


def step(
    participants: dict[int, Participant],
    said: list[Message],
    seen_by: Callable[[int, Message], Message | None] = lambda index, message: message,
) -> list[Message]:
    """Everyone hears what was said, as bytes, and says what comes next; after silence the round is closed for all."""
    answers: list[Message] = []
    for index, before in participants.items():
        now = before
        for seen in (seen_by(index, message) for message in said):
            if seen is not None:
                now = receive(now, parse_message(seen.encode()))
        participants[index], next_ = advance(now, is_closing=not said)
        answers += next_
    return answers


def is_done(participants: Mapping[int, Participant]) -> bool:
    return all(state.round is Round.DONE for state in participants.values())


def run(
    ceremony: Ceremony, held: Mapping[int, KeyShare] | None = None, *, tamper: Tamper = lambda message: message
) -> dict[int, Participant]:
    """Everyone's last state, where every message meets `tamper` on its way."""
    participants, said = seat(ceremony, held)
    while not is_done(participants):
        heard = [message for message in map(tamper, said) if message is not None]
        said = step(participants, heard)
    return participants


def shares_of(participants: Mapping[int, Participant]) -> dict[int, KeyShare]:
    found = {}
    for index, state in participants.items():
        if state.outcome is not None and state.outcome.share is not None:
            found[index] = state.outcome.share
    return found
