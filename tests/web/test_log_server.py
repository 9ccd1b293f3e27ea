"""A log and its witnesses over HTTP: receipts for writers, files for all; witnesses that are slow, dead or lying."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from diptych.adapters.http.recorder import HttpRecorder
from diptych.adapters.http.witnesses import HttpWitnesses
from diptych.adapters.journal import Journal, Role
from diptych.adapters.log_files import HttpLogFiles
from diptych.adapters.storage.log import DatabaseLogStore, open_log_store
from diptych.adapters.storage.witness import open_witness_store
from diptych.adapters.tile_folder import TileFolder
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import Refused, Unavailable, VerificationError
from diptych.formats.tlog.entry import ActorClass, ActType, Entry, parse_entry
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.label_range import shard_path
from diptych.formats.tlog.policy import Keyholder, Policy, require_both
from diptych.formats.tlog.proof import verify_receipt
from diptych.private import Secret
from diptych.protocols.reading.labels import Findings, find_acts
from diptych.protocols.recording import submission
from diptych.protocols.recording.submission import Writer, writer_fingerprint
from diptych.roles.auditor.log_audit import audit
from diptych.roles.log.labels import LabelTrees
from diptych.roles.log.model import Halted
from diptych.roles.log.service import Log
from diptych.roles.witness.model import FollowedLog
from diptych.roles.witness.service import Witness
from diptych.web.log.days import Days
from diptych.web.log.pool import Pool
from diptych.web.log.server import build_server as build_log
from diptych.web.witness.server import build_server as build_witness
from tests.formats.tlog_specimen import LOG_SIGNERS, ORIGIN, WITNESS_SIGNERS
from tests.log_world import LOG_KEYS, entries
from tests.serving import serving

ISSUER = generate_signer()
ACTS = [parse_entry(entry) for entry in entries(0, 600)]


def clock() -> datetime:
    return datetime.now(UTC)


def acts(start: int, end: int) -> list[Entry]:
    return [replace(act, day=clock().date()) for act in ACTS[start:end]]


def quiet(role: Role) -> Journal:
    return Journal(role, descriptor=-1)


def honest(number: int, folder: Path) -> Callable[[str], Starlette]:
    store = open_witness_store(folder / f"witness-{number}.db")
    witness = Witness(signers=WITNESS_SIGNERS[number], logs=[FollowedLog(ORIGIN, LOG_KEYS)], store=store)
    return lambda url: build_witness(witness, clock=clock, journal=quiet(Role.WITNESS))


def answering(answer: Callable[[Request], Response]) -> Callable[[str], Starlette]:
    async def handle(request: Request) -> Response:
        return answer(request)

    return lambda url: Starlette(routes=[Route("/{rest:path}", handle, methods=["GET", "POST"])])


@dataclass
class Town:
    """A log that is served, and what belongs to it."""

    url: str
    policy: Policy
    store: DatabaseLogStore
    folder: Path
    halted: list[Halted]
    closing: ExitStack

    def recorder(self, signer: SoftwareSigner = ISSUER) -> HttpRecorder:
        recorder = HttpRecorder(self.url, origin=ORIGIN, signer=signer, policy=self.policy)
        self.closing.callback(recorder.close)
        return recorder

    def is_verified(self) -> bool:
        files = HttpLogFiles(self.url)
        self.closing.callback(files.close)
        return audit(files, policy=self.policy).is_verified

    def wait_until_ready(self, status: int = 200) -> None:
        deadline = time.monotonic() + 10
        while httpx.get(f"{self.url}/ready").status_code != status:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def town(
    folder: Path, witnesses: list[Callable[[str], Starlette]], *, threshold: int = 2, closes_days: bool = False
) -> Iterator[Town]:
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(build)) for build in witnesses]
        policy = require_both(
            log=Keyholder("log", *LOG_KEYS),
            witnesses=[
                Keyholder(f"w{i}", WITNESS_SIGNERS[i][0].verifier_key, WITNESS_SIGNERS[i][1].verifier_key, url)
                for i, url in enumerate(urls)
            ],
            threshold=threshold,
        )
        store = open_log_store(folder / "log.db")
        files = TileFolder(folder / "public")
        asked = HttpWitnesses(urls, seconds=0.5)
        stack.callback(asked.close)
        log = Log(signers=LOG_SIGNERS, policy=policy, store=store, files=files, witnesses=asked)
        halted: list[Halted] = []

        def build(url: str) -> Starlette:
            journal = quiet(Role.LOG)
            pool = Pool(log, clock=clock, seconds=0.02, journal=journal, on_halt=halted.append)
            writers = {writer_fingerprint(ISSUER.public_key): Writer(ISSUER.public_key, {ActorClass.ISSUER})}
            trees = LabelTrees(store, files, policy=policy, every=timedelta(seconds=1))
            days = Days(log, pool, trees, clock=clock, journal=journal, seconds=0.05) if closes_days else None
            return build_log(pool, origin=ORIGIN, writers=writers, files=files, clock=clock, journal=journal, days=days)

        yield Town(stack.enter_context(serving(build)), policy, store, folder, halted, stack)
        store.close()


def test_acts_are_recorded_and_the_log_verifies_over_http(tmp_path: Path) -> None:
    with town(tmp_path, [honest(i, tmp_path) for i in range(3)]) as here:
        here.wait_until_ready()
        recorder = here.recorder()
        receipts = recorder.record(acts(0, 3)) + recorder.record(acts(3, 259)) + recorder.record(acts(1, 4))
        assert [receipt.index for receipt in receipts] == [*range(259), 1, 2, 3]
        for receipt in receipts:
            assert verify_receipt(receipt, policy=here.policy)
        assert here.is_verified()
        full, part = (httpx.get(f"{here.url}/tile/0/{name}") for name in ("000", "001.p/3"))
        assert (len(full.content), len(part.content)) == (8192, 96)
        assert "immutable" in full.headers["cache-control"]
        assert httpx.get(f"{here.url}/checkpoint").headers["cache-control"] == "no-cache"
        assert httpx.get(f"{here.url}/labels/latest").status_code == 404
        for absent in ("tile/0/001", "tile/9/../../log.db", "tile/0/0", "tile/x", "log.db"):
            assert httpx.get(f"{here.url}/{absent}").status_code == 404


def test_many_writers_at_once_each_get_their_own_receipts(tmp_path: Path) -> None:
    with town(tmp_path, [honest(i, tmp_path) for i in range(2)]) as here:
        here.wait_until_ready()
        found: dict[int, int] = {}

        def write(number: int) -> None:
            recorder = here.recorder()
            for count in range(3):
                first = 30 * number + 10 * count
                for at, receipt in enumerate(recorder.record(acts(first, first + 10))):
                    found[first + at] = receipt.index

        threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(found.values()) == list(range(240))
        kept = here.store.entries(0, 240)
        assert all(kept[index] == acts(number, number + 1)[0].encode() for number, index in found.items())
        assert here.is_verified()


def test_what_is_not_allowed_is_refused_by_name_and_nothing_is_kept(tmp_path: Path) -> None:
    with town(tmp_path, [honest(i, tmp_path) for i in range(2)]) as here:
        here.wait_until_ready()
        with pytest.raises(Refused, match=r"recording\.writer"):
            here.recorder(generate_signer()).record(acts(0, 1))
        with pytest.raises(Refused, match=r"recording\.actor"):
            here.recorder().record([replace(ACTS[0], actor=ActorClass.OFFICER)])
        with pytest.raises(Refused, match=r"log\.entry\.day"):
            here.recorder().record([replace(ACTS[0], day=date(2999, 1, 1))])
        good = submission.sign_submission(acts(0, 1), origin=ORIGIN, signer=ISSUER).encode()
        for body, media_type, status, error in (
            (good, "application/json", 415, "http.media_type"),
            (good + b"x", submission.MEDIA_TYPE, 400, "cbor.trailing"),
            (bytes(submission.MAX_BYTES + 1), submission.MEDIA_TYPE, 413, "http.body_size"),
            (good[:-1] + bytes([good[-1] ^ 1]), submission.MEDIA_TYPE, 400, "signature"),
        ):
            answer = httpx.post(f"{here.url}/entries", content=body, headers={"Content-Type": media_type})
            assert answer.status_code == status
            assert error.partition(".")[0] in answer.json()["error"]
        label_tree = Entry(ActType.LABEL_TREE, clock().date(), ActorClass.ISSUER, bytes(32), bytes(32), bytes(32))
        with pytest.raises(Refused, match=r"recording\.act"):
            here.recorder().record([label_tree])
        assert here.store.size() == 0


def test_a_served_log_closes_its_days_and_a_wallet_finds_its_acts_over_http(tmp_path: Path) -> None:
    chain = ChainElement(Secret(bytes(32)))
    with town(tmp_path, [honest(i, tmp_path) for i in range(2)], closes_days=True) as here:
        here.wait_until_ready()
        mine = [replace(act, label=chain.at(i).label) for i, act in enumerate(acts(0, 2))]
        receipts = here.recorder().record([*acts(10, 30), *mine])
        files = HttpLogFiles(here.url)
        here.closing.callback(files.close)

        def find(*, whole: bool) -> Findings:
            return find_acts(
                files, start=chain, policy=here.policy, last=receipts[0].checkpoint, receipts=receipts[20:], whole=whole
            )

        deadline = time.monotonic() + 20
        while httpx.get(f"{here.url}/labels/latest").status_code == 404:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        for whole in (False, True):
            found = find(whole=whole)
            assert [act.entry for act in found.acts] == mine
            assert found.next_counter == 2
        shard = httpx.get(f"{here.url}/{shard_path(found.tree.tree, bytes(32))}")
        assert (shard.status_code, "immutable" in shard.headers["cache-control"]) == (200, True)
        assert httpx.get(f"{here.url}/labels/latest").headers["cache-control"] == "no-cache"
        for absent in ("labels/../log.db", "labels/all", "labels/01/all", "labels/heads/x", "labels/0/x000/../all"):
            assert httpx.get(f"{here.url}/{absent}").status_code == 404
        assert here.is_verified()


def trickling(request: Request) -> Response:
    def drops() -> Iterator[bytes]:
        while True:
            time.sleep(0.1)
            yield b"x"

    return StreamingResponse(drops())


LIARS: dict[str, Callable[[Request], Response]] = {
    "trickling": trickling,
    "endless": lambda request: Response(b"x" * 2_000_000),
    "redirecting": lambda request: Response(status_code=302, headers={"Location": "https://elsewhere.example"}),
    "another size": lambda request: Response(b"7\n", 409, media_type="text/x.tlog.size"),
    "nonsense": lambda request: Response(b"\x00\xff"),
    "refusing": lambda request: Response(b"no\n", 422),
}


@pytest.mark.parametrize("liar", LIARS)
def test_a_witness_that_lies_or_drags_neither_stops_the_log_nor_counts(tmp_path: Path, liar: str) -> None:
    witnesses = [answering(LIARS[liar]), honest(1, tmp_path), honest(2, tmp_path)]
    with town(tmp_path, witnesses) as here:
        here.wait_until_ready()
        for number in range(3):
            receipt = here.recorder().record(acts(number, number + 1))[0]
            assert receipt.index == number
            assert WITNESS_SIGNERS[0][0].name not in {line.name for line in receipt.checkpoint.note.signatures}
        assert here.is_verified()


def test_without_a_quorum_the_writer_is_told_to_try_again_and_then_gets_its_receipt(tmp_path: Path) -> None:
    is_dead = True
    dead = honest(1, tmp_path)("")

    async def sometimes(scope, receive, send):  # type: ignore[no-untyped-def]
        if scope["type"] == "http" and is_dead:
            await Response(status_code=500)(scope, receive, send)
        else:
            await dead(scope, receive, send)

    with town(tmp_path, [honest(0, tmp_path), lambda url: sometimes]) as here:  # type: ignore[list-item, return-value]
        here.wait_until_ready(503)
        with pytest.raises(Unavailable):
            here.recorder().record(acts(0, 1))
        is_dead = False
        here.wait_until_ready()
        here.recorder().record(acts(0, 1))
        is_dead = True
        with pytest.raises(Unavailable):
            here.recorder().record(acts(1, 2))
        with pytest.raises(Unavailable):
            here.recorder().record(acts(2, 3))
        is_dead = False
        here.wait_until_ready()
        assert here.recorder().record(acts(1, 2))[0].index == 1
        assert here.is_verified()


def test_a_lying_log_is_not_believed_by_the_writer(tmp_path: Path) -> None:
    with town(tmp_path, [honest(i, tmp_path) for i in range(2)]) as here:
        here.wait_until_ready()
        here.recorder().record(acts(0, 2))
        captured: list[bytes] = []

        def replaying(request: httpx.Request) -> httpx.Response:
            if not captured:
                captured.append(httpx.post(request.url, content=request.content, headers=request.headers).content)
            return httpx.Response(200, stream=httpx.ByteStream(captured[0]))

        recorder = HttpRecorder(
            here.url,
            origin=ORIGIN,
            signer=ISSUER,
            policy=here.policy,
            transport=httpx.MockTransport(replaying),
        )
        recorder.record(acts(0, 1))
        with pytest.raises(VerificationError, match=r"tlog\.inclusion"):
            recorder.record(acts(1, 2))


def test_a_restored_backup_is_stopped_at_its_start_and_says_so(tmp_path: Path) -> None:
    witnesses = [honest(i, tmp_path) for i in range(2)]
    with town(tmp_path, witnesses) as here:
        here.wait_until_ready()
        here.recorder().record(acts(0, 2))
        url = here.url
        saved = [here.store.entries(0, 2), here.store.signed()]
        here.recorder().record(acts(2, 3))
    with_old = tmp_path / "restored"
    with_old.mkdir()
    old = open_log_store(with_old / "log.db")
    old.append(saved[0], size=0)  # type: ignore[arg-type]
    old.sign(saved[1], after=None)  # type: ignore[arg-type]
    old.close()
    assert url
    with town(with_old, witnesses) as here:
        deadline = time.monotonic() + 10
        while not here.halted:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert here.halted[0].check == "log.rolled_back"
        assert here.store.size() == 2
        answer = httpx.get(f"{here.url}/ready")
        assert (answer.status_code, json.loads(answer.content)["error"]) == (403, "log.rolled_back")
        with pytest.raises(Refused, match=r"log\.rolled_back"):
            here.recorder().record(acts(5, 6))
