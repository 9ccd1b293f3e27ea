"""What a key ceremony is, before anybody speaks and after everybody has: its terms and its outcome.

Generating, every trustee deals a random polynomial, and the key is the sum of all. Sharing anew (refresh, another
threshold, a replaced trustee), holders deal polynomials through their shares: the key stays, and every share changes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.crypto import hpke
from diptych.crypto.lookup_prf.keys import MAX_GENERATION, KeyShare, PurposeKey, check_indices, encode_purpose
from diptych.errors import FormatError, VerificationError

NONCE_BYTES = 32

_ID_TAG = b"diptych key ceremony 1\n"


@dataclass(frozen=True)
class Ceremony:
    """What is agreed before a ceremony begins. Made by `generation` or `resharing`, which check it."""

    purpose: str
    threshold: int
    receiver_keys: Mapping[int, bytes]
    """Who has a share afterwards, and its public key (`hpke` suite 1) for this ceremony alone, in ascending order."""
    dealers: tuple[int, ...]
    nonce: bytes
    previous: PurposeKey | None = None

    @property
    def receivers(self) -> tuple[int, ...]:
        """Their indices, ascending."""
        return tuple(self.receiver_keys)

    @property
    def generation(self) -> int:
        """Of the shares that it makes."""
        return 0 if self.previous is None else self.previous.generation + 1

    @property
    def dealers_needed(self) -> int:
        """One honest dealer makes a new key unknown to all; an old one is in no fewer shares than its threshold."""
        return self.threshold if self.previous is None else self.previous.threshold

    @property
    def id(self) -> bytes:
        """32 bytes that stand for all of it: a message of another ceremony is none of this one."""
        before = bytes(32) if self.previous is None else hashlib.sha256(self.previous.encode()).digest()
        fixed = encode_purpose(self.purpose) + self.generation.to_bytes(4, "big") + bytes([self.threshold])
        dealers = bytes([len(self.dealers), *self.dealers])
        receivers = b"".join(bytes([index]) + key for index, key in self.receiver_keys.items())
        people = dealers + bytes([len(self.receivers)]) + receivers
        return hashlib.sha256(_ID_TAG + fixed + people + self.nonce + before).digest()


@dataclass(frozen=True)
class Outcome:
    """What came of a ceremony."""

    key: PurposeKey
    share: KeyShare | None
    """This participant's, if it is a receiver. None, too, if it complained about a deal too late to be heard."""
    transcript: bytes
    """The hash of everything that was said in public, and of the key: what an act commits to."""
    faults: Mapping[int, str]
    """Dealers that were disqualified, and the check that they failed."""
    unconfirmed: Mapping[int, str] = field(default_factory=dict)
    """Receivers that did not prove to have their share under this transcript, and why."""


class CeremonyFailed(VerificationError):
    """No key comes of this ceremony. `faults` says who is to blame, by index, and which check failed."""

    def __init__(self, check: str, message: str, faults: Mapping[int, str]) -> None:
        named = "".join(f"; {index}: {fault}" for index, fault in sorted(faults.items()))
        super().__init__(check, message + named)
        self.faults = faults


def generation(*, purpose: str, threshold: int, trustee_keys: Mapping[int, bytes], nonce: bytes) -> Ceremony:
    """A ceremony that makes a new key, or `FormatError`. `nonce` is 32 bytes that no other ceremony had.

    `trustee_keys` are public keys (`hpke` suite 1) by index, made for this ceremony and destroyed with it.
    """
    return _checked(Ceremony(purpose, threshold, dict(trustee_keys), tuple(trustee_keys), nonce))


def resharing(
    previous: PurposeKey,
    *,
    threshold: int,
    receiver_keys: Mapping[int, bytes],
    dealers: tuple[int, ...],
    nonce: bytes,
) -> Ceremony:
    """A ceremony that shares an old key anew: among the same (refresh), or with a lost trustee replaced.

    `dealers` are the holders that take part: at least the old threshold k, and 2k - 1 to end well whatever k - 1 of
    them do. What was stolen of the old shares is worthless once n - k + 1 holders have destroyed theirs.
    """
    if not set(dealers) <= set(previous.trustee_keys) or list(dealers) != sorted(set(dealers)):
        raise FormatError("dkg.dealers", "dealers are holders of the old key, in ascending order")
    if len(dealers) < previous.threshold or previous.generation == MAX_GENERATION:
        raise FormatError("dkg.dealers", f"the old key needs {previous.threshold} dealers to be shared anew")
    return _checked(Ceremony(previous.purpose, threshold, dict(receiver_keys), dealers, nonce, previous))


def _checked(ceremony: Ceremony) -> Ceremony:
    encode_purpose(ceremony.purpose)
    check_indices(list(ceremony.receivers), threshold=ceremony.threshold)
    for key in ceremony.receiver_keys.values():
        if not key or key[0] != hpke.HYBRID:
            raise FormatError("dkg.receiver_key", "receivers have keys of suite 1")
        hpke.check_public_key(key)
    if len(ceremony.nonce) != NONCE_BYTES:
        raise FormatError("dkg.nonce", f"a ceremony's nonce has {NONCE_BYTES} bytes")
    return ceremony
