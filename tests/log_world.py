"""A log with three witnesses in one process, that can be killed and started again: what tests of the writer share."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diptych.errors import DiptychError
from diptych.formats.tlog.entry import ActorClass, ActType, Entry
from diptych.formats.tlog.label_tree import LATEST, VerifiedLabelTree, parse_head, verify_head
from diptych.formats.tlog.policy import Keyholder, Policy, require_both
from diptych.formats.tlog.proof import verify_receipt
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.protocols.witnessing.add_checkpoint import checkpoint_path
from diptych.roles.auditor.log_audit import audit
from diptych.roles.auditor.model import Report
from diptych.roles.log.fakes import AskWitness, CalledWitnesses, Deaths, MemoryLogStore, MemoryTileStore, ShowLatest
from diptych.roles.log.labels import LabelTrees
from diptych.roles.log.model import Appended
from diptych.roles.log.ports import LogStore, TileStore
from diptych.roles.log.service import Log
from diptych.roles.witness.fakes import MemoryWitnessStore
from diptych.roles.witness.model import FollowedLog
from diptych.roles.witness.service import Witness
from tests.formats.tlog_specimen import LOG_SIGNERS, NOW, ORIGIN, WITNESS_SIGNERS

URLS = tuple(f"https://witness-{i}.example" for i in range(3))
LOG_KEYS = tuple(signer.verifier_key for signer in LOG_SIGNERS)


def policy_of(threshold: int = 2) -> Policy:
    return require_both(
        log=Keyholder("log", LOG_KEYS[0], LOG_KEYS[1]),
        witnesses=[
            Keyholder(f"w{i}", both[0].verifier_key, both[1].verifier_key, URLS[i])
            for i, both in enumerate(WITNESS_SIGNERS)
        ],
        threshold=threshold,
    )


POLICY = policy_of()


def entry(number: int, act_type: ActType = ActType.ISSUED) -> bytes:
    """The act of that number."""
    digest = hashlib.sha256(f"act {number}".encode()).digest()
    label = digest if act_type.is_about_a_subject else bytes(32)
    return Entry(act_type, NOW.date(), ActorClass.ISSUER, label, digest, POLICY.digest).encode()


def entries(start: int, end: int) -> list[bytes]:
    return [entry(number) for number in range(start, end)]


@dataclass
class World:
    """Everything that outlives the log's process, and the process."""

    store: LogStore = field(default_factory=MemoryLogStore)
    files: TileStore = field(default_factory=MemoryTileStore)
    policy: Policy = POLICY
    now: datetime = NOW
    witness_stores: tuple[MemoryWitnessStore, ...] = field(
        default_factory=lambda: tuple(MemoryWitnessStore() for _ in URLS)
    )

    def __post_init__(self) -> None:
        self.witnesses = CalledWitnesses(
            {url: self._asked(i) for i, url in enumerate(URLS)}, {url: self._shown(i) for i, url in enumerate(URLS)}
        )
        self.noticed: list[tuple[str, str]] = []
        self.log = self.restarted()

    def witness(self, number: int) -> Witness:
        return Witness(
            signers=WITNESS_SIGNERS[number],
            logs=[FollowedLog(ORIGIN, LOG_KEYS)],
            store=self.witness_stores[number],
        )

    def _asked(self, number: int) -> AskWitness:
        return lambda body: self.witness(number).add_checkpoint(body, now=self.now)

    def _shown(self, number: int) -> ShowLatest:
        return lambda origin: self.witness(number).checkpoint(checkpoint_path(origin))

    def restarted(self) -> Log:
        """The process was killed: a new one, on what it left."""
        self.log = Log(
            signers=LOG_SIGNERS,
            policy=self.policy,
            store=self.store,
            files=self.files,
            witnesses=self.witnesses,
            on_witness=lambda url, check: self.noticed.append((url, check)),
        )
        return self.log

    def append(self, *acts: bytes) -> Appended:
        """Append, a second later, and verify each receipt as anybody would."""
        self.now += timedelta(seconds=1)
        appended = self.log.append(acts, now=self.now)
        for act, receipt in zip(acts, appended.receipts, strict=True):
            assert verify_receipt(receipt, policy=self.policy).entry == act
        return appended

    def close_day(self) -> VerifiedLabelTree:
        """A day later: the label tree of all that is public, recorded and shown."""
        self.now += timedelta(days=1)
        trees = LabelTrees(self.store, self.files, policy=self.policy, every=timedelta(days=1))
        published = self.log.published
        assert published is not None
        plan = trees.due(size=published.checkpoint.size, now=self.now)
        assert plan is not None
        (receipt,) = self.append(trees.entry(plan)).receipts
        trees.publish(plan, receipt)
        data = self.files.read(LATEST)
        assert data is not None
        return verify_head(parse_head(data), policy=self.policy)

    def start(self) -> None:
        self.now += timedelta(seconds=1)
        self.log.start(now=self.now)


def memory_world(**changed: object) -> tuple[World, MemoryLogStore, MemoryTileStore, Deaths]:
    """A world in memory whose store and files die by one count."""
    deaths = Deaths()
    store, files = MemoryLogStore(deaths=deaths), MemoryTileStore(deaths=deaths)
    return World(store, files), store, files, deaths


def audited(files: Mapping[str, bytes], policy: Policy = POLICY) -> Report:
    """The auditor's report, as `diptych log verify` makes it."""
    return audit(MemoryLogFiles(files), policy=policy)


def outcome(error: DiptychError) -> str:
    return error.check
