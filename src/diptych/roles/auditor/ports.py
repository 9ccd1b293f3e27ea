"""What an attesting auditor needs from outside: the log, its files' history, the registry, and a place to remember."""

from typing import Protocol

from diptych.protocols.certifying.standing import AttestationNews
from diptych.roles.auditor.model import Waiting


class History(Protocol):
    """The log's public past."""

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        """The proof (RFC 6962) that the log's first `new` entries go on from its first `old`."""
        ...


class RegistryLine(Protocol):
    """The registry, which shows attestations on to every trustee."""

    def send(self, path: str, body: bytes | None) -> bytes:
        """What it answers to a body, or to a question without one; nothing where nothing is there.

        A refusal is raised by the name that it gives; `Unavailable` where nobody answers.
        """
        ...


class AttestationBook(Protocol):
    """What the auditor remembers: the attestation that is under way, and the last one that is public."""

    def waiting(self) -> Waiting | None:
        """Signed, and not yet known to be with the registry."""
        ...

    def keep(self, waiting: Waiting) -> None:
        """Durable on return: from now on this one is made public, and no other in its place."""
        ...

    def last(self) -> AttestationNews | None:
        """The last one that the log shows."""
        ...

    def finish(self, news: AttestationNews) -> None:
        """The registry has it: nothing waits any more. Twice is once."""
        ...
