"""Relying parties: an honest one, and those who keep whatever they receive.

Each is the verifier's own code over an own database, called in this process. A collecting one opens the answer with the
key of its own request, keeps it, and says thank you: it need not verify what it only wants to have.
"""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from diptych.adapters import verifier_folder
from diptych.adapters.http.status_lists import HttpStatusLists
from diptych.adapters.in_process import InProcessVerifier
from diptych.adapters.provers.verifier_pool import VerifierPool
from diptych.adapters.storage.verifier import open_verifier_store
from diptych.formats import base64url
from diptych.formats.jose import jwk
from diptych.protocols.openid4vp import response
from diptych.roles.verifier.policy import Policy
from diptych.roles.verifier.service import Verifier
from diptych.roles.verifier.statuses import StatusChecks
from diptych.roles.wallet.ports import Answer

JSON = "application/json"


def now() -> datetime:
    """Now."""
    return datetime.now(UTC)


@dataclass
class Bank:
    """A relying party with the identity in `folder`, at `url`; `policies` are what it asks, registered or not."""

    folder: Path
    url: str
    database: Path
    policies: Mapping[str, Policy] | None = None
    received: list[bytes] = field(default_factory=list, repr=False)
    """Every presentation that a collecting one has got."""

    def __post_init__(self) -> None:
        opened = verifier_folder.open_folder(self.folder, now=now())
        self.store = open_verifier_store(self.database)
        self._pool = VerifierPool(workers=1)
        self.verifier = Verifier(
            url=self.url,
            party=opened.party,
            policies=self.policies or opened.policies,
            trust=opened.trust,
            store=self.store,
            proofs=self._pool,
            entropy=os.urandom,
            stopwatch=time.monotonic,
            statuses=StatusChecks(HttpStatusLists()),
        )
        self.honest = InProcessVerifier(self.verifier, now)

    def close(self) -> None:
        """Let go of everything."""
        with suppress(Exception):
            self._pool.close()
        self.store.close()

    def fetch_request(self, url: str, form: bytes) -> Answer:
        """`VerifierLine` of a collecting one."""
        return self.honest.fetch_request(url, form)

    def send_response(self, url: str, form: bytes) -> Answer:
        """Opens the answer and keeps it."""
        presentation = self.store.presentation(url.rpartition("/")[2])
        posted = response.parse_body(form)
        if presentation is not None and presentation.session is not None:
            session = presentation.session
            if isinstance(posted, response.EncryptedResponse):
                opened = response.open_response(
                    posted,
                    session.key.private_key(),
                    expected_kid=base64url.encode(jwk.thumbprint(session.key.public_key)),
                    expected_state=session.state,
                    now=now(),
                )
                self.received += [one for found in opened.presentations.values() for one in found]
        return Answer(200, JSON, response.encode_receipt(None))
