"""A change of the trustee set: what the agency proposes, and what a trustee says once a person there agreed to it.

A change replaces trustees, or none: then it refreshes the lookup keys alone. Which keys come of it is a key ceremony's
(`protocols/ceremony`); how a newcomer gets its shares of records is `recovery` (docs/spec/replacement.md, "Change").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diptych.crypto import hpke
from diptych.crypto.lookup_prf.ceremony import NONCE_BYTES
from diptych.crypto.lookup_prf.keys import PurposeKey
from diptych.crypto.signing import PublicKey, fingerprint
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import cbor
from diptych.formats.cbor import TDate, as_array, as_bytes, as_tdate, as_unsigned
from diptych.formats.cose.statement import VERSION, Kind, UnverifiedStatement, as_exactly, as_fingerprint, parse_payload
from diptych.formats.mandate.trustee_set import MIN_THRESHOLD, Trustee, TrusteeSet, as_trustee, check_indices

LIFETIME = timedelta(days=30)
"""How long a change can be carried out. Its secrets are destroyed at its end, or then."""

_CHECK = "change"
_MEMBERS = ("agency", "epoch", "previous", "threshold", "trustees", "spares", "nonce", "ends")


@dataclass(frozen=True)
class TrusteeChange:
    """The trustee set that is to follow the one whose digest is `previous`, but for the keys that are made for it."""

    agency: bytes
    epoch: int
    previous: bytes
    threshold: int
    trustees: tuple[Trustee, ...]
    spares: tuple[int, ...]
    nonce: bytes
    ends: datetime

    @property
    def signer(self) -> bytes:
        return self.agency

    def encode(self) -> bytes:
        """The exact inverse of `parse_trustee_change`."""
        return cbor.encode(
            {
                "version": VERSION,
                "agency": self.agency,
                "epoch": self.epoch,
                "previous": self.previous,
                "threshold": self.threshold,
                "trustees": [trustee.to_cbor() for trustee in self.trustees],
                "spares": list(self.spares),
                "nonce": self.nonce,
                "ends": TDate.of(self.ends),
            }
        )

    def place(self, index: int) -> Trustee:
        """The trustee at that index; `FormatError` where there is none."""
        for trustee in self.trustees:
            if trustee.index == index:
                return trustee
        raise FormatError("change.index", "no trustee of the set to come has that index")

    def becomes(self, current: TrusteeSet, purposes: tuple[PurposeKey, ...]) -> TrusteeSet:
        """The set to come, with the keys that were made for it. The agency's own keys stay."""
        return TrusteeSet(
            self.agency,
            self.epoch,
            self.threshold,
            self.trustees,
            self.spares,
            current.agency_key,
            current.agency_signer,
            purposes,
        )


@dataclass(frozen=True)
class ChangeKey:
    """A trustee agrees to a change (by its digest), and has an HPKE key for it alone."""

    trustee: bytes
    change: bytes
    key: bytes = field(repr=False)

    @property
    def signer(self) -> bytes:
        return self.trustee

    def encode(self) -> bytes:
        """The exact inverse of `parse_change_key`."""
        return cbor.encode({"version": VERSION, "trustee": self.trustee, "change": self.change, "key": self.key})


@dataclass(frozen=True)
class ChangeOver:
    """The agency says that nothing of a change is left to do: its keys and seeds can go."""

    agency: bytes
    change: bytes

    @property
    def signer(self) -> bytes:
        return self.agency

    def encode(self) -> bytes:
        """The exact inverse of `parse_change_over`."""
        return cbor.encode({"version": VERSION, "agency": self.agency, "change": self.change})


def next_change(
    current: TrusteeSet,
    *,
    previous: bytes,
    newcomers: Mapping[int, Trustee],
    nonce: bytes,
    ends: datetime,
) -> TrusteeChange:
    """The change in which each newcomer takes the place of the trustee at the index that it stands under here.

    Newcomers get the lowest spare indices, whatever index they bring. `Refused` "change.spares" where none is left.
    """
    if not set(newcomers) <= {trustee.index for trustee in current.trustees}:
        raise FormatError("change.index", "nobody of the trustee set has that index")
    if len(newcomers) > len(current.spares):
        raise Refused("change.spares", "no spare share is left: records have to be sealed anew to other trustees")
    taken, spares = current.spares[: len(newcomers)], current.spares[len(newcomers) :]
    staying = [trustee for trustee in current.trustees if trustee.index not in newcomers]
    coming = [
        Trustee(index, newcomer.name, newcomer.url, newcomer.signer, newcomer.recipient)
        for index, newcomer in zip(taken, newcomers.values(), strict=True)
    ]
    everyone = tuple(sorted((*staying, *coming), key=lambda trustee: trustee.index))
    change = TrusteeChange(
        current.agency, current.epoch + 1, previous, current.threshold, everyone, spares, nonce, ends
    )
    check_follows(change, current, previous=previous)
    return change


