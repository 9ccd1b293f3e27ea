"""An epoch: a token for every revocation id that stands, by bucket, and the word that publishes them.

Decisions and bytes only. Drawing the key, making tokens on every core and putting files where they are served is left
to `adapters/epoch_folder`; which ids stand is the store's to say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from diptych.crypto.bls12381 import parse_nonzero_scalar
from diptych.crypto.fast_suite.tokens import issue_tokens
from diptych.errors import Refused
from diptych.formats.bbs_credential.epoch import (
    DIGEST_BYTES,
    Epoch,
    bits_for,
    bucket_of,
    encode_bucket,
    entry_tag,
    name_of,
)
from diptych.formats.order.standing import Standing
from diptych.formats.tlog.entry import Entry
from diptych.formats.tlog.policy import Policy
from diptych.private import Secret
from diptych.protocols.reading.epochs import EpochsInLog, published
from diptych.protocols.reading.files import LogFiles
from diptych.protocols.recording.recorder import Recorder
from diptych.roles.issuer.enrolments import mark_enrolments
from diptych.roles.issuer.ports import IssuerStore
from diptych.roles.issuer.standings import is_public

PAGE = 5_000
KEPT = 4
"""How many epochs stay listed: those accepted, and a few that wallets with slow clocks may still look for."""

DAY = timedelta(days=1)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=31)


@dataclass(frozen=True)
class Share:
    """The ids of some buckets: a piece of work that knows nothing of the others."""

    epoch: str
    buckets: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def count(self) -> int:
        return sum(len(ids) for _, ids in self.buckets)


@dataclass(frozen=True)
class EpochLog:
    """The log that epochs are recorded in, and its files."""

    recorder: Recorder
    policy: Policy
    files: LogFiles

    def next_number(self, issuer: str, *, start: int) -> int:
        """The first number from `start` on that the log has no epoch of: a folder that came back may be behind it."""
        return EpochsInLog(self.files, self.policy).next_number(issuer, start=start)

    def entry(self, epoch: Epoch) -> Entry:
        """The entry that records an epoch."""
        return published(epoch).entry(policy_hash=self.policy.digest)


def plan_epoch(
    url: str,
    key: bytes,
    count: int,
    *,
    now: datetime,
    length: timedelta,
    number: int,
    since: int,
) -> Epoch:
    """The epoch that starts now, without its buckets' digest.

    It is accepted for two lengths: its own, and while wallets fetch the next one's.
    """
    if not SHORTEST <= length <= LONGEST:
        raise Refused("epoch.length", "an epoch lasts between a minute and 31 days")
    starts = now.replace(microsecond=0)
    bits = bits_for(count)
    return Epoch(url, name_of(starts), key, starts, starts + 2 * length, bits, number, since, bytes(DIGEST_BYTES))


def heed_standings(store: IssuerStore) -> None:
    """What officers said and is public counts in the next epoch, whether or not the status lists say so yet."""
    with store.transaction() as state:
        for waiting in state.status.waiting():
            if is_public(state, waiting):
                mark_enrolments(state, waiting.order_id, is_revoked=waiting.standing is not Standing.REINSTATED)


def standing_ids(store: IssuerStore, *, now: datetime) -> Iterator[Sequence[bytes]]:
    """Every id that stands at `now`, page by page."""
    after = b""
    while page := store.standing_ids(now, after=after, most=PAGE):
        yield page
        after = page[-1]


def shares(ids: Sequence[bytes], epoch: Epoch, *, most: int) -> Iterator[Share]:
    """All buckets, also those that nobody is in, in pieces of about `most` ids."""
    buckets: dict[int, list[int]] = {number: [] for number in range(1 << epoch.bits)}
    for octets in ids:
        revocation_id = parse_nonzero_scalar(octets)
        buckets[bucket_of(revocation_id, epoch.bits)].append(revocation_id)
    piece: list[tuple[int, tuple[int, ...]]] = []
    count = 0
    for number, found in buckets.items():
        piece.append((number, tuple(found)))
        count += len(found)
        if count >= most:
            yield Share(epoch.name, tuple(piece))
            piece, count = [], 0
    if piece:
        yield Share(epoch.name, tuple(piece))


def make_buckets(secret: Secret, share: Share) -> list[tuple[int, bytes]]:
    """The share's bucket files, by number. Each id costs one multiplication: 10,000 a second and core."""
    found: list[tuple[int, bytes]] = []
    for number, ids in share.buckets:
        tags = [entry_tag(one, share.epoch) for one in ids]
        found.append((number, encode_bucket(list(zip(tags, issue_tokens(secret, ids), strict=True)))))
    return found
