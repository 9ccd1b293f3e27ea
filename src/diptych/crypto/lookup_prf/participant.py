"""One participant of a key ceremony, as a state machine: messages in, next state and messages out. Pure.

    round      waits for                               then sends
    COMMITS    commitments of all dealers              its polynomial in public, and a sealed deal to each receiver
    REVEALS    polynomials of all who committed        what it saw of each dealer, and whose deal does not fit
    VERDICTS   verdicts of all receivers               the deals that others complained about, in public
    ANSWERS    answers of the accused                  the hash of all that was said, and proof that it has its share
    CONFIRMS   confirmations of all receivers          nothing: DONE

Messages come over one channel that shows everyone the same (the public log), signed, and one's own come back over it. A
round that somebody silent holds up is closed by whoever drives, for all at the same entry of that channel.

A state is a function of the seed, of what was received and of where rounds were closed: after a crash it is replayed,
and what it sent before is not sent again (sealing is random: the second reveal would contradict the first).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum

from diptych.crypto.hpke import Recipient
from diptych.crypto.lookup_prf import dealing
from diptych.crypto.lookup_prf.ceremony import Ceremony, CeremonyFailed, Outcome
from diptych.crypto.lookup_prf.keys import KeyShare
from diptych.crypto.lookup_prf.messages import Answer, Commit, Confirm, Kind, Message, Reveal, Verdict
from diptych.crypto.lookup_prf.polynomials import evaluate
from diptych.errors import Conflict, FormatError, VerificationError
from diptych.private import Secret

SEED_BYTES = 32
OBSERVER = 0
"""The index of who sees what is public, and ends with the key and without a share."""

_TRANSCRIPT_TAG = b"diptych key ceremony transcript 1\n"


class Round(IntEnum):
    """Where a participant is."""

    COMMITS = 1
    REVEALS = 2
    VERDICTS = 3
    ANSWERS = 4
    CONFIRMS = 5
    DONE = 6


_ROUND_OF = {
    Kind.COMMIT: Round.COMMITS,
    Kind.REVEAL: Round.REVEALS,
    Kind.VERDICT: Round.VERDICTS,
    Kind.ANSWER: Round.ANSWERS,
    Kind.CONFIRM: Round.CONFIRMS,
}
_BY_RECEIVERS = (Kind.VERDICT, Kind.CONFIRM)


@dataclass(frozen=True)
class Participant:
    """One participant's state, made by `join` or `observe`."""

    ceremony: Ceremony
    index: int
    seed: Secret
    recipient: Recipient | None
    """The private half of a receiver's key for this ceremony."""
    held: KeyShare | None
    """A dealer's share of the old key, where there is one."""
    round: Round = Round.COMMITS
    inbox: Mapping[tuple[Kind, int], Message] = field(default_factory=dict, repr=False)
    faults: Mapping[int, str] = field(default_factory=dict)
    """Dealers disqualified so far, and the check that they failed."""
    accused: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    """Dealers that have to answer, and to whom: the receivers that complained."""
    outcome: Outcome | None = None
    """To be relied on once the round is DONE."""


Step = tuple[Participant, tuple[Message, ...]]


def join(
    ceremony: Ceremony, *, index: int, seed: Secret, recipient: Recipient | None = None, held: KeyShare | None = None
) -> Step:
    """The first state of a participant, and what it sends. `seed` is 32 secret random bytes, kept until the end.

    A receiver brings the private half of its key for this ceremony; a dealer of an old key its share of that.
    """
    if index not in ceremony.dealers and index not in ceremony.receivers:
        raise FormatError("dkg.index", "this index takes no part in the ceremony")
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes")
    if ceremony.receiver_keys.get(index) != (None if recipient is None else recipient.public_key):
        raise FormatError("dkg.recipient", "receivers, and they alone, bring the private half of their ceremony key")
    _check_held(ceremony, index, held)
    state = Participant(ceremony, index, seed, recipient, held)
    if index not in ceremony.dealers:
        return state, ()
    return state, (Commit(ceremony.id, index, dealing.reveal_digest(_own_reveal(state))),)


def observe(ceremony: Ceremony) -> Participant:
    """Somebody who only watches: an auditor, or the agency."""
    return Participant(ceremony, OBSERVER, Secret(b""), None, None)


