"""Epochs as static files in the issuer's folder, made on every core and published in one move.

epochs/epochs.json              which epochs there are: the one file that decides, replaced whole
epochs/waiting.json             the epoch that is to be published once its act stands in the public log
epochs/NAME/HHHHHH              a bucket of an epoch
epochs/NAME/digests             the SHA-256 of each

In this order: all buckets of the new epoch, in a folder without its name; the name; waiting.json; the log; epochs.json;
folders that nobody is told of any more removed. The epoch's secret is drawn here, is in this process and its children
only, and is never written down. Killed anywhere, the former epochs stand. What waits for the log is finished by the
next `finish`, and comes before any other; before that the next publication begins anew.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TypeAlias

from diptych.adapters.fast_suite_keys import FastSuiteKeys
from diptych.adapters.keys import file
from diptych.crypto import bbs
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.tokens import token_public_key
from diptych.errors import Conflict, FormatError, Unavailable
from diptych.formats import base64url, strict_json
from diptych.formats.bbs_credential.epoch import (
    DIGEST_BYTES,
    DIGESTS,
    Epoch,
    ListedEpoch,
    UnverifiedListedEpoch,
    buckets_digest,
    encode_list,
    sign_epoch,
    verify_epoch,
    verify_list,
)
from diptych.formats.bbs_credential.trust import FastSuiteTrust
from diptych.formats.strict_json import Json
from diptych.formats.tlog.entry import parse_entry
from diptych.private import Secret
from diptych.roles.issuer.epochs import (
    KEPT,
    EpochLog,
    Share,
    heed_standings,
    make_buckets,
    plan_epoch,
    shares,
    standing_ids,
)
from diptych.roles.issuer.ports import IssuerStore

FOLDER = "epochs"
LIST = "epochs.json"
WAITING = "waiting.json"
SHARE_IDS = 2_000
SEED_BYTES = 32

Made: TypeAlias = tuple[Share, list[tuple[int, bytes]]]
"""A share with its bucket files by number."""


@dataclass(frozen=True)
class Published:
    """What was published: the epoch, how many ids stand in it, how many files there are, and how long tokens took."""

    epoch: Epoch
    count: int
    files: int
    seconds: float
    workers: int


class Workshop(Protocol):
    """Where shares are worked on."""

    @property
    def workers(self) -> int:
        """How many work at once."""
        ...

    def buckets(self, secret: Secret, work: Iterator[Share]) -> Iterator[Made]:
        """Each share with its buckets, in any order."""
        ...


@dataclass(frozen=True)
class Cores:
    """Processes of this machine."""

    workers: int

    def buckets(self, secret: Secret, work: Iterator[Share]) -> Iterator[Made]:
        if self.workers == 1:
            for share in work:
                yield share, make_buckets(secret, share)
            return
        with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            waiting: dict[Future[list[tuple[int, bytes]]], Share] = {
                pool.submit(make_buckets, secret, share): share for share in work
            }
            for done in as_completed(waiting):
                yield waiting.pop(done), done.result()


@dataclass(frozen=True)
class EpochFolder:
    """The epochs of one issuer's folder."""

    folder: Path
    keys: FastSuiteKeys

    def publish(
        self,
        store: IssuerStore,
        *,
        now: datetime,
        length: timedelta,
        ends_earlier: bool,
        workshop: Workshop,
        entropy: Entropy,
        stopwatch: Callable[[], float],
        log: EpochLog | None,
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> Published:
        """A new epoch with every id that stands now. `progress` gets how many tokens are made, and of how many.

        `Conflict` if another publication is at work, or the last epoch began in this very second. `Unavailable` if the
        log has no receipt for it yet: then it waits for `finish`, and nobody is told of it before.
        """
        root = self.folder / FOLDER
        root.mkdir(mode=0o755, exist_ok=True)
        with file.only_command(root, "epoch.busy"):
            public = self._public()
            self._finish(root, log, now=now)
            listed = self._listed(now=now)
            number, since = _numbered([one.epoch for one in listed], public.url, log, ends_earlier=ends_earlier)
            secret = Secret(bbs.keygen(entropy(SEED_BYTES)))
            heed_standings(store)
            ids = [one for page in standing_ids(store, now=now) for one in page]
            epoch = plan_epoch(
                public.url,
                token_public_key(secret),
                len(ids),
                now=now,
                length=length,
                number=number,
                since=since,
            )
            if any(one.epoch.name >= epoch.name for one in listed):
                raise Conflict("epoch.now", "an epoch began in this second already: wait for the next")
            started = stopwatch()
            work = workshop.buckets(secret, shares(ids, epoch, most=SHARE_IDS))
            digests = self._write(root, epoch, work, lambda done: progress(done, len(ids)), expected=len(ids))
            seconds = stopwatch() - started
            epoch = replace(epoch, buckets=buckets_digest(digests))
            entry = None if log is None else base64url.encode(log.entry(epoch).encode())
            compact = sign_epoch(epoch, signer=self.keys.epoch_signer())
            waiting: dict[str, Json] = {"epoch": compact, "entry": entry}
            file.replace_file(root / WAITING, strict_json.encode(waiting))
            self._finish(root, log, now=now)
            return Published(epoch, len(ids), len(digests) // DIGEST_BYTES, seconds, workshop.workers)

    def finish(self, log: EpochLog | None, *, now: datetime) -> None:
        """Publish what waits for the log, if anything does. `Unavailable` while the log does not answer.

        Again is once. `Conflict` if a publication is at work, which finishes it itself.
        """
        root = self.folder / FOLDER
        if (root / WAITING).exists():
            with file.only_command(root, "epoch.busy"):
                self._finish(root, log, now=now)

    def listed(self, *, now: datetime) -> tuple[Epoch, ...]:
        """The epochs that are published, the newest first."""
        return tuple(one.epoch for one in self._listed(now=now))

    def _public(self) -> FastSuiteTrust:
        public = self.keys.public()
        if public is None:
            raise Unavailable("fast_suite.keys", "the issuer has no keys of the fast suite: run rotate-signer")
        return public

    def _listed(self, *, now: datetime) -> tuple[ListedEpoch, ...]:
        data = _read(self.folder / FOLDER / LIST)
        if data is None or self.keys.public() is None:
            return ()
        return self._verified(data, now=now)

    def _verified(self, data: bytes, *, now: datetime) -> tuple[ListedEpoch, ...]:
        public = self._public()
        return verify_list(data, signer=public.epoch_signer, expected_issuer=public.url, now=now)

    def _finish(self, root: Path, log: EpochLog | None, *, now: datetime) -> None:
        """What waits goes into the log, and then before everybody. Its act is the one that was kept, to the byte."""
        data = _read(root / WAITING)
        if data is None:
            return
        waiting = strict_json.parse_object(data)
        compact, kept_entry = strict_json.text(waiting, "epoch"), waiting.get("entry")
        epoch = verify_epoch(compact, signer=self._public().epoch_signer, expected_issuer=self.keys.url, now=now)
        receipt: bytes | None = None
        if log is not None:
            # The very act that may stand in the log already: the same again is the same once.
            entry = parse_entry(base64url.decode(kept_entry)) if isinstance(kept_entry, str) else log.entry(epoch)
            (proof,) = log.recorder.record([entry])
            receipt = proof.encode()
        elif kept_entry is not None:
            raise Unavailable("epoch.log", "an epoch waits for the public log, and the settings name none any more")
        kept = [one for one in self._listed(now=now) if one.epoch.number < epoch.number][: KEPT - 1]
        signer = self.keys.epoch_signer()
        again = [UnverifiedListedEpoch(sign_epoch(one.epoch, signer=signer), one.receipt) for one in kept]
        file.replace_file(root / LIST, encode_list([UnverifiedListedEpoch(compact, receipt), *again]))
        (root / WAITING).unlink(missing_ok=True)
        self._tidy(root, {epoch.name, *(one.epoch.name for one in kept)})

    @staticmethod
    def _write(
        root: Path, epoch: Epoch, work: Iterator[Made], progress: Callable[[int], None], *, expected: int
    ) -> bytes:
        """All buckets, under the epoch's name; the SHA-256 of each, in their order."""
        beside = root / f".{epoch.name}"
        shutil.rmtree(beside, ignore_errors=True)
        digests = bytearray(DIGEST_BYTES << epoch.bits)
        files = done = 0
        try:
            beside.mkdir()
            for share, buckets in work:
                for number, data in buckets:
                    (beside / f"{number:06x}").write_bytes(data)
                    digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES] = hashlib.sha256(data).digest()
                files += len(buckets)
                done += share.count
                progress(done)
            if (files, done) != (1 << epoch.bits, expected):
                raise FormatError("epoch.incomplete", "not every bucket was made: nothing is published")
            (beside / DIGESTS).write_bytes(digests)
            os.sync()
            beside.rename(root / epoch.name)
        except OSError as error:
            raise Unavailable("epoch.write", f"the epoch cannot be written: {error.strerror}") from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return bytes(digests)

    @staticmethod
    def _tidy(root: Path, kept: set[str]) -> None:
        for path in root.iterdir():
            if path.is_dir() and path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)


def read_file(folder: Path, path: str) -> bytes | None:
    """The file that is served under `/epochs...`; None for a path that names none."""
    parts = path.strip("/").split("/")
    if parts == [FOLDER]:
        place = folder / FOLDER / LIST
    elif len(parts) == 3 and parts[0] == FOLDER and all(part.isalnum() and part.isascii() for part in parts):
        place = folder / FOLDER / parts[1] / parts[2]
    else:
        return None
    try:
        return place.read_bytes()
    except OSError:
        return None


def _numbered(listed: Sequence[Epoch], url: str, log: EpochLog | None, *, ends_earlier: bool) -> tuple[int, int]:
    """The number of the next epoch, and of the oldest that is accepted beside it."""
    expected = listed[0].number + 1 if listed else 0
    number = expected if log is None else log.next_number(url, start=expected)
    # Epochs that this folder has forgotten (it is an old one) are not listed, so they must not be accepted either.
    if ends_earlier or not listed or number != expected:
        return number, number
    # What an incident ended stays ended.
    return number, max(listed[0].since, listed[: KEPT - 1][-1].number)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable("epoch.list", f"{FOLDER}/{path.name} cannot be read: {error.strerror}") from error
