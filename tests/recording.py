"""A real log in this process for writers to record in, which can fail them before and after it has recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from diptych.errors import DiptychError
from diptych.formats.tlog.act import Act, CommittedAct
from diptych.formats.tlog.entry import ActorClass, ActType, Entry
from diptych.formats.tlog.label import ChainElement
from diptych.formats.tlog.proof import LogProof, build_receipt
from diptych.private import Personal, Secret
from diptych.protocols.openid4vci.recorded import KeptAct, RecordedBatch
from diptych.protocols.recording.receipts import receipts_of, verify_receipts
from diptych.roles.issuer.acts import PublicLog
from tests.formats.tlog_specimen import checkpoint_of, cosigned
from tests.issuing import NOW, Town
from tests.log_world import POLICY, World


@dataclass
class RecordingInProcess:
    """The issuer's `Recorder`: verifies under the policy what the log answers, as `HttpRecorder` does."""

    world: World = field(default_factory=World)
    fails: list[DiptychError] = field(default_factory=list)
    """Raised one after the other, before the log hears anything."""
    loses: list[DiptychError] = field(default_factory=list)
    """Raised one after the other, once the entries are public."""
    asked: int = 0

    def __post_init__(self) -> None:
        self.world.start()

    def record(self, entries: Sequence[Entry]) -> Sequence[LogProof]:
        self.asked += 1
        if self.fails:
            raise self.fails.pop(0)
        appended = self.world.append(*(entry.encode() for entry in entries))
        if self.loses:
            raise self.loses.pop(0)
        return verify_receipts(receipts_of(appended.receipts), entries=entries, policy=self.world.policy)

    @property
    def public_log(self) -> PublicLog:
        return PublicLog(self, self.world.policy.digest)


def recording_town(**more: object) -> tuple[Town, RecordingInProcess]:
    """An issuer that records, and the log it records in."""
    recorder = RecordingInProcess(World(policy=POLICY))
    return Town(log=recorder.public_log, **more), recorder


def recorded_batch(count: int) -> RecordedBatch:
    """What goes with credentials, after so many acts. No log has a word of it."""
    chain = ChainElement(Secret(b"c" * 32))
    details: dict[str, str | int | bytes] = {"type": "driving-licence", "count": 1, "credentials": bytes(32)}
    act = Act(ActType.ISSUED, NOW.date(), ActorClass.ISSUER, Personal(details))
    committed = CommittedAct(act, Secret(b"s" * 32))
    entry = committed.entry(policy_hash=POLICY.digest, label=chain.at(count - 1).label)
    receipt = build_receipt(entry.encode(), index=0, path=(), checkpoint=cosigned(checkpoint_of([entry.encode()])))
    return RecordedBatch(chain.secret, tuple(KeptAct(counter, committed) for counter in range(count)), receipt)
