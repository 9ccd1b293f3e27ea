"""An officer's workstation in front of a registry and five trustees, in one process: what its tests share."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from diptych.crypto.entropy import Entropy
from diptych.errors import DiptychError, Unavailable
from diptych.formats.civil_status.places import Places
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.protocols.lookup.request import LOOKUP_ANSWER
from diptych.roles.officer.ports import Question, Slow
from diptych.roles.officer.workstation import Workstation
from diptych.roles.registry import erasing
from tests.formats.tlog_specimen import POLICY
from tests.registry_town import RegistryTown
from tests.trustee_town import PURPOSE

REGISTRY_URL = "https://registry.utopia.example"


def starting_at(index: int) -> Entropy:
    """Entropy with which a quorum is asked from this trustee on."""
    return lambda count: bytes([index - 1]) if count == 1 else os.urandom(count)


def shown(kept: KeptCheckpoint | None) -> bytes:
    return b"" if kept is None else kept.signed.encode()


@dataclass
class CalledRegistry:
    """`RegistryLine` over the role."""

    town: "OfficerTown"

    @property
    def url(self) -> str:
        return REGISTRY_URL

    def send(self, path: str, body: bytes | None) -> bytes:
        registry, now = self.town.registry, self.town.log.now
        if path == "trustee-set":
            return registry.trustee_set()
        assert body is not None
        if path == "tags":
            return registry.look_up(body, now=now, entropy=os.urandom)
        if path == "enrolments":
            answer = registry.enrol(body, now=now, entropy=os.urandom)
            self.town.deliver()
            return answer
        if path == "records":
            return registry.fetch(body, now=now)
        if path == "requests":
            return registry.publish(body, now=now, entropy=os.urandom)
        if path == "openings":
            return registry.answer_opening(body)
        if path == "erasures":
            erasing.erase(registry, body, now=now, entropy=os.urandom)
            return b""
        if path == "erasure-orders":
            return erasing.erasure_order(registry, body, now=now)
        assert path == "outcomes"
        registry.report(body, now=now, entropy=os.urandom)
        return b""


@dataclass
class CalledHolders:
    """`Answers` over the roles. Those in `down` are silent, those in `lying` change a byte of what they say.

    Those in `guessing` sign points that are not their share's. Those in `slow` answer when nobody else has anything to
    say; `waited_for` are those that somebody waited for.
    """

    town: "OfficerTown"
    down: set[int] = field(default_factory=set)
    lying: set[int] = field(default_factory=set)
    guessing: set[int] = field(default_factory=set)
    slow: set[int] = field(default_factory=set)
    asked: list[tuple[int, str]] = field(default_factory=list)
    waited_for: list[int] = field(default_factory=list)

    def ask(self, questions: Mapping[int, Question]) -> "CalledReplies":
        replies = CalledReplies(self)
        replies.ask(questions)
        return replies

    def answer(self, index: int, path: str, body: bytes | None) -> bytes | DiptychError:
        try:
            return self._ask(index, path, body)
        except DiptychError as error:
            return error

    def _ask(self, index: int, path: str, body: bytes | None) -> bytes:
        if index in self.down:
            raise Unavailable("holder.unreachable", "nobody answers")
        if index == 0:
            if path == "checkpoint":
                return shown(self.town.registry.kept_checkpoint())
            return CalledRegistry(self.town).send(path, body)
        trustee, now = self.town.trustee(index), self.town.log.now
        if path == "checkpoint":
            return shown(trustee.kept_checkpoint())
        assert body is not None
        if path == "lookups":
            answer = trustee.look_up(body, now=now)
            if index in self.guessing:
                said = LOOKUP_ANSWER.parse(answer).unverified
                points = said.points[48:] + said.points[:48]
                answer = LOOKUP_ANSWER.sign(
                    replace(said, points=points), signer=self.town.seats[index - 1].signer
                ).encode()
        else:
            called = {
                "prekeys": trustee.offer_prekey,
                "deposits": trustee.take_deposit,
                "openings": trustee.open,
                "erasures": trustee.erase,
            }[path]
            answer = called(body, now=now, entropy=os.urandom)
        return answer[:-1] + bytes([answer[-1] ^ 1]) if index in self.lying else answer


class CalledReplies:
    """`Replies` of whoever was asked, first the quick, then the slow: those say `Slow` once nobody else has a word."""

    def __init__(self, holders: CalledHolders) -> None:
        self._holders = holders
        self._open: dict[int, Question] = {}
        self._told: set[int] = set()

    def ask(self, questions: Mapping[int, Question]) -> None:
        self._open.update(questions)
        self._holders.asked += [(index, path) for index, (_, path, _) in questions.items()]

    def __iter__(self) -> "CalledReplies":
        return self

    def __next__(self) -> tuple[int, bytes | DiptychError]:
        slow = self._holders.slow
        if not self._open:
            raise StopIteration
        for index in self._open:
            if index not in slow:
                _, path, body = self._open.pop(index)
                return index, self._holders.answer(index, path, body)
        for index in self._open:
            if index not in self._told:
                self._told.add(index)
                return index, Slow("holder.slow", "it has not answered yet")
        index, (_, path, body) = self._open.popitem()
        self._holders.waited_for.append(index)
        return index, self._holders.answer(index, path, body)


class OfficerTown(RegistryTown):
    """`RegistryTown` with a workstation at its counter, open for business."""

    def __init__(self) -> None:
        super().__init__()
        self.holders = CalledHolders(self)
        self.open_doors()

    @property
    def workstation(self) -> Workstation:
        return Workstation(
            self.officer_signer,
            self.agency.public_key,
            POLICY,
            CalledRegistry(self),
            self.holders,
            self.called_log,
            Places(),
            PURPOSE,
        )
