"""An epoch on a cluster of several processes: the same bytes as on one machine, and nothing of it in the scheduler."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from distributed import Client, LocalCluster

from diptych.adapters import epoch_cluster
from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.epoch_cluster import Cluster
from diptych.adapters.epoch_folder import Cores, EpochFolder, Workshop
from diptych.adapters.fast_suite_keys import FastSuiteKeys
from diptych.crypto import bbs
from diptych.crypto.bls12381 import encode_scalar
from diptych.errors import FormatError, Refused, Unavailable, VerificationError
from diptych.private import Secret
from diptych.roles.issuer.epochs import Share, make_buckets, plan_epoch, shares
from tests.adapters.test_epoch_folder import filled
from tests.issuer_process import diptych

pytestmark = pytest.mark.filterwarnings("ignore")  # the library's own

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECRET = Secret(bbs.keygen(b"the same secret on both machines"))
EPOCH = plan_epoch("https://issuer.example", b"", 5_000, now=NOW, length=timedelta(days=1), number=0, since=0)
SHARE = Share("20261128T120000Z", ((0, ()), (1, (11, 12)), (2, (13,))))


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50
    ) as found:
        yield found


@pytest.fixture
def issuer(tmp_path: Path) -> Path:
    """An issuer's folder."""
    made = diptych("issuer", "init", str(tmp_path / "issuer"), "--url", "http://127.0.0.1:8178")
    assert made.returncode == 0, made.stderr
    return tmp_path / "issuer"


@pytest.fixture
def workshop(cluster: LocalCluster) -> Cluster:
    return Cluster.join(cluster.scheduler_address, entropy=os.urandom)


def published(folder: Path, store: object, workshop: Workshop, seen: list[int]) -> dict[str, bytes]:
    """Every file of an epoch whose secret is always the same one."""
    folder.mkdir()
    keys = FastSuiteKeys(folder, "https://issuer.example")
    keys.ensure(load_catalogue(), entropy=os.urandom)
    EpochFolder(folder, keys).publish(
        store,  # type: ignore[arg-type]
        now=NOW,
        length=timedelta(days=1),
        ends_earlier=False,
        workshop=workshop,
        entropy=lambda count: b"s" * count,
        stopwatch=lambda: 0.0,
        log=None,
        progress=lambda done, of: seen.append(done),
    )
    root = folder / "epochs"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.glob("*/*")}


def test_a_cluster_makes_the_very_bytes_that_one_machine_makes(workshop: Cluster, tmp_path: Path) -> None:
    store, _ = filled(5_000)
    here: list[int] = []
    there: list[int] = []
    ours = published(tmp_path / "here", store, Cores(1), here)
    theirs = published(tmp_path / "there", store, workshop, there)
    assert workshop.workers == 2
    assert len(ours) == 17  # buckets and digests
    assert theirs == ours
    assert there[-1] == here[-1] == 5_000
    assert len(there) > 1  # progress, share by share


def kept(dask_scheduler: object = None) -> bytes:
    """What the scheduler has in memory of every task."""
    import pickle

    return b"".join(pickle.dumps(one.run_spec) for one in dask_scheduler.tasks.values())  # type: ignore[attr-defined]


def test_the_scheduler_sees_neither_the_secret_nor_an_id_and_workers_forget(
    cluster: LocalCluster, workshop: Cluster
) -> None:
    ids = [number << 200 | 77 for number in range(1, 40)]
    work = list(shares([encode_scalar(one) for one in ids], EPOCH, most=5))
    secrets = (SECRET.reveal(), *map(encode_scalar, ids))
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        # Anybody's way to ask a cluster for something: the scheduler has all of it.
        plain = client.submit(make_buckets, Secret(SECRET.reveal()), work[0], pure=False)
        plain.result()
        assert secrets[0] in client.run_on_scheduler(kept)
        plain.release()
        while client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks)):
            time.sleep(0.01)
        made = workshop.buckets(SECRET, iter(work))
        next(made)
        seen = client.run_on_scheduler(kept)
        assert b"_work" in seen  # shares are under way
        assert not any(secret in seen or secret.hex().encode() in seen for secret in secrets)
        list(made)
        assert set(client.run(lambda: len(epoch_cluster._runs)).values()) == {0}


