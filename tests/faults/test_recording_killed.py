"""An issuer that records is killed at every write of what it issues: one act for each batch, each with its receipt."""

from collections.abc import Iterator

import httpx
import pytest

from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.formats.tlog.entry import parse_entry
from diptych.formats.tlog.policy import parse_policy
from diptych.formats.tlog.proof import verify_receipt
from diptych.protocols.openid4vci.credential import CredentialResponse, parse_credential_response
from tests.faults.gate import Gate
from tests.faults.issuing import Citizen
from tests.faults.records import numbers, record
from tests.faults.strace import Call
from tests.faults.town import Town, rows
from tests.log_processes import LogProcesses

MOST = 2
RESTART_EACH = 8
DOCUMENT = "driving-licence"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LogProcesses]:
    found = LogProcesses(tmp_path_factory.mktemp("log"))
    yield found
    found.stop()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, log: LogProcesses) -> Iterator[Town]:
    found = Town(tmp_path_factory.mktemp("town"), log)
    log.start()
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture
def with_issuer(town: Town, each_write: Gate) -> Iterator[Town]:
    town.issuer.gate = each_write
    town.issuer.start()
    yield town
    town.issuer.kill()


@pytest.mark.timeout(1800)
def test_killed_at_any_write_an_issuer_that_records_hands_out_each_batch_by_one_act(
    with_issuer: Town, each_write: Gate, log: LogProcesses
) -> None:
    town = with_issuer
    writes, killed = each_write.seen_while(with_tokens(town).wants(DOCUMENT).send), list[Call]()
    before = issued(log)
    for number in numbers(writes, MOST):
        citizen, keys = with_tokens(town), [generate_signer()]
        said = citizen.wants(DOCUMENT, keys=keys)
        each_write.kill_at(number)
        first = said.send()
        point = each_write.killed()
        if point is not None:
            killed.append(point)
        else:
            assert first is not None
        if number % RESTART_EACH == 0:
            town.issuer.restart()
        # Asked again for the same keys, twice: the same documents come, by the same act.
        answers = [shown(citizen, keys, log), shown(citizen, keys, log)]
        assert answers[0].credentials == answers[1].credentials
        assert [act.counter for act in answers[0].recorded.acts] == [0], point
        before += 1
    assert issued(log) == before
    assert rows(town.issuer.database, "SELECT count(*) FROM acts WHERE NOT is_recorded") == [(0,)]
    assert rows(town.issuer.database, "SELECT count(*) FROM incidents") == [(0,)]
    assert log.verified()["ok"] is True
    held = "asked again: the same documents, by one act, with its receipt; the log verifies"
    record("issuer", "issues documents in public", "kill -9", points=killed, of=len(writes), held=held)


def with_tokens(town: Town) -> Citizen:
    citizen = Citizen(town)
    citizen.takes(citizen.order.send())
    citizen.takes(citizen.redeems().send())
    return citizen


def shown(citizen: Citizen, keys: list[SoftwareSigner], log: LogProcesses) -> CredentialResponse:
    """The documents, with a receipt that holds."""
    answer = citizen.wants(DOCUMENT, keys=keys).send()
    assert answer is not None
    assert answer.status_code == 200, answer.text
    response = parse_credential_response(answer.content)
    assert response.recorded is not None
    policy = parse_policy(log.policy.read_bytes())
    entry = parse_entry(verify_receipt(response.recorded.receipt, policy=policy).entry)
    assert entry.commitment == response.recorded.acts[-1].committed.commitment
    return response


def issued(log: LogProcesses) -> int:
    """How many acts of issuing and renewing the log shows."""
    acts = log.verified()["acts"]
    assert isinstance(acts, dict)
    return int(acts.get("issued", 0)) + int(acts.get("renewed", 0))


def test_while_nobody_cosigns_nothing_is_handed_out_and_then_it_is_all_there(
    with_issuer: Town, log: LogProcesses
) -> None:
    """A witness is killed: the log has no quorum, the issuer no receipt, the citizen nothing yet and lost nothing."""
    town = with_issuer
    citizen, keys = with_tokens(town), [generate_signer()]
    log.end("w2", 9)
    answer = citizen.wants(DOCUMENT, keys=keys).send()
    assert answer is not None
    assert answer.status_code == 503
    assert "credentials" not in answer.text
    log.start("w2")
    response = shown(citizen, keys, log)
    assert [act.counter for act in response.recorded.acts] == [0]
    assert httpx.get(f"{town.issuer.url}/ready", trust_env=False).status_code == 200
