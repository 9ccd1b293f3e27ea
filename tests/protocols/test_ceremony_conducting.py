"""The agency that relays a ceremony keeps and passes on what fits, and nothing else: one liar does not end it."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from diptych.crypto import hpke
from diptych.crypto.lookup_prf.messages import Commit
from diptych.crypto.lookup_prf.participant import Round
from diptych.crypto.signing import SoftwareSigner, fingerprint
from diptych.formats.cose import sign1
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.protocols.ceremony.channel import Channel, Said, encode_said, parse_channel, parse_said
from diptych.protocols.ceremony.conducting import Ask, Conducted, conduct
from diptych.protocols.ceremony.statements import (
    CEREMONY_KEY,
    CEREMONY_MESSAGE,
    ROUND_CLOSED,
    CeremonyKey,
    CeremonyMessage,
    RoundClosed,
)
from tests.registry_world import COUNT
from tests.trustee_town import Town

LIAR, OTHER = 2, 3
MOST_ASKED = 200

Lie = Callable[[Town, Channel, tuple[Said, ...]], list[Said]]


def a_key(town: Town, call: bytes) -> Said:
    """Another key than the one that the liar gave first."""
    seat = town.seats[LIAR - 1]
    content = CeremonyKey(fingerprint(seat.signer.public_key), call, hpke.generate_recipient().public_key)
    return CEREMONY_KEY.sign(content, signer=seat.signer)


def of_another_call(town: Town, channel: Channel, said: tuple[Said, ...]) -> list[Said]:
    return [a_key(town, bytes(32)), *said]


def second_key(town: Town, channel: Channel, said: tuple[Said, ...]) -> list[Said]:
    return [*said, a_key(town, channel.call.digest)]


def second_commitment(town: Town, channel: Channel, said: tuple[Said, ...]) -> list[Said]:
    seat, made = town.seats[LIAR - 1], list(said)
    for one in said:
        content = one.unverified
        if isinstance(content, CeremonyMessage) and isinstance(content.message, Commit):
            other = replace(content, message=replace(content.message, digest=bytes(32)))
            made.append(CEREMONY_MESSAGE.sign(other, signer=seat.signer))
    return made


def in_anothers_name(town: Town, channel: Channel, said: tuple[Said, ...]) -> list[Said]:
    """A key that the next one did not make, so that it could open nothing."""
    name = fingerprint(town.seats[OTHER - 1].signer.public_key)
    content = CeremonyKey(name, channel.call.digest, hpke.generate_recipient().public_key)
    signer = town.seats[LIAR - 1].signer
    forged = sign1.sign(content.encode(), signer=signer, external_aad=CEREMONY_KEY.purpose.encode())
    return [*said, UnverifiedStatement(content, forged)]


def closing(town: Town, channel: Channel, said: tuple[Said, ...]) -> list[Said]:
    """The end of a round, which the agency alone can say."""
    seat = town.seats[LIAR - 1]
    closed = RoundClosed(fingerprint(seat.signer.public_key), channel.call.digest, Round.COMMITS)
    return [*said, ROUND_CLOSED.sign(closed, signer=seat.signer)]


class Restless(SoftwareSigner):
    """Signs the same in other bytes each time, as hardware does that draws its nonces."""

    def __init__(self, signer: SoftwareSigner) -> None:
        super().__init__(signer.private_key())

    def sign(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.private_key().sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@pytest.mark.parametrize("lie", [of_another_call, second_key, second_commitment, in_anothers_name, closing])
def test_what_does_not_fit_is_neither_kept_nor_passed_on_and_the_ceremony_ends_well(lie: Lie) -> None:
    town, kept, told, honest = Town(), list[Channel](), list[Said](), set[bytes]()

    def ask(index: int, channel: bytes) -> bytes:
        answer = town.trustee(index).take_part(channel, now=town.log.now, entropy=os.urandom)
        honest.update(one.encode() for one in parse_said(answer))
        if index != LIAR:
            return answer
        made = lie(town, parse_channel(channel), parse_said(answer))
        told.extend(made)
        return encode_said(made)

    conducted = conducting(town, ask, kept)
    assert {one.encode() for one in told} - honest, "nobody lied"
    for channel in (*kept, conducted.channel):
        assert {one.encode() for one in channel.said} <= honest
    assert conducted.outcome.faults == {}
    assert conducted.outcome.unconfirmed == {}
    assert conducted.silent.keys() == {LIAR}
    assert len(conducted.outcome.key.trustee_keys) == COUNT


def test_who_signs_the_same_anew_every_time_holds_up_nobody() -> None:
    town, asked = Town(), []

    def ask(index: int, channel: bytes) -> bytes:
        asked.append(index)
        assert len(asked) < MOST_ASKED, "it never ends"
        answer = town.trustee(index).take_part(channel, now=town.log.now, entropy=os.urandom)
        if index != LIAR:
            return answer
        signer, again = Restless(town.seats[LIAR - 1].signer), list[Said]()
        for one in parse_said(answer):
            content = one.unverified
            if isinstance(content, CeremonyKey):
                again.append(CEREMONY_KEY.sign(content, signer=signer))
            elif isinstance(content, CeremonyMessage):
                again.append(CEREMONY_MESSAGE.sign(content, signer=signer))
        return encode_said(again)

    assert conducting(town, ask, []).silent == {}


def conducting(town: Town, ask: Ask, kept: list[Channel]) -> Conducted:
    return conduct(town.call(), ask=ask, agency=town.agency, now=lambda: town.log.now, keep=kept.append)