def check_follows(change: TrusteeChange, current: TrusteeSet, *, previous: bytes) -> None:
    """Raises unless the change leaves this set as it is but for newcomers at spare indices, who are nobody of it:

    1. it follows this very set, with its threshold and as many trustees;
    2. whoever stays has the place and the keys that it had;
    3. newcomers take spare indices, with keys that nobody of the set has; what is spare was spare;
    4. at least k stay: fewer could not make the keys and shares of the others.
    """
    # 1.
    if (change.epoch, change.previous) != (current.epoch + 1, previous):
        raise VerificationError("change.previous", "the change follows another trustee set than the one known here")
    if (change.agency, change.threshold, len(change.trustees)) != (
        current.agency,
        current.threshold,
        len(current.trustees),
    ):
        raise VerificationError("change.threshold", "the change is of another agency, threshold or number of trustees")
    # 2.
    before = {trustee.index: trustee for trustee in current.trustees}
    staying = [trustee for trustee in change.trustees if trustee.index in before]
    if any(trustee != before[trustee.index] for trustee in staying):
        raise VerificationError("change.trustees", "a trustee that stays has another name, place or key")
    # 3.
    newcomers = [trustee for trustee in change.trustees if trustee.index not in before]
    if not {trustee.index for trustee in newcomers} <= set(current.spares) or not set(change.spares) <= set(
        current.spares
    ):
        raise VerificationError("change.spares", "a newcomer takes an index that is not spare")
    known = {fingerprint(trustee.signer) for trustee in current.trustees}
    if known & {fingerprint(trustee.signer) for trustee in newcomers}:
        raise VerificationError("change.trustees", "a newcomer has the key of a trustee: it would have two shares")
    # 4.
    if len(staying) < current.threshold:
        raise Refused("change.staying", f"at least {current.threshold} trustees have to stay")


def leaving(change: TrusteeChange, current: TrusteeSet) -> tuple[Trustee, ...]:
    """Who is of the present set and not of the one to come."""
    indices = {trustee.index for trustee in change.trustees}
    return tuple(trustee for trustee in current.trustees if trustee.index not in indices)


def coming(change: TrusteeChange, current: TrusteeSet) -> tuple[Trustee, ...]:
    """Who is of the set to come and not of the present one."""
    indices = {trustee.index for trustee in current.trustees}
    return tuple(trustee for trustee in change.trustees if trustee.index not in indices)


def verify_change_key(
    key: UnverifiedStatement[ChangeKey], *, trustee_key: PublicKey, expected_change: bytes, now: datetime
) -> ChangeKey:
    """The key, if this trustee signed it for this change."""
    verified = CHANGE_KEY.verify(key, trustee_key, now=now)
    if verified.content.change != expected_change:
        raise VerificationError("change_key.change", "this key is for another change")
    return verified.content


def parse_trustee_change(payload: bytes) -> TrusteeChange:
    """The change in a payload, or `FormatError`. Whether it follows a set is `check_follows`'."""
    agency, epoch, previous, threshold, trustees, spares, nonce, ends = parse_payload(payload, _CHECK, _MEMBERS)
    found = TrusteeChange(
        as_fingerprint(agency, _CHECK),
        as_unsigned(epoch, _CHECK),
        as_fingerprint(previous, _CHECK),
        as_unsigned(threshold, _CHECK),
        tuple(as_trustee(value) for value in as_array(trustees, _CHECK)),
        tuple(as_unsigned(value, _CHECK) for value in as_array(spares, _CHECK)),
        as_exactly(nonce, NONCE_BYTES, _CHECK),
        as_tdate(ends, _CHECK),
    )
    check_indices([trustee.index for trustee in found.trustees], found.spares)
    if found.threshold < MIN_THRESHOLD or len(found.trustees) < 2 * found.threshold - 1:
        raise FormatError("change.threshold", "a set has k of at least 2, and n of at least 2k - 1")
    signers = {fingerprint(trustee.signer) for trustee in found.trustees}
    recipients = {trustee.key_id for trustee in found.trustees}
    if len(signers) != len(found.trustees) or len(recipients) != len(found.trustees):
        raise FormatError("change.trustees", "two trustees have one key: they would be one trustee")
    return found


def parse_change_key(payload: bytes) -> ChangeKey:
    """The key in a payload, or `FormatError`."""
    check = "change_key"
    trustee, change, key = parse_payload(payload, check, ("trustee", "change", "key"))
    public_key = as_bytes(key, check)
    hpke.check_public_key(public_key)
    if public_key[0] != hpke.HYBRID:
        raise FormatError("change_key.suite", f"a key for one change is of suite {hpke.HYBRID}")
    return ChangeKey(as_fingerprint(trustee, check), as_fingerprint(change, check), public_key)


def parse_change_over(payload: bytes) -> ChangeOver:
    """The end in a payload, or `FormatError`."""
    agency, change = parse_payload(payload, "change_over", ("agency", "change"))
    return ChangeOver(as_fingerprint(agency, "change_over"), as_fingerprint(change, "change_over"))


TRUSTEE_CHANGE = Kind("diptych trustee change 1", parse_trustee_change, max_bytes=1024 * 1024)
CHANGE_KEY = Kind("diptych change key 1", parse_change_key)
CHANGE_OVER = Kind("diptych change over 1", parse_change_over)
