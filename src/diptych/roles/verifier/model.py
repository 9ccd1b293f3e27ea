"""The life of one presentation, and what is left of it: a verdict, its policy, its time.

    ASKED --fetch--> FETCHED --answer--> ANSWERED --accept--> ACCEPTED
                        ^                  |    --refuse--> REFUSED
                        +--- give back ----+
    ASKED, FETCHED, ANSWERED --expire--> EXPIRED          FETCHED --refuse--> REFUSED (the wallet declined)

What does not open as an answer to this presentation changes nothing. What does is its one answer, good or bad: the
nonce is spent, and the verdict takes the presentation's place: nothing of it is left, the key that opened the answer
least of all. It is given back only where no verdict could be reached (nobody was free to check it).
"""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from diptych.crypto.signing import SoftwareSigner
from diptych.errors import Conflict, FormatError

# How long a relying party still learns that a presentation has expired.
READABLE_AFTER = timedelta(hours=1)
_CHECK = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
MAX_CHECK = 64


class State(StrEnum):
    """Where a presentation stands."""

    ASKED = "asked"
    FETCHED = "fetched"
    ANSWERED = "answered"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    EXPIRED = "expired"


class Event(StrEnum):
    """What can happen to it."""

    FETCH = "fetch"
    ANSWER = "answer"
    GIVE_BACK = "give back"
    ACCEPT = "accept"
    REFUSE = "refuse"
    EXPIRE = "expire"


MOVES: dict[tuple[State, Event], State] = {
    (State.ASKED, Event.FETCH): State.FETCHED,
    (State.FETCHED, Event.ANSWER): State.ANSWERED,
    (State.FETCHED, Event.REFUSE): State.REFUSED,
    (State.ANSWERED, Event.GIVE_BACK): State.FETCHED,
    (State.ANSWERED, Event.ACCEPT): State.ACCEPTED,
    (State.ANSWERED, Event.REFUSE): State.REFUSED,
    (State.ASKED, Event.EXPIRE): State.EXPIRED,
    (State.FETCHED, Event.EXPIRE): State.EXPIRED,
    (State.ANSWERED, Event.EXPIRE): State.EXPIRED,
}
FINAL = frozenset({State.ACCEPTED, State.REFUSED, State.EXPIRED})

_WRONG_MOMENT = {
    (State.ASKED, Event.ANSWER): ("presentation.not_fetched", "the request was not fetched yet"),
    (State.ASKED, Event.REFUSE): ("presentation.not_fetched", "the request was not fetched yet"),
    (State.FETCHED, Event.FETCH): ("presentation.fetched", "the request was fetched already: ask for a new one"),
    (State.ANSWERED, Event.FETCH): ("presentation.fetched", "the request was fetched already: ask for a new one"),
    **{
        (State.EXPIRED, event): ("presentation.expired", "the presentation has expired: ask for a new one")
        for event in Event
    },
}


def move(state: State, event: Event) -> State:
    """The next state, or `Conflict` that says why this is not the moment."""
    if (state, event) in MOVES:
        return MOVES[state, event]
    check, message = _WRONG_MOMENT.get(
        (state, event), ("presentation.answered", "the request was answered already: its nonce is spent")
    )
    raise Conflict(check, message, code="invalid_request")


@dataclass(frozen=True)
class Session:
    """What binds an answer to its request. Exists until the answer came; then it is gone."""

    nonce: str
    state: str
    key: SoftwareSigner = field(repr=False)


@dataclass(frozen=True)
class Presentation:
    """One question put to one wallet, until its verdict. `session` is None once it has expired.

    Its id is made from the secret that reads its verdict (`service.presentation_id`): neither is kept beside it.
    """

    id: str
    policy: str
    state: State
    expires_at: datetime
    session: Session | None = field(repr=False)
    return_uri: str | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether its time has passed without a verdict."""
        return self.state not in FINAL and now >= self.expires_at


@dataclass(frozen=True)
class Verdict:
    """All that a verifier keeps of a presentation. There is no member in which anything else would fit."""

    accepted: bool
    check: str | None
    """The name of the check that failed, where one did: a word of ours, never of the answer's."""
    policy: str
    time: datetime

    def __post_init__(self) -> None:
        if self.accepted != (self.check is None):
            raise FormatError("verdict.check", "a refusal names its check, an acceptance none")
        if self.check is not None and not (len(self.check) <= MAX_CHECK and _CHECK.fullmatch(self.check)):
            raise FormatError("verdict.check", "a check is a dotted name")

    @property
    def state(self) -> State:
        """Where its presentation stands."""
        return State.ACCEPTED if self.accepted else State.REFUSED

    def encode(self) -> str:
        """`accepted`, or `refused` and the check."""
        return "accepted" if self.check is None else f"refused {self.check}"


def parse_verdict(text: str, *, policy: str, time: datetime) -> Verdict:
    """The exact inverse of `Verdict.encode`."""
    if text == "accepted":
        return Verdict(accepted=True, check=None, policy=policy, time=time)
    word, _, check = text.partition(" ")
    if word != "refused":
        raise FormatError("verdict", "a verdict is accepted or refused")
    return Verdict(accepted=False, check=check, policy=policy, time=time)
