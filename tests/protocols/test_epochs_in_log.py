"""An issuer's epochs against the public log: one key for each, none shown to some and not to others, whoever lies."""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from diptych.errors import DiptychError, Unavailable, VerificationError
from diptych.formats.bbs_credential.epoch import Epoch, ListedEpoch, name_of
from diptych.formats.tlog.act import parse_act
from diptych.formats.tlog.entry import ActType
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.published_epoch import epoch_label
from diptych.protocols.reading import epochs as reading
from diptych.protocols.reading.epochs import EpochsInLog, published, verify_logged
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.log.fakes import MemoryTileStore
from tests.formats.bbs_specimen import URL, new_key
from tests.log_world import POLICY, World, entries

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEYS = [new_key()[1] for _ in range(6)]


def epoch(number: int, *, since: int | None = None, key: int | None = None, issuer: str = URL) -> Epoch:
    starts = NOW + number * HOUR
    before = max(0, number - 1) if since is None else since
    return Epoch(
        issuer,
        name_of(starts),
        KEYS[number if key is None else key],
        starts,
        starts + 2 * HOUR,
        0,
        number,
        before,
        KEYS[0][:32],
    )


@dataclass
class Scene:
    """A log with witnesses, and what an issuer shows."""

    world: World = field(default_factory=lambda: World(now=NOW + 5 * HOUR))

    def __post_init__(self) -> None:
        self.world.start()

    def logged(self, found: Epoch) -> ListedEpoch:
        """Recorded, with the receipt."""
        (receipt,) = self.world.append(published(found).entry(policy_hash=POLICY.digest).encode()).receipts
        return ListedEpoch(found, receipt.encode())

    def reader(self, policy: Policy = POLICY) -> EpochsInLog:
        files = self.world.files
        assert isinstance(files, MemoryTileStore)
        return EpochsInLog(MemoryLogFiles(files.files), policy)


def refused(reader: EpochsInLog, *listed: ListedEpoch) -> str:
    with pytest.raises(DiptychError) as error:
        reader.check(listed)
    return error.value.check


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_act_of_an_epoch_is_what_the_specification_says() -> None:
    found = epoch(2)
    entry = published(found).entry(policy_hash=POLICY.digest)
    assert entry.act_type is ActType.EPOCH_PUBLISHED
    chain = hashlib.sha256(b"diptych epochs 1\n" + URL.encode()).digest()
    for _ in range(2):
        chain = hashlib.sha256(b"diptych label chain 1\nnext\n" + chain).digest()
    assert entry.label == hashlib.sha256(b"diptych label chain 1\nlabel\n" + chain).digest() == epoch_label(URL, 2)
    starts = NOW + 2 * HOUR
    act = (
        b"\x85\x01\x18\x2e\xd9\x03\xec\x6a2026-11-24\x03\xa7"
        + b"\x63key\x58\x20"
        + hashlib.sha256(found.key).digest()
        + b"\x64ends\x1a"
        + int((starts + 2 * HOUR).timestamp()).to_bytes(4, "big")
        + b"\x65epoch\x70"
        + found.name.encode()
        + b"\x65since\x01"
        + b"\x66issuer\x76"
        + URL.encode()
        + b"\x66number\x02"
        + b"\x67buckets\x58\x20"
        + found.buckets
    )
    parse_act(act)
    assert entry.commitment == hashlib.sha256(bytes(32) + act).digest()


def test_epochs_that_everybody_sees_are_believed(scene: Scene) -> None:
    first = scene.logged(epoch(0))
    reader = scene.reader()
    reader.check([first])
    scene.world.append(*entries(0, 300))
    second = scene.logged(epoch(1))
    reader.check([second, first])  # reads on
    scene.reader().check([second, first])  # reads all
    assert reader.checkpoint is not None


def test_epochs_of_days_that_the_log_has_closed_are_found_in_its_list(scene: Scene) -> None:
    first = scene.logged(epoch(0))
    scene.world.append(*entries(0, 20))
    early = scene.reader()
    early.check([first])
    scene.world.close_day()
    second = scene.logged(epoch(1))
    for reader in (early, scene.reader()):
        reader.check([second, first])
    scene.world.close_day()
    for reader in (early, scene.reader()):
        reader.check([second, first])


def test_an_epoch_without_a_receipt_is_not_believed(scene: Scene) -> None:
    listed = scene.logged(epoch(0))
    assert refused(scene.reader(), ListedEpoch(listed.epoch, None)) == "epoch.not_logged"
    assert refused(scene.reader(), ListedEpoch(listed.epoch, b"receipt")) == "epoch.not_logged"


def test_a_receipt_with_too_few_cosignatures_is_none(scene: Scene) -> None:
    listed = scene.logged(epoch(0))
    verify_logged(listed, policy=POLICY)
    assert listed.receipt is not None
    fewer = ListedEpoch(listed.epoch, b"\n".join(listed.receipt.split(b"\n")[:-3]) + b"\n")
    with pytest.raises(VerificationError) as error:
        verify_logged(fewer, policy=POLICY)
    assert error.value.check == "epoch.not_logged"


