"""Status lists as the issuer keeps them: random indices for copies, and versions published at fixed times.

Every version is signed whether anything changed or not, at most one each `every`: all that was said in between flips
together, and nobody sees when it was said. What may be said, and by whom, is left to `standings`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.errors import Unavailable, VerificationError
from diptych.formats.mdoc.trust import STATUS_LISTS
from diptych.formats.status_list import lists, token
from diptych.formats.status_list.reference import StatusReference
from diptych.formats.status_list.token import CWT_MEDIA_TYPE, StatusListToken
from diptych.roles.issuer.ports import DocumentSigner, DocumentSigners
from diptych.roles.issuer.status_model import (
    FULL_AT,
    LIST_SIZE,
    Publication,
    PublishedList,
    StatusEntry,
)
from diptych.roles.issuer.status_ports import StatusBook

LISTS_PATH = "/status-lists"
TRIES = 256


@dataclass(frozen=True)
class StatusLists:
    """The lists of the issuer at `url`."""

    url: str
    signers: DocumentSigners
    publication: Publication = field(default_factory=Publication)

    def references(
        self, book: StatusBook, order_id: bytes, count: int, expires_at: datetime, *, now: datetime, entropy: Entropy
    ) -> tuple[StatusReference, ...]:
        """An index for each of `count` copies: random, unlike any given before, and the order's from now on.

        Where there is no list yet, the first is published: a copy never names a list that cannot be read.
        """
        number = next(iter(reversed(book.numbers())), None)
        if number is None:
            book.hold()
            number = next(iter(reversed(book.numbers())), None) or self._open_list(book, 1, now=now)
        given: list[int] = []
        for _ in range(TRIES):
            if len(given) == count:
                break
            # In the order of their numbers: of two who draw the same ones, neither waits for the other in a circle.
            for index in sorted({_draw(entropy) for _ in range(count - len(given))}):
                if book.assign(StatusEntry(number, index, order_id, expires_at)):
                    given.append(index)
        if len(given) < count:
            raise Unavailable("status.full", "no status index is free now: try again later")
        # Sorted numbers would tell which copies are neighbours: each copy gets one of them by chance.
        return tuple(StatusReference(index, self.uri(number)) for index in _shuffled(given, entropy))

    def publish(self, book: StatusBook, *, now: datetime) -> None:
        """A new version of every list, and a new list where the last is full enough. The caller holds the book."""
        signer = self.signers.signer_for(STATUS_LISTS)
        numbers = book.numbers()
        for number in numbers:
            book.publish(number, self._version(book, number, signer, now=now))
        if numbers and book.assigned(numbers[-1]) >= FULL_AT:
            self._open_list(book, numbers[-1] + 1, now=now)

    def is_due(self, book: StatusBook, *, now: datetime) -> bool:
        """Whether the time for the next version has come."""
        versions = [book.published(number) for number in book.numbers()]
        return any(one is None or not one.issued_at <= now < one.issued_at + self.publication.every for one in versions)

    def uri(self, number: int) -> str:
        """Where a list is, for as long as a document names it."""
        return f"{self.url}{LISTS_PATH}/{number}"

    def _open_list(self, book: StatusBook, number: int, *, now: datetime) -> int:
        book.publish(number, self._version(book, number, self.signers.signer_for(STATUS_LISTS), now=now))
        return number

    def _version(self, book: StatusBook, number: int, signer: DocumentSigner, *, now: datetime) -> PublishedList:
        issued_at = now.replace(microsecond=0)
        said = StatusListToken(
            uri=self.uri(number),
            issued_at=issued_at,
            status_list=lists.build(book.flipped(number), size=LIST_SIZE),
            expires_at=issued_at + self.publication.lifetime,
            ttl_seconds=max(1, int(self.publication.every.total_seconds())),
        )
        return PublishedList(
            token.sign_cwt(said, signer=signer.signer, chain=signer.chain),
            token.sign_jwt(said, signer=signer.signer, chain=signer.chain).encode("ascii"),
            issued_at,
        )


def served(book: StatusBook, number: int, *, media_type: str) -> bytes:
    """The present version of a list in one of its two forms; `VerificationError` "status.no_list" if there is none."""
    found = book.published(number)
    if found is None:
        raise VerificationError("status.no_list", "there is no such status list here")
    return found.cwt if media_type == CWT_MEDIA_TYPE else found.jwt


def _draw(entropy: Entropy) -> int:
    # LIST_SIZE divides 2^32: every index is equally likely.
    return int.from_bytes(entropy(4), "big") % LIST_SIZE


def _shuffled(numbers: Sequence[int], entropy: Entropy) -> list[int]:
    drawn = {number: entropy(16) for number in numbers}
    return sorted(numbers, key=lambda number: drawn[number])
