"""A trustee's use-cases, one for each message it takes (docs/spec/trustee-api.md): bytes in, bytes out.

What is decided stands in `protocols`, what is kept in `deposits`, `lookups`, `openings`. Who sent a message is
nobody's business: each is authenticated by itself. The clock and randomness are arguments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import Recipient
from diptych.crypto.signing import PublicKey, Signer, encode_public_key
from diptych.formats import base64url, strict_json
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.protocols.ceremony.channel import parse_channel
from diptych.protocols.certifying.standing import (
    Trusted,
    parse_attestation_news,
    parse_officer_news,
    parse_trustee_set_news,
    take_attestation,
    take_officer,
    take_revocation,
)
from diptych.protocols.depositing.confirmation import parse_confirmation
from diptych.protocols.depositing.deposit import DEPOSIT
from diptych.protocols.depositing.erasure import ERASURE_ORDER
from diptych.protocols.depositing.prekey import PREKEY_REQUEST
from diptych.protocols.lookup.decision import LookupPolicy
from diptych.protocols.lookup.request import LOOKUP_REQUEST
from diptych.protocols.opening.disclosure import parse_disclosure
from diptych.protocols.opening.holding import Holder, Review, Reviewed
from diptych.protocols.opening.policy import HolderPolicy
from diptych.protocols.opening.request import parse_presentation
from diptych.protocols.replacing.change import CHANGE_OVER, TRUSTEE_CHANGE
from diptych.protocols.replacing.recovery import parse_pieces_request, parse_shares_request, parse_sums_request
from diptych.roles.trustee.ceremonies import Ceremonies, own_place
from diptych.roles.trustee.changes import Changes, Proposed
from diptych.roles.trustee.deposits import Deposits
from diptych.roles.trustee.lookups import Lookups
from diptych.roles.trustee.model import Consent
from diptych.roles.trustee.odds import Odds, Risk, odds_of_loss
from diptych.roles.trustee.openings import Masks
from diptych.roles.trustee.ports import MonthKeys, TrusteeStore, TrusteeTransaction

MAX_BODY_BYTES = 128 * 1024


@dataclass(frozen=True)
class TrusteePolicy:
    """A trustee's own policy: what it asks before it answers, and whom it believes."""

    holder: HolderPolicy
    lookups: Mapping[str, LookupPolicy]
    agency_key: PublicKey = field(repr=False)
    auditors: Mapping[bytes, PublicKey] = field(repr=False)
    risk: Risk = field(default_factory=Risk)

    @property
    def trusted(self) -> Trusted:
        return Trusted(self.holder.log, self.agency_key, self.auditors)


@dataclass(frozen=True)
class QuorumStanding:
    """How the quorum stands: any `threshold` of `trustees` open a record, `spares` can still be replaced.

    `records`: how many masks are kept here.
    """

    trustees: int
    threshold: int
    spares: int
    records: int
    risk: Risk
    odds: Odds


