"""Where an epoch's tokens are made past one machine: a Dask cluster, all of whose workers are the issuer's own.

    client --a key?--> each worker        client --secret, sealed to that key--> each worker
    client --share, sealed--> scheduler --> any of those workers --buckets--> client

Who has an epoch's secret makes tokens for what was revoked, so a worker is trusted as the publishing machine is. The
scheduler has only to be honest: it sees sealed shares and buckets that are public anyway, and so do spill files, logs
and dashboards (docs/decisions/0024). Workers keep the secret in memory until they are told to forget it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import TypeAlias
from urllib.parse import urlsplit

from distributed import Client, Future, wait

from diptych.adapters.epoch_folder import Made
from diptych.crypto import sealing
from diptych.crypto.bls12381 import encode_scalar, parse_nonzero_scalar
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.tokens import issue_tokens
from diptych.crypto.hpke import HybridRecipient, generate_recipient, seal
from diptych.errors import DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.formats import cbor
from diptych.formats.bbs_credential.epoch import entry_tag, entry_tags, find_tokens
from diptych.formats.cbor import CborValue, as_array, as_bytes, as_text, as_unsigned
from diptych.private import Secret
from diptych.roles.issuer.epochs import Share, make_buckets

CONNECTING_SECONDS = 30.0
WATCH_SECONDS = 2.0
RETRIES = 3
AHEAD = 4
"""Shares under way for each worker: enough that none waits, few enough that the client never holds them all."""
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
RUN_BYTES, KEY_BYTES, SCALAR_BYTES, CHOICE_BYTES = 16, 32, 32, 8

Buckets: TypeAlias = list[tuple[int, bytes]]

_SECRET, _SHARE = b"diptych epoch cluster 1 secret", b"diptych epoch cluster 1 share"


@dataclass(frozen=True)
class Cluster:
    """A `Workshop` of the workers that a scheduler has when work begins. `address` is the scheduler's."""

    address: str
    workers: int
    entropy: Entropy

    @classmethod
    def join(cls, address: str, *, entropy: Entropy) -> "Cluster":
        """The cluster there. `Refused` for one that others could listen to, `Unavailable` for one without workers."""
        parts = urlsplit(address)
        if parts.scheme != "tls" and not (parts.scheme == "tcp" and parts.hostname in THIS_MACHINE):
            raise Refused(
                "epoch.cluster_tls", "a cluster is named tls://HOST:PORT; tcp:// only where it is all on this machine"
            )
        with _connected(address) as client:
            workers = sum(client.nthreads().values())
        if not workers:
            raise Unavailable("epoch.cluster", "the cluster has no workers: start some, and publish again")
        return cls(address, workers, entropy)

    def buckets(self, secret: Secret, work: Iterator[Share]) -> Iterator[Made]:
        """Each share with its buckets, in any order, and checked: all of whom they are for, and a token of each.

        A worker that dies is done without: its shares are made by another. `Unavailable` where there is none, or the
        cluster cannot be reached; `VerificationError` for a worker that makes something else.
        """
        run, key = self.entropy(RUN_BYTES), Secret(self.entropy(KEY_BYTES))
        with _connected(self.address) as client:
            try:
                primed = _prime(client, run, secret, key)
                under_way: dict[Future[Buckets], Share] = {}

                def begin(shares: Iterator[Share]) -> None:
                    for share in shares:
                        sealed = sealing.seal(key, _encode(share), context=_SHARE, entropy=self.entropy)
                        future = client.submit(_work, run, sealed, workers=primed, pure=False, retries=RETRIES)
                        under_way[future] = share

                begin(islice(work, AHEAD * self.workers))
                while under_way:
                    for future in _done(client, under_way, primed):
                        share, made = under_way.pop(future), _result(client, future, primed)
                        future.release()
                        _check(secret, share, made, entropy=self.entropy)
                        begin(islice(work, 1))
                        yield share, made
            finally:
                with suppress(Exception):  # a cluster that is gone has forgotten
                    client.run(_forget, run)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """A connection, closed at the end. Whatever the library raises for a cluster that fails is `Unavailable`."""
    try:
        client = Client(address, timeout=CONNECTING_SECONDS, set_as_default=False, name="diptych")
        try:
            yield client
        finally:
            client.close()
    except DiptychError:
        raise
    except Exception as error:
        raise Unavailable(
            "epoch.cluster",
            f"the cluster does not answer, or lost its workers: nothing is published ({type(error).__name__})",
        ) from error