@pytest.mark.parametrize(
    "changed",
    [
        {"key": KEYS[5]},
        {"buckets": bytes(32)},
        {"number": 1},
        {"since": 1, "number": 1},
        {"issuer": "https://other.example"},
        {"ends": NOW + 9 * HOUR},
    ],
)
def test_a_receipt_of_another_epoch_is_none(scene: Scene, changed: dict[str, object]) -> None:
    listed = scene.logged(epoch(0))
    other = replace(listed.epoch, **changed)  # type: ignore[arg-type]
    with pytest.raises(VerificationError) as error:
        verify_logged(ListedEpoch(other, listed.receipt), policy=POLICY)
    assert error.value.check == "epoch.otherwise"


@pytest.mark.parametrize("days", [0, 1, 2])
@pytest.mark.parametrize("is_late", [False, True])
def test_two_keys_for_one_epoch_are_a_split_view_to_both(scene: Scene, days: int, is_late: bool) -> None:
    everybodys = scene.logged(epoch(0))
    reader = scene.reader()
    reader.check([everybodys])
    if is_late:
        scene.world.close_day()
    own = scene.logged(epoch(0, key=5))
    for _ in range(days):
        scene.world.close_day()
    for shown in (everybodys, own):
        assert refused(scene.reader(), shown) == "epoch.split_view"
        assert refused(reader, shown) == "epoch.split_view"


@pytest.mark.parametrize("days", [0, 1])
def test_an_epoch_that_is_shown_to_some_is_missed_by_the_others(scene: Scene, days: int) -> None:
    first = scene.logged(epoch(0))
    own = scene.logged(epoch(1))
    for _ in range(days):
        scene.world.close_day()
    scene.reader().check([own, first])  # the one it is shown to sees nothing wrong
    assert refused(scene.reader(), first) == "epoch.withheld"
    with pytest.raises(Unavailable):  # it may just have been recorded
        scene.reader().check([first])


def test_an_epoch_between_two_that_are_shown_is_missed(scene: Scene) -> None:
    found = [scene.logged(epoch(number, since=0)) for number in range(3)]
    assert refused(scene.reader(), found[2], found[0]) == "epoch.incomplete_list"
    scene.reader().check(found[::-1])


def test_what_an_incident_ended_need_not_be_listed(scene: Scene) -> None:
    scene.logged(epoch(0))
    scene.reader().check([scene.logged(epoch(1, since=1))])


def test_another_issuers_epochs_are_not_this_ones(scene: Scene) -> None:
    scene.logged(epoch(1, issuer="https://other.example"))
    scene.reader().check([scene.logged(epoch(0))])


def test_a_log_that_shows_less_than_before_is_asked_again(scene: Scene) -> None:
    files = scene.world.files
    assert isinstance(files, MemoryTileStore)
    first = scene.logged(epoch(0))
    before = dict(files.files)
    scene.world.append(*entries(0, 3))
    second = scene.logged(epoch(1))
    stale = EpochsInLog(MemoryLogFiles(before), POLICY)
    assert refused(stale, second, first) == "epoch.log_stale"


def test_a_list_of_labels_made_while_the_log_is_read_is_held_to_what_the_log_shows_then(scene: Scene) -> None:
    files = scene.world.files
    assert isinstance(files, MemoryTileStore)
    first = scene.logged(epoch(0))
    early = [files.files["checkpoint"]]
    scene.world.append(*entries(0, 3))
    scene.world.close_day()

    class Overtaken(MemoryLogFiles):
        """The log's files, whose checkpoint is read before the list is made."""

        def read(self, path: str, *, max_bytes: int) -> bytes | None:
            return early.pop() if path == "checkpoint" and early else super().read(path, max_bytes=max_bytes)

    EpochsInLog(Overtaken(files.files), POLICY).check([first])
    assert early == []


def test_a_log_without_its_files_is_not_believed(scene: Scene) -> None:
    first = scene.logged(epoch(0))
    assert refused(EpochsInLog(MemoryLogFiles({}), POLICY), first) == "tlog.file.absent"


def test_too_many_entries_to_read_are_refused_by_name(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    first = scene.logged(epoch(0))
    scene.world.append(*entries(0, 20))
    monkeypatch.setattr(reading, "MAX_UNLISTED", 20)
    assert refused(scene.reader(), first) == "epoch.log_busy"
    scene.world.close_day()  # now the list tells
    scene.reader().check([first])


def test_the_next_number_is_one_that_the_log_does_not_have(scene: Scene) -> None:
    scene.logged(epoch(1))
    assert scene.reader().next_number(URL, start=0) == 0
    scene.logged(epoch(0))
    assert scene.reader().next_number(URL, start=0) == 2
    scene.world.close_day()
    assert scene.reader().next_number(URL, start=1) == 2