@dataclass(frozen=True)
class Trustee:
    """One trustee. Which place it has in the trustee set stands in its memory."""

    name: str
    signer: Signer
    recipient: Recipient
    policy: TrusteePolicy
    store: TrusteeStore
    keys: MonthKeys

    def about(self) -> bytes:
        """Who this is, as JSON: for operators. Nobody is to believe it: the trustee set says which keys are right."""
        with self.store.transaction() as state:
            found = state.trustee_set()
        place = None if found is None else own_place(found, self.signer.public_key)
        return strict_json.encode(
            {
                "name": self.name,
                "signer": base64url.encode(encode_public_key(self.signer.public_key)),
                "recipient": base64url.encode(self.recipient.public_key),
                "epoch": None if found is None else found.epoch,
                "index": None if place is None else place.index,
            }
        )

    def standing(self) -> QuorumStanding | None:
        """How many masks are here, and the odds of losing the quorum; None outside of any set."""
        with self.store.transaction() as state:
            found, records = state.trustee_set(), state.record_count()
        if found is None or own_place(found, self.signer.public_key) is None:
            return None
        count, risk = len(found.trustees), self.policy.risk
        odds = odds_of_loss(trustees=count, threshold=found.threshold, risk=risk)
        return QuorumStanding(count, found.threshold, len(found.spares), records, risk, odds)

    def take_part(self, body: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """What this trustee says in a key ceremony, after what the channel in the body says."""
        return self._ceremonies.take_part(parse_channel(body), now=now, entropy=entropy)

    def take_set(self, body: bytes) -> None:
        """A trustee set with the act that published it."""
        news = parse_trustee_set_news(body)
        self._ceremonies.take_set(news.trustee_set, news.shown)

    def kept_checkpoint(self) -> KeptCheckpoint | None:
        """The last checkpoint accepted: proofs for this trustee begin there."""
        with self.store.transaction() as state:
            return state.kept_checkpoint()

    def take_officer(self, body: bytes) -> None:
        """A certificate with the act that published it."""
        news = parse_officer_news(body)
        with self.store.transaction() as state:
            take_officer(state, news, self.policy.trusted)

    def take_revocation(self, body: bytes, *, now: datetime) -> None:
        """The end of an officer's key."""
        with self.store.transaction() as state:
            take_revocation(state, body, self.policy.trusted, now=now)

    def take_attestation(self, body: bytes) -> None:
        """An audit attestation with the act that published it."""
        news = parse_attestation_news(body)
        with self.store.transaction() as state:
            take_attestation(state, news, self.policy.trusted)

    def offer_prekey(self, body: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """A prekey for a prekey request."""
        return self._deposits.offer_prekey(PREKEY_REQUEST.parse(body), now=now, entropy=entropy)

    def take_deposit(self, body: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """An acknowledgement for a deposit."""
        return self._deposits.take(DEPOSIT.parse(body), now=now, entropy=entropy)

    def confirm(self, body: bytes, *, now: datetime, entropy: Entropy) -> None:
        """A record's version is public: it is the latest from now on."""
        self._deposits.confirm(parse_confirmation(body), now=now, entropy=entropy)

    def erase(self, body: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """A deletion statement for an erasure order."""
        return self._deposits.erase(ERASURE_ORDER.parse(body), now=now, entropy=entropy)

    def look_up(self, body: bytes, *, now: datetime) -> bytes:
        """A lookup answer for a lookup request."""
        return self._lookups.answer(LOOKUP_REQUEST.parse(body), now=now)

    def open(self, body: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """A share answer for an opening request and its public act."""
        return self._holder(now, entropy).answer(parse_presentation(body))

    def disclose(self, body: bytes, *, now: datetime, entropy: Entropy) -> None:
        """A deferred opening was disclosed."""
        self._holder(now, entropy).disclose(parse_disclosure(body))

    def reviews(self) -> Sequence[Reviewed]:
        """What waits for a person."""
        return self.store.reviews()

    def review(self, request: bytes, review: Review, *, now: datetime, entropy: Entropy) -> Reviewed:
        """A person's word on it."""
        return self._holder(now, entropy).review(request, review)

    # Changes of the trustee set

    def propose(self, body: bytes, *, now: datetime) -> bytes:
        """This trustee's key for a change that a person here agreed to."""
        return self._changes.propose(TRUSTEE_CHANGE.parse(body), now=now)

    def end_change(self, body: bytes, *, now: datetime) -> None:
        """A change is over."""
        self._changes.end(CHANGE_OVER.parse(body), now=now)

    def cut_pieces(self, body: bytes, *, now: datetime) -> bytes:
        """A helper's pieces, for a trustee that takes its shares."""
        return self._changes.cut(parse_pieces_request(body), now=now)

    def add_up(self, body: bytes, *, now: datetime) -> bytes:
        """A helper's sums of pieces."""
        return self._changes.add(parse_sums_request(body), now=now)

    def take_shares(self, body: bytes, *, now: datetime, entropy: Entropy) -> bytes:
        """Shares for this trustee, and what became of each."""
        return self._changes.take(parse_shares_request(body), now=now, entropy=entropy)

    def changes(self) -> Sequence[Proposed]:
        """Changes of the trustee set that are not over here."""
        return self._changes.proposed()

    def decide_change(self, change: bytes, consent: Consent, *, entropy: Entropy) -> Proposed:
        """A person's word on a change."""
        return self._changes.decide(change, consent, entropy=entropy)

    def check(self) -> None:
        """Raises `Unavailable` if the trustee cannot work now."""
        with self.store.transaction():
            pass

    def sweep(self, now: datetime) -> None:
        """Delete what is past its time; run it every minute."""
        self.store.forget_expired(now)

    @property
    def _ceremonies(self) -> Ceremonies:
        return Ceremonies(
            self.signer, self.recipient.public_key, self.policy.agency_key, self.policy.trusted, self.store
        )

    @property
    def _changes(self) -> Changes:
        return Changes(self.signer, self.recipient, self.policy.agency_key, self.store, self.keys)

    @property
    def _deposits(self) -> Deposits:
        waiting_time = self.policy.holder.waiting_time
        return Deposits(self.signer, self.recipient, self.policy.trusted, waiting_time, self.store, self.keys)

    @property
    def _lookups(self) -> Lookups:
        return Lookups(self.signer, self.policy.lookups, self.store)

    def _holder(self, now: datetime, entropy: Entropy) -> Holder[TrusteeTransaction]:
        masks = Masks(self.recipient, self.keys, now, entropy)
        return Holder(self.signer, self.policy.trusted, self.policy.holder, self.store.transaction, masks)
