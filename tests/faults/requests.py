"""Every request that changes something at a role, on the point of being sent: for whatever happens to its database."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import httpx

from tests.faults.answering import Asking, Holder
from tests.faults.issuing import LINE, Citizen, Said
from tests.faults.town import Server, Town


def issuing(town: Town) -> dict[str, Said]:
    """Each request that changes something at an issuer, on the point of being sent."""
    order, code, documents, refresh = (Citizen(town) for _ in range(4))
    for citizen in (code, documents, refresh):
        citizen.takes(citizen.order.send())
    for citizen in (documents, refresh):
        citizen.takes(citizen.redeems().send())
    refresh.takes(refresh.wants("driving-licence").send())
    return {
        "takes an order": order.order,
        "gives tokens for a code": code.redeems(),
        "issues documents": documents.wants("driving-licence"),
        "gives tokens for a refresh token": refresh.refreshes(),
    }


def verifying(town: Town, holder: Holder) -> dict[str, Said]:
    """The same at a verifier."""
    fetching, answering, declining = (Asking(town, holder) for _ in range(3))
    for asking in (fetching, answering, declining):
        assert asking.ask()
    for asking in (answering, declining):
        asking.fetch_now()
    return {
        "serves a request": fetching.fetch().said,
        "takes an answer and concludes": answering.answer(),
        "takes a refusal": declining.decline(),
    }


def all_at_once(said: dict[str, Said]) -> dict[str, httpx.Response | None]:
    with ThreadPoolExecutor(len(said)) as everybody:
        return dict(zip(said, everybody.map(Said.send, said.values()), strict=True))


def statuses(answers: dict[str, httpx.Response | None]) -> dict[str, int]:
    return {act: 0 if answer is None else answer.status_code for act, answer in answers.items()}


def is_ready(server: Server) -> int:
    return LINE.get(server.url + "/ready").status_code


def starve(server: Server, said: dict[str, Said], fault: AbstractContextManager[None], *, unready: bool) -> None:
    """While the fault lasts all of it is turned away by name; after it, the same counts once. Nobody restarts it."""
    pid = server.pid
    assert is_ready(server) == 200
    with fault:
        answers = all_at_once(said)
        assert statuses(answers) == dict.fromkeys(said, 503)
        assert {answer.json()["error"] for answer in answers.values() if answer is not None} == {"storage"}
        assert all("retry-after" in answer.headers for answer in answers.values() if answer is not None)
        assert LINE.get(server.url + "/health").status_code == 200
        if unready:
            assert is_ready(server) == 503
    after = all_at_once(said)
    assert all(status in (200, 201) for status in statuses(after).values()), statuses(after)
    again = statuses(all_at_once({act: one for act, one in said.items() if act != "takes an order"}))
    assert all(status in (400, 401, 409) for status in again.values()), again
    assert is_ready(server) == 200
    assert server.pid == pid