def receive(state: Participant, message: Message) -> Participant:
    """The state with one message more. The same message again changes nothing; an early one waits for its round.

    `VerificationError` for a message of another ceremony, or that its sender cannot have meant for this one; `Conflict`
    "dkg.late" after its round, "dkg.contradicts" for a second and different one: with both signatures that is proof.
    """
    _check_fits(state, message)
    known = state.inbox.get((message.kind, message.sender))
    if known is not None and known != message:
        raise Conflict("dkg.contradicts", f"{message.sender} sent two different messages of one kind")
    if known is not None:
        return state
    if _ROUND_OF[message.kind] < state.round:
        raise Conflict("dkg.late", f"the round of this message ended without {message.sender}")
    return replace(state, inbox={**state.inbox, (message.kind, message.sender): message})


def advance(state: Participant, *, is_closing: bool = False) -> Step:
    """The next state and what to send, once all is there that this round waits for, or if it is closed without.

    `CeremonyFailed`, saying who is to blame, when no key can come of it.
    """
    if state.round is Round.DONE or (missing(state) and not is_closing):
        return state, ()
    return {
        Round.COMMITS: _after_commits,
        Round.REVEALS: _after_reveals,
        Round.VERDICTS: _after_verdicts,
        Round.ANSWERS: _after_answers,
        Round.CONFIRMS: _after_confirms,
    }[state.round](state)


def missing(state: Participant) -> tuple[int, ...]:
    """Whose messages this round still waits for."""
    dealers = [dealer for dealer in state.ceremony.dealers if dealer not in state.faults]
    waits: dict[Round, list[tuple[Kind, int]]] = {
        Round.COMMITS: [(Kind.COMMIT, dealer) for dealer in dealers],
        Round.REVEALS: [(Kind.REVEAL, dealer) for dealer in dealers],
        Round.VERDICTS: [(Kind.VERDICT, receiver) for receiver in state.ceremony.receivers],
        Round.ANSWERS: [(Kind.ANSWER, dealer) for dealer in state.accused],
        Round.CONFIRMS: [(Kind.CONFIRM, receiver) for receiver in state.ceremony.receivers],
        Round.DONE: [],
    }
    return tuple(sorted(sender for kind, sender in waits[state.round] if (kind, sender) not in state.inbox))


def _after_commits(state: Participant) -> Step:
    silent = dict.fromkeys(missing(state), "dkg.silent")
    state = replace(state, round=Round.REVEALS, faults=silent)
    if state.index not in state.ceremony.dealers or state.index in silent:
        return state, ()
    return state, (_own_reveal(state),)


def _after_reveals(state: Participant) -> Step:
    faults = dict(state.faults)
    complaints = []
    for dealer in state.ceremony.dealers:
        if dealer not in faults:
            fault = _reveal_fault(state, dealer)
            if fault is not None:
                faults[dealer] = fault
            elif state.recipient is not None and _opened(state, dealer, state.recipient) is None:
                complaints.append(dealer)
    state = replace(state, round=Round.VERDICTS, faults=faults)
    if state.recipient is None:
        return state, ()
    views = tuple(_view(state, dealer) for dealer in state.ceremony.dealers)
    return state, (Verdict(state.ceremony.id, state.index, views, tuple(complaints)),)


def _after_verdicts(state: Participant) -> Step:
    _check_views(state)
    faults, accused = dict(state.faults), {}
    for dealer, accusers in _accusers(state).items():
        # k complaints cannot all be lies, and answering as many would give the polynomial away.
        if len(accusers) >= state.ceremony.threshold:
            faults[dealer] = "dkg.complaints"
        else:
            accused[dealer] = accusers
    state = replace(state, round=Round.ANSWERS, faults=faults, accused=accused)
    if state.index not in accused:
        return state, ()
    coefficients = _own_polynomial(state)
    shares = tuple((receiver, evaluate(coefficients, receiver)) for receiver in accused[state.index])
    return state, (Answer(state.ceremony.id, state.index, shares),)


