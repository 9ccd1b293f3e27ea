"""Epochs: a signed word on which key says "not revoked" when, and the files in which every token stands.

An epoch's files are static: bucket n has an entry for every id whose bucket it is, so that who fetches one names a
crowd and not a person. An id's bucket is the same in every epoch: if it changed, fetching day after day would narrow
the crowd down. Which ids stand is the issuer's word; making tokens is left to `crypto.fast_suite.tokens`.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise

from diptych.crypto.bls12381 import G1_BYTES, encode_scalar
from diptych.crypto.fast_suite.tokens import EpochKey, parse_key
from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.jose import jws
from diptych.formats.strict_json import Json

TYP = "diptych-epoch+jwt"
TAG_BYTES = 8
ENTRY_BYTES = TAG_BYTES + G1_BYTES
MAX_BITS = 24
LIST_PATH = "/epochs"
"""Below the issuer's URL."""
MAX_LISTED = 16
MAX_NUMBER = 2**32 - 2
DIGESTS = "digests"
DIGEST_BYTES = 32
BUCKET_ENTRIES = 512
"""At most about that many ids share a bucket: 28 kB to fetch, and a crowd of hundreds to be one of."""

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_LAST_SECOND = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())


@dataclass(frozen=True)
class Epoch:
    """One epoch. Accepted from `starts` until `ends`, unless a later one `ends_earlier` ones (an incident)."""

    issuer: str
    name: str
    key: bytes
    starts: datetime
    ends: datetime
    bits: int
    """There are 2^bits bucket files."""
    number: int
    """One more than the issuer's epoch before; the first is 0."""
    since: int
    """The number of the oldest epoch that is accepted beside this one: its own after an incident."""
    buckets: bytes
    """The digest of all bucket files (`buckets_digest`)."""

    @property
    def ends_earlier(self) -> bool:
        """Whether no earlier epoch is accepted beside this one."""
        return self.since == self.number

    @property
    def epoch_key(self) -> EpochKey:
        """What statements about this epoch are made with."""
        return EpochKey(self.name, self.key)


def name_of(starts: datetime) -> str:
    """`20261128T230000Z`: names sort as moments do."""
    return starts.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def sign_epoch(epoch: Epoch, *, signer: Signer) -> str:
    """The compact JWS that publishes an epoch."""
    claims: dict[str, Json] = {
        "iss": epoch.issuer,
        "epoch": epoch.name,
        "key": base64url.encode(epoch.key),
        "nbf": int(epoch.starts.timestamp()),
        "exp": int(epoch.ends.timestamp()),
        "bits": epoch.bits,
        "number": epoch.number,
        "since": epoch.since,
        "buckets": base64url.encode(epoch.buckets),
    }
    return jws.sign(claims, signer=signer, typ=TYP)


def verify_epoch(compact: str, *, signer: PublicKey, expected_issuer: str, now: datetime) -> Epoch:
    """The epoch that this issuer's signer of epochs signed; `VerificationError` or `FormatError` if it is none.

    Not checked: whether it is accepted now (`accepted`).
    """
    members = jws.verify(jws.parse(compact, expected_typ=TYP), signer, now=now).claims
    starts, ends = _moment(members, "nbf"), _moment(members, "exp")
    key, bits = base64url.decode(strict_json.text(members, "key")), strict_json.integer(members, "bits")
    name, buckets = strict_json.text(members, "epoch"), base64url.decode(strict_json.text(members, "buckets"))
    number, since = strict_json.integer(members, "number"), strict_json.integer(members, "since")
    parse_key(key)
    if strict_json.text(members, "iss") != expected_issuer:
        raise FormatError("epoch.issuer", "the epoch is another issuer's")
    if not _NAME.fullmatch(name) or name != name_of(starts) or ends <= starts or not 0 <= bits <= MAX_BITS:
        raise FormatError("epoch.members", "an epoch is named by its start, ends later, and has 2^0 to 2^24 buckets")
    if not 0 <= since <= number <= MAX_NUMBER or len(buckets) != DIGEST_BYTES:
        raise FormatError("epoch.members", "an epoch has a number, that of an earlier one or its own, and a digest")
    return Epoch(expected_issuer, name, key, starts, ends, bits, number, since, buckets)


@dataclass(frozen=True)
class UnverifiedListedEpoch:
    """An epoch as it is listed: the JWS, and the receipt of the public log (a tlog-proof) where there is one."""

    compact: str
    receipt: bytes | None


@dataclass(frozen=True)
class ListedEpoch:
    """An epoch that its issuer signed, with what is said to be its receipt: that is not verified here."""

    epoch: Epoch
    receipt: bytes | None = field(default=None, repr=False)


def encode_list(listed: Sequence[UnverifiedListedEpoch]) -> bytes:
    """The file that lists the epochs there are, the newest first."""
    epochs: list[Json] = [
        {"epoch": one.compact, "receipt": None if one.receipt is None else one.receipt.decode()} for one in listed
    ]
    return strict_json.encode({"epochs": epochs})


def parse_list(data: bytes) -> tuple[UnverifiedListedEpoch, ...]:
    """The epochs listed, unverified, or `FormatError`."""
    listed = strict_json.parse_object(data).get("epochs")
    if not isinstance(listed, list) or len(listed) > MAX_LISTED:
        raise FormatError("epoch.list", f"at most {MAX_LISTED} epochs are listed")
    return tuple(_parse_listed(one) for one in listed)