def test_what_is_said_by_hand_publishes_on_the_cluster(cluster: LocalCluster, issuer: Path) -> None:
    done = diptych("issuer", "publish-epoch", str(issuer), "--cluster", cluster.scheduler_address, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ids"] == 0
    assert len(list((issuer / "epochs").glob("2*/*"))) == 2  # the one bucket, and the digests
    both = diptych("issuer", "publish-epoch", str(issuer), "--cluster", cluster.scheduler_address, "--workers", "2")
    assert both.returncode == 2


def test_without_the_word_dask_is_not_so_much_as_looked_for(issuer: Path) -> None:
    here = without_dask("issuer", "publish-epoch", str(issuer), "--json")
    assert here.returncode == 0, here.stderr
    there = without_dask("issuer", "publish-epoch", str(issuer), "--cluster", "tcp://127.0.0.1:1", "--json")
    assert there.returncode == 1
    assert "diptych[cluster]" in there.stdout + there.stderr


def without_dask(*words: str) -> subprocess.CompletedProcess[str]:
    """A command where the extra is not installed."""
    code = "import sys; sys.modules['distributed'] = sys.modules['dask'] = None; from diptych.app import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)


def test_a_worker_that_dies_is_done_without(workshop: Cluster) -> None:
    ids = [encode_scalar(number << 200 | 99) for number in range(1, 60)]
    work = list(shares(ids, EPOCH, most=2))
    made = workshop.buckets(SECRET, iter(work))
    found = [next(made)]
    with Client(workshop.address, set_as_default=False) as client:
        first = next(iter(client.nthreads()))
        pid = client.run(os.getpid, workers=[first])[first]
        os.kill(pid, 9)
        found += list(made)
    assert {share.buckets: made for share, made in found} == {one.buckets: make_buckets(SECRET, one) for one in work}


@pytest.mark.parametrize(
    "address", ["tcp://scheduler.example:8786", "scheduler.example:8786", "ucx://127.0.0.1:1", "https://x"]
)
def test_a_cluster_that_others_could_listen_to_is_refused(address: str) -> None:
    with pytest.raises(Refused) as refused:
        Cluster.join(address, entropy=os.urandom)
    assert refused.value.check == "epoch.cluster_tls"


def test_a_cluster_that_is_not_there_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch_cluster, "CONNECTING_SECONDS", 0.5)
    with pytest.raises(Unavailable) as refused:
        Cluster.join("tcp://127.0.0.1:1", entropy=os.urandom)
    assert refused.value.check == "epoch.cluster"


def bent(secret: Secret, share: Share) -> list[tuple[int, bytes]]:
    """What a worker makes whose memory errs: one bit of every token."""
    found = make_buckets(secret, share)
    return [(number, bytes([*data[:-1], data[-1] ^ 1]) if data else data) for number, data in found]


def break_worker() -> None:
    epoch_cluster.make_buckets = bent


def repair_worker() -> None:
    epoch_cluster.make_buckets = make_buckets


def test_what_one_worker_of_two_makes_wrongly_is_not_published(
    cluster: LocalCluster, workshop: Cluster, tmp_path: Path
) -> None:
    store, _ = filled(5_000)
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        erring = list(client.nthreads())[:1]
        client.run(break_worker, workers=erring)
        try:
            for number in range(8):  # the last token of each bucket is bent, and any one is looked at
                with pytest.raises(VerificationError) as refused:
                    one_bucket_each(workshop, number)
                assert refused.value.check == "epoch.cluster"
        finally:
            client.run(repair_worker, workers=erring)
    assert published(tmp_path / "repaired", store, workshop, [])


def one_bucket_each(workshop: Cluster, number: int) -> None:
    """Buckets in which one id stands, so that the one that is looked at is the one that is wrong."""
    work = [Share(EPOCH.name, ((place, (1 + number << 200 | place,)),)) for place in range(24)]
    list(workshop.buckets(SECRET, iter(work)))


def check(made: list[tuple[int, bytes]], entropy: int = 0) -> None:
    epoch_cluster._check(SECRET, SHARE, made, entropy=lambda count: entropy.to_bytes(count, "big"))


def test_what_a_worker_makes_is_checked() -> None:
    good = make_buckets(SECRET, SHARE)
    check(good)
    other = make_buckets(Secret(bbs.keygen(b"a secret of another run, or nobody")), SHARE)
    left_out = [*good[:2], (2, b"")]
    added = [good[0], (1, good[1][1] + good[2][1]), good[2]]
    swapped = [good[0], (1, good[2][1]), (2, good[1][1])]
    for made in (other, good[1:], [(0, b""), (1, b""), (2, b"")], left_out, added, swapped):
        with pytest.raises(VerificationError):
            check(made)
    with pytest.raises(FormatError):
        check([*good[:2], (2, good[2][1][:-1])])


def test_any_token_of_a_bucket_may_be_the_one_that_is_made_again() -> None:
    good, other = (
        make_buckets(SECRET, SHARE),
        make_buckets(Secret(bbs.keygen(b"another secret, of nobody at all here")), SHARE),
    )
    half = len(good[1][1]) // 2
    mixed = [good[0], (1, good[1][1][:half] + other[1][1][half:]), good[2]]
    refused = 0
    for entropy in range(2):
        try:
            check(mixed, entropy)
        except VerificationError:
            refused += 1
    assert refused == 1


def test_a_cluster_whose_workers_all_die_publishes_nothing() -> None:
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            host="127.0.0.1",
            silence_logs=50,
        ) as alone,
        Client(alone.scheduler_address, set_as_default=False) as client,
    ):
        workshop = Cluster.join(alone.scheduler_address, entropy=os.urandom)
        (pid,) = client.run(os.getpid).values()
        work = list(shares([encode_scalar(number << 200 | 5) for number in range(1, 400)], EPOCH, most=2))
        made = workshop.buckets(SECRET, iter(work))
        next(made)
        os.kill(pid, 9)
        with pytest.raises(Unavailable) as refused:
            list(made)
    assert refused.value.check == "epoch.cluster"


def test_a_share_is_read_back_as_it_was_written() -> None:
    assert epoch_cluster._decode(epoch_cluster._encode(SHARE)) == SHARE
    for data in (b"", b"\x80", epoch_cluster._encode(SHARE)[:-1]):
        with pytest.raises(FormatError):
            epoch_cluster._decode(data)
