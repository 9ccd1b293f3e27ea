"""A record opens for one officer, in public, with the agency and any three of five trustees; not otherwise."""

import os
from datetime import timedelta

from diptych.crypto.hpke import HybridRecipient, generate_recipient
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.record.content import RecordContent
from diptych.formats.record.sealing import FreshlySealed
from diptych.formats.tlog.act import CommittedAct
from diptych.formats.tlog.label import ChainElement
from diptych.private import Secret
from diptych.protocols.opening.answer import AGENCY_INDEX
from diptych.protocols.opening.request import OpeningRequest, parse_presentation
from diptych.protocols.opening.states import Opened, Published, Quorate, Requested, combine, publish, receive
from tests.formats.tlog_specimen import POLICY
from tests.registry_world import World, content_of


class Story:
    """One record, enrolled; one request for it, signed and logged under the next label."""

    def __init__(self, **changed: object) -> None:
        self.world = World()
        self.content: RecordContent = content_of(chain=Secret(os.urandom(32)))
        self.fresh: FreshlySealed = self.world.enrol(self.content)
        self.reply: HybridRecipient = generate_recipient()
        self.request: UnverifiedStatement[OpeningRequest] = self.world.request(self.fresh, reply=self.reply, **changed)
        self.logged: tuple[int, CommittedAct] = self.world.logged(self.request, self.label(1))

    def label(self, counter: int) -> bytes:
        return ChainElement(self.content.chain).at(counter).label

    def published(self) -> Published:
        requested = Requested(
            self.request,
            self.fresh.signed.unverified,
            self.world.trustee_set,
            self.reply,
            self.world.log.now + timedelta(hours=1),
        )
        return publish(requested, self.world.log.show(*self.logged), policy=POLICY)


def test_an_opening_ends_on_the_officers_screen_with_what_was_sealed() -> None:
    story = Story()
    world, record = story.world, story.fresh.signed.unverified
    state = story.published()
    for trustee in world.trustees[:3]:
        sent = world.presentation(story.fresh, story.request, story.logged, trustee)
        received = parse_presentation(sent.encode())
        granted = world.decide(received, trustee)
        answer = world.answer(granted, received, trustee)
        moved = receive(state, answer, index=trustee.index, now=world.log.now)
        assert isinstance(moved, Published)
        state = moved
    granted = world.decide(
        world.presentation(story.fresh, story.request, story.logged, world.trustees[0]), world.trustees[0]
    )
    quorate = receive(state, world.agency_answer(granted, record), index=AGENCY_INDEX, now=world.log.now)
    assert isinstance(quorate, Quorate)
    assert combine(quorate) == Opened(story.content, {})
