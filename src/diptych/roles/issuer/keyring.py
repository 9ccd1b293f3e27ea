"""The issuer's keys over their life: which one signs now, which ones are believed and until when, which one was lost.

    announced --its day comes--> signing --a successor's day comes--> retired --its last document expires--> gone
    announced, signing --its key is lost--> lost --its certificate expires--> gone

Certificates, dates, and where each private key lies; the keys themselves, and writing this down, are left to adapters.
"""

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum

from diptych.errors import FormatError
from diptych.formats import strict_json
from diptych.formats.mdoc.trust import IssuerTrust, LostSigner, encode_moment, parse_moment
from diptych.formats.strict_json import Json
from diptych.formats.x509 import certificate

VERSION = 1
MOST_DAYS = 3660


class Standing(StrEnum):
    """Where a signer stands in its life."""

    ANNOUNCED = "announced"
    SIGNING = "signing"
    RETIRED = "retired"
    LOST = "lost"


@dataclass(frozen=True)
class RootKey:
    """A root and where its private half lies; it certifies signers, and signs nothing else."""

    certificate: bytes
    key: str
    lost_at: datetime | None = None

    @property
    def fingerprint(self) -> bytes:
        return certificate.fingerprint(self.certificate)


@dataclass(frozen=True)
class SignerKey:
    """A document signer of one type. `key` is where its private half lies; None once it was destroyed."""

    type_id: str
    doc_type: str
    certificate: bytes
    root: bytes
    """The fingerprint of the root that it stands under."""
    key: str | None
    signs_from: datetime
    documents_live_days: int
    """How long a document of this type lived when the signer was made."""
    accepted_until: datetime | None = None
    """When the last document that it may have signed expires; None until it has a successor."""
    lost_at: datetime | None = None

    @property
    def fingerprint(self) -> bytes:
        return certificate.fingerprint(self.certificate)

    @property
    def expires_at(self) -> datetime:
        """When its certificate ends, and with it all that it signed."""
        return certificate.parse(self.certificate).not_valid_after_utc

    @property
    def rotate_before(self) -> datetime:
        """From here on its documents would outlive its certificate."""
        return self.expires_at - timedelta(days=self.documents_live_days)


@dataclass(frozen=True)
class Emergency:
    """A loss whose consequences are not all dealt with: `diptych issuer emergency` goes on with it."""

    lost_at: datetime
    type_ids: tuple[str, ...]
    signed_since: datetime
    """The day on which the first of the lost signers began to sign."""
    documents_live_days: int
    """How long the longest-lived of their documents lives that no refresh renews; 0 if a refresh renews them all."""

    def joined_by(self, other: "Emergency") -> "Emergency":
        """Both in one: a loss that was found while another was dealt with."""
        return Emergency(
            max(self.lost_at, other.lost_at),
            tuple(dict.fromkeys((*self.type_ids, *other.type_ids))),
            min(self.signed_since, other.signed_since),
            max(self.documents_live_days, other.documents_live_days),
        )


