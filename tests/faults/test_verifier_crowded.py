"""Two hundred clients at once at a real verifier, ten of them hostile: the honest get verdicts, memory stays bounded.

A proof made for another request looks good until it has been checked: each costs the verifier what a good one
costs. But nobody has more of them checked than questions were put to them, for a question takes one answer.
"""

from collections.abc import Callable, Iterator

import pytest

from diptych.errors import Unavailable
from tests.faults import crowd
from tests.faults.answering import Asking, Holder
from tests.faults.issuing import Said
from tests.faults.records import note
from tests.faults.town import Server, Town, rows

MOST_MEBIBYTES = 1536
PROVING = 6
"""Honest clients who prove in zero knowledge; the others show two attributes."""
GARBAGE = 2, 8
"""Clients who send false proofs, and how many each."""
OVER_18 = "over_18"


@pytest.fixture(scope="module")
def holder(town: Town) -> Holder:
    town.issuer.start()
    return Holder(town)  # the issuer stays: it is asked whether the documents still stand


@pytest.fixture
def verifier(town: Town) -> Server:
    town.verifier.begin_anew()
    return town.verifier


def showing(town: Town, holder: Holder) -> Callable[[], str | None]:
    """Asked, fetched, shown, read; a try begins anew, as the next scan of a code would."""

    def act() -> str | None:
        asking = Asking(town, holder)
        if not asking.ask():
            return "no question"
        fetch = asking.fetch()
        answer = fetch.said.send()
        if answer is None or not answer.is_success:
            return "no request"
        asking.request = fetch.verified(answer.text)
        return verdict(asking, asking.answer())

    return act


def proving(asking: Asking, said: Said) -> Callable[[], str | None]:
    """A proof that is there already: proving is the wallet's work. A try sends it again."""
    return lambda: verdict(asking, said)


def verdict(asking: Asking, said: Said) -> str | None:
    """What the relying party reads then, who waits for it: an answer whose receipt was lost counts all the same."""
    said.send()
    try:
        found = asking.outcome(wait_seconds=10)
    except Unavailable as error:
        return error.check
    return None if found.accepted else f"{found.state} {found.check}"


def fetched(town: Town, holder: Holder) -> Asking:
    asking = Asking(town, holder, OVER_18)
    assert asking.ask()
    asking.fetch_now()
    return asking


def one_after_the_other(answers: list[Said]) -> Callable[[], object]:
    left: Iterator[Said] = iter(answers)
    return lambda: next(left).send()


@pytest.mark.timeout(280)
def test_honest_clients_get_their_verdicts_among_hostile_ones(town: Town, holder: Holder, verifier: Server) -> None:
    port = int(verifier.url.rpartition(":")[2])
    asked = [fetched(town, holder) for _ in range(PROVING)]
    proofs = [holder.proves(asking.request) for asking in asked if asking.request is not None]
    honest = [showing(town, holder) for _ in range(crowd.HONEST - PROVING)]
    honest += [
        proving(asking, holder.answers_with(asking.request, proof))
        for asking, proof in zip(asked, proofs, strict=True)
        if asking.request is not None
    ]
    victims = [[fetched(town, holder) for _ in range(GARBAGE[1])] for _ in range(GARBAGE[0])]
    false = [
        one_after_the_other([holder.answers_with(asking.request, proofs[0]) for asking in some if asking.request])
        for some in victims
    ]
    known = fetched(town, holder)
    assert known.request is not None
    replayed = holder.answers_with(known.request, holder.proves(known.request))
    first = replayed.send()
    assert first is not None
    assert first.status_code == 200, first.text
    where = replayed.url.removeprefix(verifier.url)
    form = replayed.headers["Content-Type"]
    hostile = [
        crowd.silent(40),
        crowd.slow_heads(40, where),
        crowd.slow_bodies(40, where, form),
        crowd.slow_bodies(40, where.replace("responses", "requests"), form),
        crowd.huge_bodies(where, form),
        crowd.huge_bodies(where.replace("responses", "requests"), form),
        crowd.repeating("replays", replayed.send, 100),
        crowd.repeating("replays", known.fetch().said.send, 200),
        *(crowd.repeating("false proofs", say, GARBAGE[1]) for say in false),
    ]
    assert len(hostile) == crowd.HOSTILE
    found = crowd.play(honest, hostile, port=port, server=verifier.pid)
    assert found.unserved == [], str(found)
    assert found.peak_mebibytes < MOST_MEBIBYTES, str(found)
    assert found.hostile["false proofs"] > 0
    # Whoever sent a false proof was refused, and whoever replayed got nothing by it.
    outcomes = [asking.outcome() for some in victims for asking in some]
    assert not any(outcome.accepted for outcome in outcomes)
    assert {outcome.check for outcome in outcomes if outcome.is_final} == {"zk.proof"}
    ((accepted,),) = rows(verifier.database, "SELECT count(*) FROM verdict WHERE verdict LIKE '%accepted%'")
    assert isinstance(accepted, int)
    assert accepted >= crowd.HONEST + 1
    note("verifier", str(found))
