"""Two hundred clients at once at a real issuer, ten of them hostile: the honest are served, memory stays bounded."""

from collections.abc import Callable

import httpx
import pytest

from diptych.formats.order.signed import MEDIA_TYPE as ORDER
from diptych.private import Secret
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from tests.faults import crowd
from tests.faults.issuing import Citizen, Said
from tests.faults.records import note
from tests.faults.town import Town, rows

MOST_MEBIBYTES = 1024


def turn(citizen: Citizen) -> Callable[[], str | None]:
    """Order, tokens, a document; a try goes on where the one before stopped."""
    left = [
        lambda: citizen.order,
        citizen.redeems,
        lambda: citizen.wants("proof-of-age"),
    ]

    def act() -> str | None:
        while left:
            try:
                answer = left[0]().send()
            except (httpx.TransportError, KeyError) as error:
                return type(error).__name__
            if answer is None or not answer.is_success:
                return "no answer" if answer is None else f"{answer.status_code} {answer.text[:80]}"
            citizen.takes(answer)
            left.pop(0)
        return None

    return act


@pytest.mark.timeout(240)
def test_honest_clients_are_served_among_hostile_ones(town: Town) -> None:
    town.issuer.begin_anew()
    port = int(town.issuer.url.rpartition(":")[2])
    victim = Citizen(town)
    victim.takes(victim.order.send())
    token_request = victim.redeems()
    victim.takes(token_request.send())
    document_request = victim.wants("proof-of-age")
    victim.takes(document_request.send())
    honest = [turn(Citizen(town)) for _ in range(crowd.HONEST)]
    hostile = [
        crowd.silent(40),
        crowd.silent(40),
        crowd.slow_heads(40, "/token"),
        crowd.slow_bodies(40, "/token", FORM),
        crowd.slow_bodies(40, "/credential", "application/json"),
        crowd.huge_bodies("/orders", ORDER),
        crowd.huge_bodies("/token", FORM),
        crowd.repeating("replays", token_request.send, 300),
        crowd.repeating("replays", document_request.send, 300),
        crowd.repeating("garbage proofs", lambda: garbage_proofs(victim).send(), 100),
    ]
    assert len(hostile) == crowd.HOSTILE
    found = crowd.play(honest, hostile, port=port, server=town.issuer.pid)
    assert found.unserved == [], str(found)
    assert found.peak_mebibytes < MOST_MEBIBYTES, str(found)
    # Whoever replayed got nothing by it, and nobody else was harmed.
    assert rows(town.issuer.database, "SELECT count(*) FROM incidents") == [(0,)]
    assert rows(town.issuer.database, "SELECT count(*) FROM orders") == [(crowd.HONEST + 1,)]
    note("issuer", str(found))


def garbage_proofs(victim: Citizen) -> Said:
    """A request under a good token whose thirty key proofs are each signed by another key than they show."""
    said = victim.wants("proof-of-age", copies=30)
    damaged = bytearray(said.body)
    damaged[-20:-12] = b"AAAAAAAA"
    return Said(said.url, bytes(damaged), said.headers)


def test_a_garbage_proof_is_refused(town: Town) -> None:
    town.issuer.begin_anew()
    victim = Citizen(town)
    victim.takes(victim.order.send())
    victim.takes(victim.redeems(Secret(victim.approval.tx_code.reveal())).send())
    answer = garbage_proofs(victim).send()
    assert answer is not None
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_proof")