@dataclass(frozen=True)
class Keyring:
    """All keys of an issuer that anybody may still believe, oldest first, and those that were lost."""

    roots: tuple[RootKey, ...]
    signers: tuple[SignerKey, ...]
    emergency: Emergency | None = None

    @property
    def root(self) -> RootKey:
        """The one that certifies new signers."""
        return self.roots[-1]

    def signing(self, type_id: str, *, now: datetime) -> SignerKey | None:
        """The signer of new documents of this type: of those whose day has come, the latest."""
        found = [one for one in self._standing(type_id) if one.signs_from <= now]
        return found[-1] if found else None

    def standing(self, one: SignerKey, *, now: datetime) -> Standing:
        """Where this signer stands."""
        if one.lost_at is not None:
            return Standing.LOST
        if one.signs_from > now:
            return Standing.ANNOUNCED
        return Standing.SIGNING if one == self.signing(one.type_id, now=now) else Standing.RETIRED

    def with_signers(self, fresh: Sequence[SignerKey], *, live_days: Mapping[str, int]) -> "Keyring":
        """New signers in their places by date; whoever comes before one of them is believed for as long as it takes.

        `live_days` says how long a document of each type lives now.
        """
        signers = sorted((*self.signers, *fresh), key=lambda one: one.signs_from)
        changed: list[SignerKey] = []
        for position, one in enumerate(signers):
            successor = next(
                (later for later in signers[position + 1 :] if later.type_id == one.type_id and later.lost_at is None),
                None,
            )
            if one.lost_at is None and successor is not None and (successor in fresh or one in fresh):
                # Documents are signed "at" the day's start, and live whole days.
                days = max(one.documents_live_days, live_days[one.type_id])
                last_signed = datetime.combine(successor.signs_from.date(), time(), successor.signs_from.tzinfo)
                changed.append(replace(one, accepted_until=last_signed + timedelta(days=days)))
            else:
                changed.append(one)
        return replace(self, signers=tuple(changed))

    def with_root(self, fresh: RootKey) -> "Keyring":
        """A new root, which certifies from now on. Those before it are believed while a signer stands under them."""
        return replace(self, roots=(*self.roots, fresh))

    def without(self, type_ids: Collection[str], *, at: datetime, is_root_lost: bool, retired_too: bool) -> "Keyring":
        """The signers of these types are lost: each whose key has not been destroyed, or each (`retired_too`)."""
        signers = tuple(
            replace(one, lost_at=at, accepted_until=None)
            if one.lost_at is None and one.type_id in type_ids and (one.key is not None or retired_too)
            else one
            for one in self.signers
        )
        roots = tuple(replace(one, lost_at=one.lost_at or at) for one in self.roots) if is_root_lost else self.roots
        return replace(self, roots=roots, signers=signers)

    def idle_keys(self, *, now: datetime) -> tuple[SignerKey, ...]:
        """Signers that will never sign again and whose private keys are still somewhere."""
        idle = (Standing.RETIRED, Standing.LOST)
        return tuple(one for one in self.signers if one.key is not None and self.standing(one, now=now) in idle)

    def with_destroyed(self, gone: Collection[SignerKey]) -> "Keyring":
        """The private keys of these signers are no more."""
        return replace(self, signers=tuple(replace(one, key=None) if one in gone else one for one in self.signers))

    def pruned(self, *, now: datetime) -> "Keyring":
        """Without what nobody can believe any more, and roots under which nobody stands."""
        signers = tuple(
            one
            for one in self.signers
            if one.expires_at > now and (one.accepted_until is None or one.accepted_until > now)
        )
        under = {one.root for one in signers if one.lost_at is None}
        roots = tuple(one for one in self.roots if one is self.root or (one.fingerprint in under and not one.lost_at))
        return replace(self, roots=roots, signers=signers)

    def trust(self) -> IssuerTrust:
        """What wallets and verifiers take: who is believed, who until when, and who was lost."""
        signers: dict[str, tuple[bytes, ...]] = {}
        for one in self.signers:
            if one.lost_at is None:
                signers[one.doc_type] = (*signers.get(one.doc_type, ()), one.certificate)
        standing = [one for one in self.signers if one.lost_at is None]
        under = {one.root for one in standing}
        return IssuerTrust(
            signers=signers,
            roots=tuple(
                one.certificate
                for one in self.roots
                if one.lost_at is None and (one is self.root or one.fingerprint in under)
            ),
            retired={one.fingerprint: one.accepted_until for one in standing if one.accepted_until is not None},
            lost={one.fingerprint: LostSigner(one.doc_type, one.lost_at) for one in self.signers if one.lost_at},
        )

    def _standing(self, type_id: str) -> list[SignerKey]:
        return [one for one in self.signers if one.type_id == type_id and one.lost_at is None]