def _after_answers(state: Participant) -> Step:
    found = {dealer: _answer_fault(state, dealer, accusers) for dealer, accusers in state.accused.items()}
    faults = {**state.faults, **{dealer: fault for dealer, fault in found.items() if fault is not None}}
    state = replace(state, round=Round.CONFIRMS, faults=faults)
    outcome = _outcome(state)
    state = replace(state, outcome=outcome)
    if outcome.share is None:
        return state, ()
    return state, (dealing.confirm(state.ceremony, outcome.transcript, outcome.share),)


def _after_confirms(state: Participant) -> Step:
    outcome = state.outcome
    assert outcome is not None  # made when ANSWERS ended
    unconfirmed: dict[int, str] = {}
    for receiver in state.ceremony.receivers:
        confirmation = state.inbox.get((Kind.CONFIRM, receiver))
        if not isinstance(confirmation, Confirm):
            unconfirmed[receiver] = "dkg.silent"
        elif confirmation.transcript != outcome.transcript:
            unconfirmed[receiver] = "dkg.transcript"
        elif not dealing.confirms(confirmation, outcome.key):
            unconfirmed[receiver] = "dkg.possession"
    # Two transcripts cannot both have more than half; and more than half is at least k, as n >= 2k - 1.
    if 2 * len(unconfirmed) >= len(state.ceremony.receivers):
        raise CeremonyFailed("dkg.unconfirmed", "not more than half of the trustees confirm this key", unconfirmed)
    return replace(state, round=Round.DONE, outcome=replace(outcome, unconfirmed=unconfirmed)), ()


def _outcome(state: Participant) -> Outcome:
    ceremony = state.ceremony
    qualified = {dealer: _revealed(state, dealer) for dealer in ceremony.dealers if dealer not in state.faults}
    if len(qualified) < ceremony.dealers_needed:
        raise CeremonyFailed("dkg.too_few_dealers", f"{ceremony.dealers_needed} dealers are needed", state.faults)
    key = dealing.combined_key(ceremony, qualified)
    share = None
    if state.recipient is not None:
        deals = {dealer: _dealt(state, dealer, state.recipient) for dealer in qualified}
        fitting = {dealer: deal for dealer, deal in deals.items() if deal is not None}
        share = dealing.combined_share(ceremony, state.index, fitting) if len(fitting) == len(deals) else None
    said = b"".join(
        len(encoded).to_bytes(4, "big") + encoded for encoded in (message.encode() for message in _counted(state))
    )
    transcript = hashlib.sha256(_TRANSCRIPT_TAG + ceremony.id + said + key.encode()).digest()
    return Outcome(key, share, transcript, state.faults)


def _check_held(ceremony: Ceremony, index: int, held: KeyShare | None) -> None:
    previous = ceremony.previous if index in ceremony.dealers else None
    if previous is None and held is None:
        return
    if previous is None or held is None:
        raise FormatError("dkg.held", "dealers of an old key, and they alone, bring a share of it")
    is_of_it = (held.purpose, held.generation, held.index) == (previous.purpose, previous.generation, index)
    if not is_of_it or held.public_key() != previous.trustee_keys[index]:
        raise FormatError("dkg.held", "this is not this trustee's share of the old key")


def _check_fits(state: Participant, message: Message) -> None:
    ceremony = state.ceremony
    if message.ceremony != ceremony.id:
        raise VerificationError("dkg.ceremony", "the message is of another ceremony")
    if message.sender not in (ceremony.receivers if message.kind in _BY_RECEIVERS else ceremony.dealers):
        raise VerificationError("dkg.sender", "the sender has no such part in this ceremony")
    if isinstance(message, Verdict) and (
        len(message.views) != len(ceremony.dealers) or not set(message.complaints) <= set(ceremony.dealers)
    ):
        raise VerificationError("dkg.verdict", "a verdict is about each dealer of the ceremony and nobody else")


def _check_views(state: Participant) -> None:
    """Who shows different people different things is found here; who it was, the signed messages prove."""
    for position, dealer in enumerate(state.ceremony.dealers):
        seen = {_view(state, dealer): ["this one"] if state.index == OBSERVER else []}
        for receiver in state.ceremony.receivers:
            verdict = state.inbox.get((Kind.VERDICT, receiver))
            if isinstance(verdict, Verdict):
                seen.setdefault(verdict.views[position], []).append(str(receiver))
        sides = [", ".join(side) for side in seen.values() if side]
        if len(sides) > 1:
            raise CeremonyFailed(
                "dkg.views", f"dealer {dealer} was not seen alike by all: {' against '.join(sides)}", state.faults
            )