def verify_list(data: bytes, *, signer: PublicKey, expected_issuer: str, now: datetime) -> tuple[ListedEpoch, ...]:
    """The epochs listed, each signed, the newest first. `FormatError` for a list in another order.

    Receipts are not verified (`protocols.reading.epochs`).
    """
    found = tuple(
        ListedEpoch(verify_epoch(one.compact, signer=signer, expected_issuer=expected_issuer, now=now), one.receipt)
        for one in parse_list(data)
    )
    for later, earlier in pairwise(one.epoch for one in found):
        if earlier.number >= later.number or earlier.starts >= later.starts:
            raise FormatError(
                "epoch.order", "epochs are listed by their numbers, in which they start, the newest first"
            )
    return found


def accepted(epochs: Sequence[Epoch], *, now: datetime) -> tuple[Epoch, ...]:
    """Those that are accepted at `now`, the newest first: usually two, around a change; one after an incident."""
    started = sorted((one for one in epochs if one.starts <= now), key=lambda one: one.starts, reverse=True)
    since = started[0].since if started else 0
    return tuple(one for one in started if one.number >= since and now < one.ends)


def bits_for(count: int) -> int:
    """How many bits of an id choose its bucket, for that many ids."""
    buckets = max(1, -(-count // BUCKET_ENTRIES))
    return min(MAX_BITS, (buckets - 1).bit_length())


def bucket_of(revocation_id: int, bits: int) -> int:
    """The number of an id's bucket: with more ids a bucket splits in two, and nobody's moves elsewhere."""
    digest = hashlib.sha256(b"diptych bucket\0" + encode_scalar(revocation_id)).digest()
    return int.from_bytes(digest[:4], "big") >> (32 - bits)


def buckets_digest(digests: bytes) -> bytes:
    """The digest of all buckets: of the SHA-256 of each, in the order of their numbers, as in the file of digests."""
    return hashlib.sha256(b"diptych buckets\0" + digests).digest()


def digests_path(epoch: str) -> str:
    """Where the file of digests is, below the issuer's URL: 32 bytes for each bucket."""
    return f"/epochs/{epoch}/{DIGESTS}"


def verify_bucket(bucket: bytes, number: int, *, digests: bytes, epoch: Epoch) -> None:
    """Raises `VerificationError` unless these bytes are the bucket of that number that the epoch is signed with."""
    if buckets_digest(digests) != epoch.buckets:
        raise VerificationError("epoch.digests", "the file of digests is not this epoch's")
    if hashlib.sha256(bucket).digest() != digests[number * DIGEST_BYTES :][:DIGEST_BYTES]:
        raise VerificationError("epoch.bucket_other", "the issuer gives another bucket than the one it published")


def bucket_path(epoch: str, number: int) -> str:
    """Where a bucket is, below the issuer's URL."""
    return f"/epochs/{epoch}/{number:06x}"


def entry_tag(revocation_id: int, epoch: str) -> bytes:
    """By what the owner of an id finds its entry; another in every epoch, and nothing to anybody else."""
    digest = hashlib.sha256(b"diptych epoch entry\0" + epoch.encode() + b"\0" + encode_scalar(revocation_id)).digest()
    return digest[:TAG_BYTES]


def encode_bucket(entries: Sequence[tuple[bytes, bytes]]) -> bytes:
    """(tag, token) pairs in the order of their tags, which says nothing about the order of anything else."""
    return b"".join(tag + token for tag, token in sorted(entries))


def entry_tags(bucket: bytes) -> list[bytes]:
    """The tags of all entries, as they lie there. `FormatError` for no bucket."""
    return [entry[:TAG_BYTES] for entry in _entries(bucket)]


def find_tokens(bucket: bytes, tag: bytes) -> tuple[bytes, ...]:
    """The tokens under a tag, unverified: none, one, or two where tags collide. `FormatError` for no bucket."""
    return tuple(entry[TAG_BYTES:] for entry in _entries(bucket) if entry[:TAG_BYTES] == tag)


def _entries(bucket: bytes) -> Iterator[bytes]:
    if len(bucket) % ENTRY_BYTES:
        raise FormatError("epoch.bucket", f"a bucket has {ENTRY_BYTES} bytes for each entry")
    return (bucket[start : start + ENTRY_BYTES] for start in range(0, len(bucket), ENTRY_BYTES))


def _parse_listed(value: Json) -> UnverifiedListedEpoch:
    if not isinstance(value, dict) or set(value) != {"epoch", "receipt"}:
        raise FormatError("epoch.list", "an epoch is listed with 'epoch' and 'receipt'")
    receipt = value["receipt"]
    if receipt is not None and not isinstance(receipt, str):
        raise FormatError("epoch.list", "a receipt is a text, or null")
    try:
        octets = None if receipt is None else receipt.encode()
    except UnicodeEncodeError as error:
        raise FormatError("epoch.list", "a receipt is no text") from error
    return UnverifiedListedEpoch(strict_json.text(value, "epoch"), octets)


def _moment(members: dict[str, Json], name: str) -> datetime:
    seconds = strict_json.integer(members, name)
    if not 0 <= seconds <= _LAST_SECOND:
        raise FormatError("epoch.moment", f"'{name}' is a moment in seconds since 1970")
    return datetime.fromtimestamp(seconds, UTC)