def encode(ring: Keyring) -> bytes:
    """The JSON that `parse` reads."""
    emergency = ring.emergency
    return strict_json.encode(
        {
            "version": VERSION,
            "roots": [
                {"certificate": _base64(one.certificate), "key": one.key, "lost_at": _moment(one.lost_at)}
                for one in ring.roots
            ],
            "signers": [
                {
                    "type": one.type_id,
                    "doc_type": one.doc_type,
                    "certificate": _base64(one.certificate),
                    "root": one.root.hex(),
                    "key": one.key,
                    "signs_from": _moment(one.signs_from),
                    "documents_live_days": one.documents_live_days,
                    "accepted_until": _moment(one.accepted_until),
                    "lost_at": _moment(one.lost_at),
                }
                for one in ring.signers
            ],
            "emergency": None
            if emergency is None
            else {
                "lost_at": _moment(emergency.lost_at),
                "types": list(emergency.type_ids),
                "signed_since": _moment(emergency.signed_since),
                "documents_live_days": emergency.documents_live_days,
            },
        }
    )


def parse(data: bytes) -> Keyring:
    """The keyring in `data`, or `FormatError`."""
    value = _members(strict_json.parse_object(data), {"version", "roots", "signers", "emergency"})
    if value["version"] != VERSION:
        raise FormatError("keyring.version", "the keyring was written by another release")
    roots = tuple(_root(one) for one in _list(value["roots"]))
    if not roots:
        raise FormatError("keyring.roots", "there is no root")
    emergency = None if value["emergency"] is None else _emergency(value["emergency"])
    return Keyring(roots, tuple(_signer(one) for one in _list(value["signers"])), emergency)


def _root(value: Json) -> RootKey:
    found = _members(value, {"certificate", "key", "lost_at"})
    return RootKey(_certificate(found["certificate"]), strict_json.text(found, "key"), _optional(found["lost_at"]))


def _signer(value: Json) -> SignerKey:
    names = {"type", "doc_type", "certificate", "root", "key", "signs_from", "documents_live_days"}
    found = _members(value, {*names, "accepted_until", "lost_at"})
    root = strict_json.text(found, "root")
    if len(root) != 64 or root.strip("0123456789abcdef"):
        raise FormatError("keyring.root", "a fingerprint is 64 hexadecimal digits in small letters")
    return SignerKey(
        type_id=strict_json.text(found, "type"),
        doc_type=strict_json.text(found, "doc_type"),
        certificate=_certificate(found["certificate"]),
        root=bytes.fromhex(root),
        key=None if found["key"] is None else strict_json.text(found, "key"),
        signs_from=parse_moment(found["signs_from"]),
        documents_live_days=_days(found),
        accepted_until=_optional(found["accepted_until"]),
        lost_at=_optional(found["lost_at"]),
    )


def _emergency(value: Json) -> Emergency:
    found = _members(value, {"lost_at", "types", "signed_since", "documents_live_days"})
    types = _list(found["types"])
    texts = tuple(one for one in types if isinstance(one, str))
    if len(texts) != len(types):
        raise FormatError("keyring.emergency", "types are named")
    return Emergency(parse_moment(found["lost_at"]), texts, parse_moment(found["signed_since"]), _days(found))


def _members(value: Json, names: set[str]) -> dict[str, Json]:
    if not isinstance(value, dict) or set(value) != names:
        raise FormatError("keyring", f"this part of the keyring has exactly {', '.join(sorted(names))}")
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise FormatError("keyring", "this part of the keyring is a list")
    return value


def _days(members: dict[str, Json]) -> int:
    days = strict_json.integer(members, "documents_live_days")
    if not 0 <= days <= MOST_DAYS:
        raise FormatError("keyring.days", f"documents live at most {MOST_DAYS} days")
    return days


def _optional(value: Json) -> datetime | None:
    return None if value is None else parse_moment(value)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else encode_moment(moment)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _certificate(value: Json) -> bytes:
    try:
        der = base64.b64decode(str(value).encode("ascii"), validate=True)
    except (ValueError, binascii.Error) as error:
        raise FormatError("keyring.certificate", "a certificate is DER in base64") from error
    certificate.parse(der)
    if _base64(der) != value:
        raise FormatError("keyring.certificate", "not the one encoding of this certificate")
    return der
