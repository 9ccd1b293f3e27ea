"""The verifier's look at an issuer's epochs over HTTP: asked for now and then, believed by signature and public log.

What was learned is kept for ten seconds, and longer only where the issuer or the log does not answer: each epoch says
itself until when it counts. So an issuer that is down revokes nobody, and keeps nobody from proving that they were not
revoked. An issuer that shows different people different keys is believed nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from diptych.adapters.http.lines import JSON, MAX_METADATA_BYTES, HttpLine
from diptych.errors import DiptychError, Unavailable, VerificationError
from diptych.formats.bbs_credential.epoch import LIST_PATH, Epoch, accepted, verify_list
from diptych.formats.bbs_credential.trust import FastSuiteTrust
from diptych.protocols.reading.epochs import EpochsInLog
from diptych.roles.wallet.ports import Answer

KEPT_FOR = timedelta(seconds=10)
OK = 200


@dataclass
class HttpEpochs:
    """`Epochs` of whatever issuer the trust names. `get` stands in for the network in tests.

    `log` is the public log that this verifier believes; without one an epoch's signature is enough.
    """

    get: Callable[[str], Answer] = field(
        default=lambda url: HttpLine().get(url, accept=JSON, max_bytes=MAX_METADATA_BYTES)
    )
    log: EpochsInLog | None = None
    _known: dict[str, tuple[datetime, tuple[Epoch, ...]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    """One thread reads the log at a time; the others then have what it learned."""

    def accepted(self, trust: FastSuiteTrust, *, now: datetime) -> Sequence[Epoch]:
        with self._lock:
            return accepted(self._current(trust, now), now=now)

    def _current(self, trust: FastSuiteTrust, now: datetime) -> tuple[Epoch, ...]:
        asked_at, known = self._known.get(trust.url, (None, ()))
        if asked_at is not None and asked_at <= now < asked_at + KEPT_FOR:
            return known
        try:
            known = self._ask(trust, now)
        except DiptychError as error:
            is_ours = error.check.startswith("epoch.")
            if is_ours and isinstance(error, VerificationError):
                # Not a key that everybody sees: whatever this issuer said before is not believed either.
                self._known.pop(trust.url, None)
                raise
            if not accepted(known, now=now):
                raise error if is_ours else _unknown() from error
        else:
            self._known[trust.url] = (now, known)
        return known

    def _ask(self, trust: FastSuiteTrust, now: datetime) -> tuple[Epoch, ...]:
        answer = self.get(trust.url + LIST_PATH)
        if answer.status != OK:
            raise Unavailable("epoch.unknown", "the issuer does not say which epochs there are")
        listed = verify_list(answer.body, signer=trust.epoch_signer, expected_issuer=trust.url, now=now)
        if self.log is not None:
            self.log.check(listed)
        return tuple(one.epoch for one in listed)


def _unknown() -> Unavailable:
    return Unavailable("epoch.unknown", "the issuer does not say which epochs are accepted: try again later")
