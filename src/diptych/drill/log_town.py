"""A public log under three witnesses, two of whom must sign: real databases and files, and an operator one can be.

Everything is called in this process; each party still has a database of its own. A witness can be made to lie, to be
silent, or to forget.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from diptych.adapters.storage.log import DatabaseLogStore, open_log_store
from diptych.adapters.storage.witness import DatabaseWitnessStore, open_witness_store
from diptych.adapters.tile_folder import TileFolder
from diptych.crypto.log_signing import SeedSigner
from diptych.formats.tlog.cosignature import CheckpointSigner
from diptych.formats.tlog.entry import ActorClass, ActType, Entry
from diptych.formats.tlog.note import SignatureType
from diptych.formats.tlog.policy import Keyholder, Policy, require_both
from diptych.private import Secret
from diptych.protocols.witnessing.add_checkpoint import Answer, checkpoint_path
from diptych.roles.log.fakes import AskWitness, CalledWitnesses, ShowLatest
from diptych.roles.log.service import Log
from diptych.roles.witness.model import FollowedLog
from diptych.roles.witness.service import Witness

ORIGIN = "log.drill.example/acts"
SEED_BYTES = 32
URLS = tuple(f"https://witness-{number}.example" for number in range(3))


def _signers(name: str, *types: SignatureType) -> tuple[CheckpointSigner, ...]:
    return tuple(
        CheckpointSigner(name, one, SeedSigner(one.algorithm, Secret(os.urandom(SEED_BYTES)))) for one in types
    )


@dataclass
class LogTown:
    """The log's operator has `folder`; the witnesses have theirs. `behaviour` says what a witness does instead."""

    folder: Path
    now: datetime
    threshold: int = 2
    forgetful: bool = False
    """Whether witnesses lose their memory before each question."""
    liars: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    """Witnesses that the log has reported to its operator."""
    named_at: float = 0.0
    """When it last reported one, by the clock that only runs forward."""
    heard: set[str] = field(default_factory=set)
    """Witnesses that have lied to it; who is not needed for the quorum is not listened to."""
    _open: list[DatabaseLogStore | DatabaseWitnessStore] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.signers = _signers(ORIGIN, SignatureType.ED25519, SignatureType.ML_DSA_44_COSIGNATURE)
        both = (SignatureType.ED25519_COSIGNATURE, SignatureType.ML_DSA_44_COSIGNATURE)
        self._witness_signers = {url: _signers(f"{url.removeprefix('https://')}/w", *both) for url in URLS}
        self._stores: dict[str, DatabaseWitnessStore] = {}
        for number, url in enumerate(URLS):
            place = self.folder / f"witness-{number}"
            place.mkdir(parents=True)
            self._stores[url] = open_witness_store(place / "witness.db")
            self._open.append(self._stores[url])
        self.policy: Policy = require_both(
            log=Keyholder("log", self.signers[0].verifier_key, self.signers[1].verifier_key),
            witnesses=[
                Keyholder(f"w{number}", keys[0].verifier_key, keys[1].verifier_key, url)
                for number, (url, keys) in enumerate(self._witness_signers.items())
            ],
            threshold=self.threshold,
        )

    def log(self, name: str, *, asks_witnesses: bool = True) -> Log:
        """The log whose database and files lie in `name`. A dishonest operator's does not ask what was seen."""
        place = self.folder / name
        place.mkdir(exist_ok=True)
        store = open_log_store(place / "log.db")
        self._open.append(store)
        return Log(
            signers=self.signers,
            policy=self.policy,
            store=store,
            files=TileFolder(place / "public"),
            witnesses=CalledWitnesses(
                {url: self._asked(url) for url in URLS},
                {url: self._shown(url) if asks_witnesses else _nothing for url in URLS},
                self.silent,
            ),
            on_witness=lambda url, check: self._name(url),
        )

    def copy(self, name: str, to: str) -> None:
        """The operator's folder as it is now, as a backup would have it."""
        shutil.copytree(self.folder / name, self.folder / to)

    def act(self, words: str, act_type: ActType = ActType.ISSUED) -> bytes:
        """An act that commits to these words."""
        digest = hashlib.sha256(words.encode()).digest()
        return Entry(act_type, self.now.date(), ActorClass.ISSUER, digest, digest, self.policy.digest).encode()

    def later(self) -> datetime:
        """A second from the last time."""
        self.now += timedelta(seconds=1)
        return self.now

    def close(self) -> None:
        """Let go of every database."""
        for store in self._open:
            store.close()

    def _name(self, url: str) -> None:
        self.named.add(url)
        self.named_at = time.monotonic()

    def _asked(self, url: str) -> AskWitness:
        def ask(body: bytes) -> Answer | None:
            if url in self.liars:
                self.heard.add(url)
                return Answer(200, "text/plain", b"\xe2\x80\x94 somebody else AAAAAAAAAAAAAAAA\n")
            if self.forgetful:
                return self._witness(url, self._empty()).add_checkpoint(body, now=self.now)
            return self._witness(url, self._stores[url]).add_checkpoint(body, now=self.now)

        return ask

    def _empty(self) -> DatabaseWitnessStore:
        store = open_witness_store(self.folder / f"forgotten-{len(self._open)}.db")
        self._open.append(store)
        return store

    def _shown(self, url: str) -> ShowLatest:
        return lambda origin: self._witness(url, self._stores[url]).checkpoint(checkpoint_path(origin))

    def _witness(self, url: str, store: DatabaseWitnessStore) -> Witness:
        keys = tuple(signer.verifier_key for signer in self.signers)
        return Witness(signers=self._witness_signers[url], logs=[FollowedLog(ORIGIN, keys)], store=store)


def _nothing(origin: str) -> bytes | None:
    return None


@contextmanager
def log_town(folder: Path, now: datetime, *, threshold: int = 2, forgetful: bool = False) -> Iterator[LogTown]:
    """A log and its witnesses, in an own folder that stays."""
    town = LogTown(folder, now, threshold, forgetful)
    try:
        yield town
    finally:
        town.close()
