"""Taking part in key ceremonies, and taking one's place in a trustee set (docs/spec/ceremony.md).

The trustee replays the channel from its seed each time it is shown more of it, and says what it has to. What it said
is saved in the transaction that first says it, and said again ever after. Its ceremony secrets end with the ceremony.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto import hpke
from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import Recipient
from diptych.crypto.lookup_prf import KeyShare
from diptych.crypto.lookup_prf.messages import Kind
from diptych.crypto.lookup_prf.participant import SEED_BYTES
from diptych.crypto.signing import PublicKey, Signer, fingerprint
from diptych.errors import Conflict, Refused, Unavailable, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.tlog.shown_act import ShownAct
from diptych.private import Secret
from diptych.protocols.ceremony.channel import (
    Channel,
    Followed,
    Member,
    Said,
    encode_said,
    follow,
    parse_channel,
    parse_said,
)
from diptych.protocols.ceremony.statements import (
    CEREMONY_CALL,
    CEREMONY_KEY,
    CEREMONY_MESSAGE,
    CeremonyCall,
    CeremonyKey,
    CeremonyMessage,
)
from diptych.protocols.certifying.standing import Trusted, see
from diptych.protocols.certifying.trustee_sets import accept_trustee_set
from diptych.protocols.depositing.decision import TrusteeIdentity
from diptych.protocols.replacing.change import TRUSTEE_CHANGE
from diptych.roles.trustee.changes import agreed_change
from diptych.roles.trustee.model import StoredCeremony
from diptych.roles.trustee.ports import TrusteeStore, TrusteeTransaction


@dataclass(frozen=True)
class Ceremonies:
    """The part of a trustee that makes keys with others."""

    signer: Signer
    recipient_key: bytes
    agency_key: PublicKey
    trusted: Trusted
    store: TrusteeStore

    def take_part(self, channel: Channel, *, now: datetime, entropy: Entropy) -> bytes:
        """All that this trustee has to say, after what the channel says. The share is kept once the ceremony is over.

        `Refused` for a ceremony that nobody here agreed to; `Conflict` where the channel is not the one shown before.
        """
        call = CEREMONY_CALL.verify(channel.call, self.agency_key, now=now)
        with self.store.transaction() as state:
            ended = state.ended_ceremony(call.digest)
            if ended is not None:
                return ended
            stored = state.ceremony(call.digest) or self._begin(state, channel, now=now, entropy=entropy)
            if not channel.continues(parse_channel(stored.channel)):
                raise Conflict("ceremony.channel", "another channel was shown here before: somebody is lied to")
            member = self._member(state, call.content, stored)
            followed = follow(channel, agency_key=self.agency_key, member=member, now=now)
            said = encode_said(self._say(call.digest, followed, parse_said(stored.said)))
            if followed.is_done:
                self._end(state, call.digest, followed, said)
            else:
                state.save_ceremony(StoredCeremony(call.digest, stored.seed, stored.recipient, channel.encode(), said))
            return said

    def take_set(self, trustee_set: UnverifiedStatement[TrusteeSet], shown: ShownAct) -> None:
        """Take the place that a public trustee set gives this trustee; shares of earlier generations are destroyed.

        `VerificationError` where the set names other keys than this trustee's own.
        """
        with self.store.transaction() as state:
            verified = see(state, shown, self.trusted)
            accepted = accept_trustee_set(trustee_set, verified, agency_key=self.agency_key, latest=state.trustee_set())
            place = own_place(accepted, self.signer.public_key)
            if place is None:
                _drop_shares(state, accepted)
            else:
                self._check_place(state, accepted, place)
            state.save_trustee_set(accepted)

    def _begin(self, state: TrusteeTransaction, channel: Channel, *, now: datetime, entropy: Entropy) -> StoredCeremony:
        content, digest = channel.call.unverified, channel.call.digest
        if content.previous is not None:
            self._check_agreed(state, content, now)
        elif state.shares(content.purpose):
            raise Refused("ceremony.consent", "there is a key for this purpose: it is shared anew, and not made again")
        recipient = hpke.generate_recipient()
        own = CeremonyKey(fingerprint(self.signer.public_key), digest, recipient.public_key)
        said: tuple[Said, ...] = (CEREMONY_KEY.sign(own, signer=self.signer),)
        begun = Channel(channel.call).encode()
        return StoredCeremony(digest, Secret(entropy(SEED_BYTES)), recipient.seeds(), begun, encode_said(said))

    def _check_agreed(self, state: TrusteeTransaction, call: CeremonyCall, now: datetime) -> None:
        """Raises unless the ceremony is of a change that a person here agreed to, among those whom it names:

        1. the call's nonce is the change's digest;
        2. everyone of the set to come receives, and whoever is of the present one too deals;
        3. the key is the one in the set that this trustee knows.
        """
        assert call.previous is not None
        # 1.
        change = TRUSTEE_CHANGE.parse(agreed_change(state, call.nonce, now).encoded).unverified
        # 2.
        expected = {trustee.index: fingerprint(trustee.signer) for trustee in change.trustees}
        named = {index: fingerprint(key) for index, key in call.participants.items()}
        if (named, call.receivers, call.threshold) != (expected, tuple(expected), change.threshold):
            raise VerificationError("ceremony.participants", "the ceremony is among others than the change names")
        # 3.
        current = state.trustee_set()
        known = () if current is None else tuple(key.encode() for key in current.purposes)
        if current is not None and call.previous.encode() not in known:
            raise VerificationError("ceremony.previous", "the key to be shared anew is not that of the trustee set")

    def _member(self, state: TrusteeTransaction, call: CeremonyCall, stored: StoredCeremony) -> Member:
        own = fingerprint(self.signer.public_key)
        index = next((index for index, key in call.participants.items() if fingerprint(key) == own), None)
        if index is None:
            raise VerificationError("ceremony.participant", "this trustee takes no part in that ceremony")
        held: KeyShare | None = None
        if call.previous is not None and index in call.dealers:
            generation = call.previous.generation
            held = next((share for share in state.shares(call.purpose) if share.generation == generation), None)
        recipient = hpke.load_recipient(stored.recipient) if index in call.receivers else None
        return Member(index, stored.seed, recipient, held)

    def _say(self, call: bytes, followed: Followed, before: tuple[Said, ...]) -> tuple[Said, ...]:
        """What was said before, and what has to be said now: of each kind, once and for all."""
        kinds: Mapping[Kind, bool] = {
            said.unverified.message.kind: True for said in before if isinstance(said.unverified, CeremonyMessage)
        }
        own = fingerprint(self.signer.public_key)
        new = tuple(
            CEREMONY_MESSAGE.sign(CeremonyMessage(own, call, message), signer=self.signer)
            for message in followed.messages
            if message.kind not in kinds
        )
        return (*before, *new)

    @staticmethod
    def _end(state: TrusteeTransaction, call: bytes, followed: Followed, said: bytes) -> None:
        assert followed.outcome is not None
        if followed.outcome.share is not None:
            state.save_share(followed.outcome.share)
        state.end_ceremony(call, said)

    def _check_place(self, state: TrusteeTransaction, accepted: TrusteeSet, place: Trustee) -> None:
        if place.recipient != self.recipient_key:
            raise VerificationError("trustee_set.recipient", "the set names another key to seal to than this trustee's")
        for key in accepted.purposes:
            expected = key.trustee_keys.get(place.index)
            share = next((one for one in state.shares(key.purpose) if one.generation == key.generation), None)
            if expected is None or share is None or share.public_key() != expected:
                raise VerificationError(
                    "trustee_set.share", f"no share of the set's key for {key.purpose} is held here"
                )
        _drop_shares(state, accepted)


def _drop_shares(state: TrusteeTransaction, accepted: TrusteeSet) -> None:
    """A share of an older generation is worth something only to a thief of others."""
    for key in accepted.purposes:
        state.drop_shares(key.purpose, before=key.generation)


def own_place(trustee_set: TrusteeSet, signer: PublicKey) -> Trustee | None:
    """The place of the trustee with this key in the set, if it has one."""
    own = fingerprint(signer)
    return next((trustee for trustee in trustee_set.trustees if fingerprint(trustee.signer) == own), None)


def identity_in(state: TrusteeTransaction, signer: PublicKey, recipient: Recipient) -> TrusteeIdentity:
    """Who this trustee is in the newest set; `Unavailable` while it is in none."""
    found = state.trustee_set()
    place = None if found is None else own_place(found, signer)
    if found is None or place is None:
        raise Unavailable("trustee.no_set", "this trustee is in no trustee set: the key ceremony comes first")
    return TrusteeIdentity(fingerprint(signer), found.epoch, place.index, recipient)
