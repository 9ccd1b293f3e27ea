"""Whether a shown document still stands: status lists, fetched whole, kept as long as they say, never believed longer.

A list is fetched when it is first needed and from then on ahead of need, so that a fetch does not say when somebody
showed something. Its signature, its place and its time are checked at every look: trust may have changed since.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from diptych.errors import DiptychError, Unavailable, VerificationError
from diptych.formats.mdoc.status import verify_status_list
from diptych.formats.mdoc.trust import IssuerTrust
from diptych.formats.status_list.reference import StatusReference
from diptych.formats.status_list.token import UnverifiedStatusListToken, VerifiedStatusList

MAX_LISTS = 64
DEFAULT_TTL = timedelta(minutes=5)
LEAST_TTL, LONGEST_TTL = timedelta(seconds=10), timedelta(days=1)
"""No list is asked for more often than this, whatever it says, and none is left alone for longer."""
KEPT_UNUSED = timedelta(days=1)


class StatusSource(Protocol):
    """Where status lists are fetched."""

    def fetch(self, uri: str) -> UnverifiedStatusListToken:
        """The list at that address, whole, within bounds of size and time. A `DiptychError` if none is answered."""
        ...


@dataclass(frozen=True)
class _Kept:
    unverified: UnverifiedStatusListToken
    fetched_at: datetime
    used_at: datetime

    def is_stale(self, now: datetime) -> bool:
        ttl = self.unverified.unverified.ttl_seconds
        wanted = DEFAULT_TTL if ttl is None else timedelta(seconds=min(ttl, int(LONGEST_TTL.total_seconds())))
        return not self.fetched_at <= now < self.fetched_at + max(LEAST_TTL, wanted)


class StatusChecks:
    """The lists that this process has seen; a bounded number, gone with it. Threads may share it."""

    def __init__(self, source: StatusSource) -> None:
        self._source = source
        self._kept: dict[str, _Kept] = {}

    def check(self, reference: StatusReference, *, trust: IssuerTrust, now: datetime) -> None:
        """Raises unless the document at that index of that list stands.

        `Refused` "status.revoked" or "status.suspended"; `VerificationError` for a list that is not to be believed or
        does not reach that far; `Unavailable` "status.unavailable" where there is none now.
        """
        self._list_at(reference.uri, trust, now).check_stands(reference.index)

    def refresh(self, *, trust: IssuerTrust, now: datetime) -> None:
        """Fetch anew what is stale, and let go of what nobody needed for a day. Run it every minute."""
        for uri, kept in tuple(self._kept.items()):
            if kept.used_at + KEPT_UNUSED <= now:
                self._kept.pop(uri, None)
            elif kept.is_stale(now):
                try:
                    self._renew(uri, trust, now)
                except DiptychError:
                    continue  # whoever needs it says so, by name

    def _list_at(self, uri: str, trust: IssuerTrust, now: datetime) -> VerifiedStatusList:
        kept = self._kept.get(uri)
        if kept is not None:
            self._kept[uri] = replace(kept, used_at=now)
            if not kept.is_stale(now):
                return verify_status_list(kept.unverified, expected_uri=uri, trust=trust, now=now)
        try:
            return self._renew(uri, trust, now)
        except DiptychError as error:
            if kept is None:
                raise
            try:
                # The list that was signed for this time still speaks for it; past its `exp` it does not.
                return verify_status_list(kept.unverified, expected_uri=uri, trust=trust, now=now)
            except VerificationError:
                raise error from None

    def _renew(self, uri: str, trust: IssuerTrust, now: datetime) -> VerifiedStatusList:
        try:
            unverified = self._source.fetch(uri)
        except DiptychError as error:
            raise Unavailable(
                "status.unavailable", "whether the document still stands cannot be known now: try again later"
            ) from error
        found = verify_status_list(unverified, expected_uri=uri, trust=trust, now=now)
        former = self._kept.get(uri)
        if former is not None and found.token.issued_at < former.unverified.unverified.issued_at:
            raise VerificationError("status.rolled_back", "this status list is older than one that was seen before")
        if former is None and len(self._kept) >= MAX_LISTS:
            self._kept.pop(min(self._kept.items(), key=lambda one: one[1].used_at)[0], None)
        self._kept[uri] = _Kept(unverified, now, now if former is None else former.used_at)
        return found