def _view(state: Participant, dealer: int) -> bytes:
    """What counts of that which was seen of a dealer in public. Without a commitment in time, a reveal is nothing."""
    if (Kind.COMMIT, dealer) not in state.inbox:
        return hashlib.sha256().digest()
    seen = (state.inbox.get((kind, dealer)) for kind in (Kind.COMMIT, Kind.REVEAL))
    return hashlib.sha256(b"".join(message.encode() for message in seen if message is not None)).digest()


def _counted(state: Participant) -> list[Message]:
    """What the outcome comes from: what a round waited for and no more, so that nobody can slip some a message."""
    inbox, ceremony = state.inbox, state.ceremony
    committed = [dealer for dealer in ceremony.dealers if (Kind.COMMIT, dealer) in inbox]
    wanted = [
        *((Kind.COMMIT, dealer) for dealer in committed),
        *((Kind.REVEAL, dealer) for dealer in committed),
        *((Kind.VERDICT, receiver) for receiver in ceremony.receivers),
        *((Kind.ANSWER, dealer) for dealer in state.accused),
    ]
    return [inbox[key] for key in wanted if key in inbox]


def _accusers(state: Participant) -> dict[int, tuple[int, ...]]:
    """By dealer that still counts, who complains about it; both ascending."""
    found: dict[int, tuple[int, ...]] = {}
    for receiver in state.ceremony.receivers:
        verdict = state.inbox.get((Kind.VERDICT, receiver))
        if isinstance(verdict, Verdict):
            for dealer in verdict.complaints:
                found[dealer] = (*found.get(dealer, ()), receiver)
    return {dealer: found[dealer] for dealer in sorted(found) if dealer not in state.faults}


def _reveal_fault(state: Participant, dealer: int) -> str | None:
    revealed, committed = state.inbox.get((Kind.REVEAL, dealer)), state.inbox.get((Kind.COMMIT, dealer))
    if not isinstance(revealed, Reveal) or not isinstance(committed, Commit):
        return "dkg.silent"
    return dealing.reveal_fault(state.ceremony, revealed, committed.digest)


def _answer_fault(state: Participant, dealer: int, accusers: tuple[int, ...]) -> str | None:
    answer = state.inbox.get((Kind.ANSWER, dealer))
    if not isinstance(answer, Answer):
        return "dkg.silent"
    if tuple(receiver for receiver, _ in answer.shares) != accusers:
        return "dkg.answer"
    revealed = _revealed(state, dealer)
    return None if all(dealing.fits(share, revealed, at) for at, share in answer.shares) else "dkg.answer"


def _opened(state: Participant, dealer: int, recipient: Recipient) -> int | None:
    return dealing.open_deal(state.ceremony, _revealed(state, dealer), state.index, recipient)


def _dealt(state: Participant, dealer: int, recipient: Recipient) -> int | None:
    """This receiver's part from a qualified dealer: what was dealt, or what its complaint brought out.

    None if that does not fit, and the complaint came after the round was closed: then this receiver has no share.
    """
    if state.index in state.accused.get(dealer, ()):
        answer = state.inbox[Kind.ANSWER, dealer]
        assert isinstance(answer, Answer)  # a dealer that did not answer is not qualified
        return dict(answer.shares)[state.index]
    return _opened(state, dealer, recipient)


def _revealed(state: Participant, dealer: int) -> Reveal:
    revealed = state.inbox[Kind.REVEAL, dealer]
    assert isinstance(revealed, Reveal)  # a dealer without one is disqualified before it is asked for here
    return revealed


def _own_polynomial(state: Participant) -> tuple[int, ...]:
    return dealing.polynomial(state.ceremony, index=state.index, seed=state.seed, held=state.held)


def _own_reveal(state: Participant) -> Reveal:
    return dealing.reveal(state.ceremony, state.index, _own_polynomial(state))