def _prime(client: Client, run: bytes, secret: Secret, key: Secret) -> list[str]:
    """Give every worker that is there the secret, sealed to a key that it made for this run."""
    keys = client.run(_new_key, run)
    for worker, public_key in keys.items():
        sealed = seal(public_key, secret.reveal() + key.reveal(), info=_SECRET + run)
        client.run(_take_secret, run, sealed, workers=[worker])
    return list(keys)


def _done(client: Client, under_way: Iterable[Future[Buckets]], primed: list[str]) -> Iterable[Future[Buckets]]:
    """What is done, at least one. Work for those that have the secret waits for them: that ends when none is left."""
    while True:
        try:
            with client.as_current():
                return wait(list(under_way), timeout=WATCH_SECONDS, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            _require_one_left(client, primed)


def _result(client: Client, future: Future[Buckets], primed: list[str]) -> Buckets:
    """What was made; made again by another, if its worker died before it was fetched."""
    while True:
        try:
            return future.result(timeout=WATCH_SECONDS)
        except TimeoutError:
            _require_one_left(client, primed)


def _require_one_left(client: Client, primed: list[str]) -> None:
    if not client.nthreads().keys() & primed:
        raise Unavailable("epoch.cluster", "every worker that had begun is gone: nothing is published, publish again")


def _check(secret: Secret, share: Share, made: Buckets, *, entropy: Entropy) -> None:
    """Nobody is left out or added, and of each bucket one token, nobody knows which, is made again here.

    A worker that wanted to lie could sign with the secret itself: this finds another build, and a machine that errs.
    """
    if [number for number, _ in made] != [number for number, _ in share.buckets]:
        raise VerificationError("epoch.cluster", "a worker made other buckets than it was given: nothing is published")
    for (_, ids), (_, data) in zip(share.buckets, made, strict=True):
        if entry_tags(data) != sorted(entry_tag(one, share.epoch) for one in ids):
            raise VerificationError("epoch.cluster", "a worker left an id out, or added one: nothing is published")
        if ids:
            _check_one(secret, ids[int.from_bytes(entropy(CHOICE_BYTES)) % len(ids)], share.epoch, data)


def _check_one(secret: Secret, revocation_id: int, epoch: str, data: bytes) -> None:
    (expected,) = issue_tokens(secret, [revocation_id])
    if expected not in find_tokens(data, entry_tag(revocation_id, epoch)):
        raise VerificationError("epoch.cluster", "a worker made a token that is none: nothing is published")


def _encode(share: Share) -> bytes:
    buckets: list[CborValue] = [[number, b"".join(map(encode_scalar, ids))] for number, ids in share.buckets]
    return cbor.encode([share.epoch, buckets])


def _decode(data: bytes) -> Share:
    epoch, buckets = as_array(cbor.decode(data), "epoch.share", length=2)
    return Share(as_text(epoch, "epoch.share"), tuple(map(_decode_bucket, as_array(buckets, "epoch.share"))))


def _decode_bucket(value: CborValue) -> tuple[int, tuple[int, ...]]:
    number, ids = as_array(value, "epoch.share", length=2)
    octets = as_bytes(ids, "epoch.share")
    if len(octets) % SCALAR_BYTES:
        raise FormatError("epoch.share", f"an id has {SCALAR_BYTES} bytes")
    starts = range(0, len(octets), SCALAR_BYTES)
    found = tuple(parse_nonzero_scalar(octets[start : start + SCALAR_BYTES]) for start in starts)
    return as_unsigned(number, "epoch.share"), found


# In a worker's process. What is kept is kept until `_forget`, and by run, because two issuers may share a cluster.


@dataclass
class _Run:
    recipient: HybridRecipient
    secret: Secret | None = None
    key: Secret | None = None


_runs: dict[bytes, _Run] = {}
_lock = Lock()


def _new_key(run: bytes) -> bytes:
    with _lock:
        _runs[run] = _Run(generate_recipient())
        return _runs[run].recipient.public_key


def _take_secret(run: bytes, sealed: bytes) -> None:
    with _lock:
        found = _runs[run]
        opened = found.recipient.open_sealed(sealed, info=_SECRET + run)
        found.secret, found.key = Secret(opened[:SCALAR_BYTES]), Secret(opened[SCALAR_BYTES:])


def _work(run: bytes, sealed: bytes) -> Buckets:
    found = _runs.get(run)
    if found is None or found.secret is None or found.key is None:
        # A worker that was started again under its old address: another one has the secret, and is tried next.
        raise LookupError("this worker has not been given the epoch's secret")
    return make_buckets(found.secret, _decode(sealing.open_sealed(found.key, sealed, context=_SHARE)))


def _forget(run: bytes) -> None:
    with _lock:
        _runs.pop(run, None)
