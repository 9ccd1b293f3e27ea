"""Epochs as static files in the issuer's folder, made on every core and published in one move.

epochs/epochs.json              which epochs there are: the one file that decides, replaced whole
epochs/NAME/HHHHHH              a bucket of an epoch

In this order: all buckets of the new epoch, in a folder without its name; the name; epochs.json; folders that nobody is
told of any more removed. The epoch's secret is drawn here, is in this process and its children only, and is never
written down. Killed anywhere, the former epochs stand, and the next publication begins anew.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
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
from diptych.formats.bbs_credential.epoch import Epoch, encode_list, parse_list, sign_epoch, verify_epoch
from diptych.private import Secret
from diptych.roles.issuer.epochs import KEPT, Share, heed_standings, make_buckets, plan_epoch, shares, standing_ids
from diptych.roles.issuer.ports import IssuerStore

FOLDER = "epochs"
LIST = "epochs.json"
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
        progress: Callable[[int, int], None] = lambda done, of: None,
    ) -> Published:
        """A new epoch with every id that stands now. `progress` gets how many tokens are made, and of how many.

        `Conflict` if another publication is at work, or the last epoch began in this very second.
        """
        root = self.folder / FOLDER
        root.mkdir(mode=0o755, exist_ok=True)
        with file.only_command(root, "epoch.busy"):
            public = self.keys.public()
            if public is None:
                raise Unavailable("fast_suite.keys", "the issuer has no keys of the fast suite: run rotate-signer")
            listed = self.listed(now=now)
            secret = Secret(bbs.keygen(entropy(SEED_BYTES)))
            heed_standings(store)
            ids = [one for page in standing_ids(store, now=now) for one in page]
            epoch = plan_epoch(
                public.url,
                token_public_key(secret),
                len(ids),
                now=now,
                length=length,
                ends_earlier=ends_earlier,
            )
            if any(one.name >= epoch.name for one in listed):
                raise Conflict("epoch.now", "an epoch began in this second already: wait for the next")
            started = stopwatch()
            work = workshop.buckets(secret, shares(ids, epoch, most=SHARE_IDS))
            files = self._write(root, epoch, work, lambda done: progress(done, len(ids)), expected=len(ids))
            seconds = stopwatch() - started
            compact = sign_epoch(epoch, signer=self.keys.epoch_signer())
            kept = [sign_epoch(one, signer=self.keys.epoch_signer()) for one in listed[: KEPT - 1]]
            file.replace_file(root / LIST, encode_list([compact, *kept]))
            self._tidy(root, {epoch.name, *(one.name for one in listed[: KEPT - 1])})
            return Published(epoch, len(ids), files, seconds, workshop.workers)

    def listed(self, *, now: datetime) -> tuple[Epoch, ...]:
        """The epochs that are published, the newest first."""
        public = self.keys.public()
        try:
            data = (self.folder / FOLDER / LIST).read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise Unavailable("epoch.list", f"{FOLDER}/{LIST} cannot be read: {error.strerror}") from error
        if public is None:
            return ()
        return tuple(
            verify_epoch(one, signer=public.epoch_signer, expected_issuer=public.url, now=now)
            for one in parse_list(data)
        )

    @staticmethod
    def _write(
        root: Path, epoch: Epoch, work: Iterator[Made], progress: Callable[[int], None], *, expected: int
    ) -> int:
        """All buckets, under the epoch's name; how many files."""
        beside = root / f".{epoch.name}"
        shutil.rmtree(beside, ignore_errors=True)
        files = done = 0
        try:
            beside.mkdir()
            for share, buckets in work:
                for number, data in buckets:
                    (beside / f"{number:06x}").write_bytes(data)
                files += len(buckets)
                done += share.count
                progress(done)
            if (files, done) != (1 << epoch.bits, expected):
                raise FormatError("epoch.incomplete", "not every bucket was made: nothing is published")
            os.sync()
            beside.rename(root / epoch.name)
        except OSError as error:
            raise Unavailable("epoch.write", f"the epoch cannot be written: {error.strerror}") from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return files

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
