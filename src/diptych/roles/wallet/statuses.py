"""How the wallet's own documents stand: the lists that they name, fetched whole, so that nobody learns which one it is.

The issuer sees that somebody fetched a list of a million places. Nothing is kept: a wallet looks when its owner does.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from diptych.errors import DiptychError, FormatError, Refused
from diptych.formats.mdoc import mso
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.status import verify_status_list
from diptych.formats.mdoc.trust import IssuerTrust, parse_trust
from diptych.formats.status_list.reference import StatusClaim
from diptych.formats.status_list.token import UnverifiedStatusListToken, VerifiedStatusList
from diptych.roles.wallet.contents import Contents


class DocumentStatus(StrEnum):
    """How a document stands. Unknown: there is no list to be believed now, and verifiers will refuse it as well."""

    STANDS = "stands"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class StatusSource(Protocol):
    """Where status lists are fetched."""

    def fetch(self, uri: str) -> UnverifiedStatusListToken:
        """The list at that address, whole, within bounds of size and time. A `DiptychError` if none is answered."""
        ...


def document_statuses(
    contents: Contents, source: StatusSource | None, *, now: datetime
) -> Mapping[str, DocumentStatus]:
    """By document id, for those that name a status list. Every list is fetched once, whatever it is needed for."""
    claims = {document.id: _claims(contents, document.id) for document in contents.documents()}
    listed = {name: found for name, found in claims.items() if found}
    uris = sorted({claim.reference.uri for found in listed.values() for claim in found if claim.reference is not None})
    trust = parse_trust(contents.trust().issuers) if uris else None
    lists = {uri: _list(source, uri, trust, now) for uri in uris if trust is not None}
    return {name: _status(found, lists) for name, found in listed.items()}


def _claims(contents: Contents, document_id: str) -> list[StatusClaim]:
    """The status of each copy that was not shown yet: those are what the document is worth."""
    found: list[StatusClaim] = []
    for copy in contents.copies(document_id):
        payload = parse_issuer_signed(copy.issuer_signed.reveal()).issuer_auth.unverified_payload
        if payload is None:
            raise FormatError("wallet.record", "a copy has no signed object")  # it was verified when it came
        status = mso.parse(payload).status
        if status is not None and not copy.is_spent:
            found.append(status)
    return found


def _list(source: StatusSource | None, uri: str, trust: IssuerTrust, now: datetime) -> VerifiedStatusList | None:
    if source is None:
        return None
    try:
        return verify_status_list(source.fetch(uri), expected_uri=uri, trust=trust, now=now)
    except DiptychError:
        return None


def _status(claims: list[StatusClaim], lists: Mapping[str, VerifiedStatusList | None]) -> DocumentStatus:
    """Copies flip together; where they do not, the worst is said."""
    said: set[DocumentStatus] = set()
    for claim in claims:
        found = None if claim.reference is None else lists[claim.reference.uri]
        if found is None or claim.reference is None:
            said.add(DocumentStatus.UNKNOWN)
            continue
        try:
            found.check_stands(claim.reference.index)
            said.add(DocumentStatus.STANDS)
        except Refused as error:
            said.add(_SAID.get(error.check, DocumentStatus.UNKNOWN))
        except DiptychError:
            said.add(DocumentStatus.UNKNOWN)
    order = (DocumentStatus.REVOKED, DocumentStatus.SUSPENDED, DocumentStatus.UNKNOWN, DocumentStatus.STANDS)
    return next(status for status in order if status in said)


_SAID = {"status.revoked": DocumentStatus.REVOKED, "status.suspended": DocumentStatus.SUSPENDED}
