"""The verifier's look at an issuer's epochs over HTTP: asked for now and then, believed by signature alone.

What was learned is kept for ten seconds, and longer only where the issuer does not answer: each epoch says itself until
when it counts. So an issuer that is down revokes nobody, and keeps nobody from proving that they were not revoked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diptych.adapters.http.lines import JSON, MAX_METADATA_BYTES, HttpLine
from diptych.errors import DiptychError, Unavailable
from diptych.formats.bbs_credential.epoch import LIST_PATH, Epoch, accepted, parse_list, verify_epoch
from diptych.formats.bbs_credential.trust import FastSuiteTrust
from diptych.roles.wallet.ports import Answer

KEPT_FOR = timedelta(seconds=10)
OK = 200


@dataclass
class HttpEpochs:
    """`Epochs` of whatever issuer the trust names. `get` stands in for the network in tests."""

    get: Callable[[str], Answer] = field(
        default=lambda url: HttpLine().get(url, accept=JSON, max_bytes=MAX_METADATA_BYTES)
    )
    _known: dict[str, tuple[datetime, tuple[Epoch, ...]]] = field(default_factory=dict)

    def accepted(self, trust: FastSuiteTrust, *, now: datetime) -> Sequence[Epoch]:
        asked_at, known = self._known.get(trust.url, (None, ()))
        if asked_at is None or not asked_at <= now < asked_at + KEPT_FOR:
            try:
                known = self._ask(trust, now)
            except DiptychError as error:
                if not accepted(known, now=now):
                    raise Unavailable(
                        "epoch.unknown", "the issuer does not say which epochs are accepted: try again later"
                    ) from error
            else:
                self._known[trust.url] = (now, known)
        return accepted(known, now=now)

    def _ask(self, trust: FastSuiteTrust, now: datetime) -> tuple[Epoch, ...]:
        answer = self.get(trust.url + LIST_PATH)
        if answer.status != OK:
            raise Unavailable("epoch.unknown", "the issuer does not say which epochs there are")
        return tuple(
            verify_epoch(compact, signer=trust.epoch_signer, expected_issuer=trust.url, now=now)
            for compact in parse_list(answer.body)
        )
