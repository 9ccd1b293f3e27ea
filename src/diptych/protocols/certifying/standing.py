"""What a holder keeps of those who may act, and how it takes news of them: officers, revocations, attestations.

A holder is whoever keeps a part of record keys: a trustee, or the agency's key service. Each message is applied within
one transaction of its memory, which the caller opens. Sent again, it changes nothing (docs/spec/trustee-api.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError, Unavailable
from diptych.formats import cbor
from diptych.formats.cbor import as_bytes
from diptych.formats.cose.statement import UnverifiedStatement, as_members
from diptych.formats.mandate.attestation import AUDIT_ATTESTATION, AuditAttestation
from diptych.formats.mandate.officer import (
    OFFICER_CERTIFICATE,
    OFFICER_REVOCATION,
    OfficerCertificate,
    OfficerRevocation,
)
from diptych.formats.mandate.trustee_set import TRUSTEE_SET, TrusteeSet
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.shown_act import ShownAct, VerifiedShownAct, shown_act_from_cbor, verify_shown_act
from diptych.protocols.certifying.audits import accept_attestation
from diptych.protocols.certifying.officers import HonouredOfficer, honour_officer, revoke_officer


class Standing(Protocol):
    """The part of a holder's memory, inside one transaction, that says who may act and what time it is."""

    def kept_checkpoint(self) -> KeptCheckpoint | None:
        """The last checkpoint accepted, and the log's time."""
        ...

    def keep_checkpoint(self, kept: KeptCheckpoint) -> None:
        """Replace it."""
        ...

    def officer(self, fingerprint: bytes) -> HonouredOfficer | None:
        """The officer with this key, if its certificate was shown."""
        ...

    def save_officer(self, officer: HonouredOfficer) -> None:
        """Insert or replace the officer with its key."""
        ...

    def revocation(self, fingerprint: bytes) -> OfficerRevocation | None:
        """The end of this key, if it was revoked."""
        ...

    def save_revocation(self, revocation: OfficerRevocation) -> None:
        """Keep it for ever. Twice is once."""
        ...

    def attestation(self) -> AuditAttestation | None:
        """The attestation that stands longest of those shown."""
        ...

    def save_attestation(self, attestation: AuditAttestation) -> None:
        """Replace it."""
        ...


@dataclass(frozen=True)
class Trusted:
    """Whom a holder believes, by its own configuration and nobody's message."""

    log_policy: Policy
    agency_key: PublicKey = field(repr=False)
    auditors: Mapping[bytes, PublicKey] = field(repr=False)


def see(standing: Standing, shown: ShownAct, trusted: Trusted) -> VerifiedShownAct:
    """The act that was shown, verified; its checkpoint is the one kept from now on."""
    verified = verify_shown_act(shown, policy=trusted.log_policy, kept=standing.kept_checkpoint())
    standing.keep_checkpoint(verified.kept)
    return verified


def log_time(standing: Standing) -> datetime:
    """The log's time; `Unavailable` before any checkpoint was accepted."""
    kept = standing.kept_checkpoint()
    if kept is None:
        raise Unavailable("holder.no_checkpoint", "no checkpoint of the log was accepted here yet: show an act first")
    return kept.time


@dataclass(frozen=True)
class OfficerNews:
    """A certificate, and the act that published it."""

    certificate: UnverifiedStatement[OfficerCertificate]
    shown: ShownAct

    def encode(self) -> bytes:
        """The exact inverse of `parse_officer_news`."""
        return cbor.encode({"certificate": self.certificate.encode(), "shown": self.shown.to_cbor()})


@dataclass(frozen=True)
class AttestationNews:
    """An attestation, and the act that published it."""

    attestation: UnverifiedStatement[AuditAttestation]
    shown: ShownAct

    def encode(self) -> bytes:
        """The exact inverse of `parse_attestation_news`."""
        return cbor.encode({"attestation": self.attestation.encode(), "shown": self.shown.to_cbor()})


@dataclass(frozen=True)
class TrusteeSetNews:
    """A trustee set, and the act that published it."""

    trustee_set: UnverifiedStatement[TrusteeSet]
    shown: ShownAct

    def encode(self) -> bytes:
        """The exact inverse of `parse_trustee_set_news`."""
        return cbor.encode({"trustee_set": self.trustee_set.encode(), "shown": self.shown.to_cbor()})


def parse_officer_news(data: bytes) -> OfficerNews:
    """The body of `POST /officers`, or `FormatError`."""
    certificate, shown = as_members(cbor.decode(data), "officer_news", ("certificate", "shown"))
    return OfficerNews(OFFICER_CERTIFICATE.parse(as_bytes(certificate, "officer_news")), shown_act_from_cbor(shown))


def parse_attestation_news(data: bytes) -> AttestationNews:
    """The body of `POST /attestations`, or `FormatError`."""
    attestation, shown = as_members(cbor.decode(data), "attestation_news", ("attestation", "shown"))
    found = AttestationNews(
        AUDIT_ATTESTATION.parse(as_bytes(attestation, "attestation_news")), shown_act_from_cbor(shown)
    )
    if found.encode() != data:
        raise FormatError("attestation_news.canonical", "not the one encoding of this message")
    return found


def parse_trustee_set_news(data: bytes) -> TrusteeSetNews:
    """The body of `POST /trustee-sets`, or `FormatError`."""
    trustee_set, shown = as_members(cbor.decode(data), "trustee_set_news", ("trustee_set", "shown"))
    found = TrusteeSetNews(TRUSTEE_SET.parse(as_bytes(trustee_set, "trustee_set_news")), shown_act_from_cbor(shown))
    if found.encode() != data:
        raise FormatError("trustee_set_news.canonical", "not the one encoding of this message")
    return found


def take_officer(standing: Standing, news: OfficerNews, trusted: Trusted) -> HonouredOfficer:
    """Honour the officer, from the end of its waiting time on (`officers.honour_officer`)."""
    shown = see(standing, news.shown, trusted)
    officer = news.certificate.unverified.officer
    honoured = honour_officer(
        news.certificate,
        shown,
        agency_key=trusted.agency_key,
        known=standing.officer(officer),
        revocation=standing.revocation(officer),
    )
    standing.save_officer(honoured)
    return honoured


def take_revocation(standing: Standing, body: bytes, trusted: Trusted, *, now: datetime) -> OfficerRevocation:
    """End an officer's key, at once and for ever."""
    revocation = revoke_officer(OFFICER_REVOCATION.parse(body), agency_key=trusted.agency_key, now=now)
    standing.save_revocation(revocation)
    return revocation


def take_attestation(standing: Standing, news: AttestationNews, trusted: Trusted) -> AuditAttestation:
    """Let the attestation stand, unless one that is known stands longer (`audits.accept_attestation`)."""
    shown = see(standing, news.shown, trusted)
    accepted = accept_attestation(news.attestation, shown, auditors=trusted.auditors, latest=standing.attestation())
    standing.save_attestation(accepted)
    return accepted
