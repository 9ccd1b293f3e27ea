"""Registry and trustee as parties of the OpenAPI tests, each among everybody who speaks to it, with real keys.

A true message is made by playing the scene in which it is said, up to that message: it is taken out of the speaker's
hand, and whoever tests carries it over HTTP.
"""

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

from schemathesis import Case
from schemathesis.core.transport import Response
from starlette.types import ASGIApp

from diptych.adapters.journal import Journal, Role
from diptych.crypto.signing import fingerprint, generate_signer
from diptych.errors import DiptychError
from diptych.formats.civil_status.model import BirthDate, CivilStatus
from diptych.formats.mandate.officer import OFFICER_REVOCATION, OfficerRevocation
from diptych.formats.mandate.trustee_set import Trustee as SetTrustee
from diptych.formats.record.sealed import SEALED_RECORD
from diptych.formats.tlog.kept_checkpoint import KeptCheckpoint
from diptych.formats.tlog.label import ChainElement
from diptych.private import Personal
from diptych.protocols.ceremony.channel import Channel
from diptych.protocols.ceremony.statements import CEREMONY_CALL
from diptych.protocols.certifying.standing import TrusteeSetNews, parse_trustee_set_news
from diptych.protocols.replacing.change import CHANGE_KEY, TRUSTEE_CHANGE
from diptych.protocols.replacing.conducting import Recovery
from diptych.roles.officer.counter import Enrolled, Found, Reason
from diptych.roles.officer.workstation import Workstation
from diptych.roles.registry import changing
from diptych.roles.registry.publishing import disclose_due
from diptych.roles.registry.service import Registry as RegistryRole
from diptych.roles.trustee.service import Trustee as TrusteeRole
from diptych.web.registry.server import build_server as build_registry
from diptych.web.trustee.server import build_server as build_trustee
from tests.changing_town import ChangingTown
from tests.officer_town import CalledRegistry, starting_at
from tests.registry_town import CalledTrustees
from tests.registry_world import COURT_BASIS, MARIE, OWN_BASIS, content_of

AT_REGISTRY = {
    "answer_opening": "openings",
    "take_officer": "officers",
    "take_attestation": "attestations",
    "take_disclosure": "disclosures",
}
"""What reaches the registry by a call; all else comes down the officer's line."""
AT_TRUSTEE = {
    "take_part": "ceremonies",
    "offer_prekey": "prekeys",
    "take_deposit": "deposits",
    "confirm": "confirmations",
    "look_up": "lookups",
    "open": "openings",
    "erase": "erasures",
    "take_officer": "officers",
    "take_attestation": "attestations",
    "disclose": "disclosures",
    "propose": "changes",
    "end_change": "ended-changes",
    "cut_pieces": "recovery-pieces",
    "add_up": "recovery-sums",
    "take_shares": "recovery-shares",
}
TESTED = 1
"""Which trustee is served."""


class Taken(Exception):
    """A message that was on its way to the party under test."""

    def __init__(self, body: bytes) -> None:
        super().__init__("taken")
        self.body = body


Hand = Callable[[str, bytes | None], None]


@dataclass
class Approached:
    """A role whose messages pass through a hand first."""

    role: Any  # a registry or a trustee: what is not a message is asked of it
    paths: Mapping[str, str]
    hand: Hand

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.role, name)
        if name not in self.paths:
            return found

        def called(body: bytes, **named: object) -> object:
            self.hand(self.paths[name], body)
            return found(body, **named)

        return called


@dataclass
class Line(CalledRegistry):
    """The officer's line to the registry."""

    hand: Hand

    def send(self, path: str, body: bytes | None) -> bytes:
        self.hand(path, body)
        return super().send(path, body)


class Unended(Exception):
    """A change of the trustee set that is public, and that nobody was told the end of."""


class UnendedTrustees(CalledTrustees):
    """Trustees who are not told that a change is over."""

    def ask(self, trustee: SetTrustee, path: str, body: bytes) -> bytes:
        if path == "ended-changes":
            raise Unended
        return super().ask(trustee, path, body)


class SealedTown(ChangingTown):
    """A town where one message to the party under test can be taken. Nobody's quota ends a story."""

    def __init__(self, tested: Role) -> None:
        self.tested = tested
        self.wanted: str | None = None
        self.people = count(1)
        self.enrolled: list[Enrolled] = []
        self.erased: list[bytes] = []
        super().__init__()

    def message(self, path: str) -> bytes | None:
        """What somebody would say there now; None where the scene ended in another way."""
        self.deliver()
        self.wanted = path
        try:
            getattr(self, f"_{path.replace('-', '_')}")()
        except Taken as taken:
            return taken.body
        except DiptychError:
            return None  # the state that the story is in does not let it come to that
        finally:
            self.wanted = None
        return None

    @property
    def registry(self) -> RegistryRole:
        found = super().registry
        return Approached(found, AT_REGISTRY, self._hand_to(Role.REGISTRY)) if self._is_near(Role.REGISTRY) else found  # type: ignore[return-value]

    def trustee(self, index: int) -> TrusteeRole:
        found = super().trustee(index)
        is_near = index == TESTED and self._is_near(Role.TRUSTEE)
        return Approached(found, AT_TRUSTEE, self._hand_to(Role.TRUSTEE)) if is_near else found  # type: ignore[return-value]

    @property
    def workstation(self) -> Workstation:
        return replace(super().workstation, registry=Line(self, self._hand_to(Role.REGISTRY)))

    def kept(self) -> KeptCheckpoint | None:
        """The checkpoint that the party under test keeps."""
        if self.tested is Role.REGISTRY:
            return self.registry.kept_checkpoint()
        return self.trustee(TESTED).kept_checkpoint()

    def _is_near(self, role: Role) -> bool:
        return self.tested is role and self.wanted is not None

    def _hand_to(self, role: Role) -> Hand:
        def hand(path: str, body: bytes | None) -> None:
            if self._is_near(role) and path == self.wanted:
                assert body is not None
                raise Taken(body)

        return hand

    # Scenes, by the message for which they are played

    def _tags(self) -> None:
        self._find(random.choice((self._somebody(), self._new())))

    _lookups = _tags

    def _enrolments(self) -> None:
        status = self._new()
        self.enrolled.append(
            self.workstation.enrol(
                self._find(status),
                status=status,
                documents=content_of().documents,
                references=(),
                document_type="driving-licence",
                now=self.log.now,
                entropy=starting_at(TESTED),
            )
        )
        self.deliver()

    _prekeys = _deposits = _confirmations = _enrolments

    def _requests(self) -> None:
        reason = Reason(OWN_BASIS, "what is written about me?", "2026-1")
        self.workstation.open(self._record(), reason, now=self.log.now, entropy=starting_at(TESTED))

    _records = _outcomes = _openings = _requests

    def _erasures(self) -> None:
        gone = self._record()
        self.enrolled = [one for one in self.enrolled if one.record_id != gone]
        self.erased.append(gone)
        self._erase(gone)

    def _erasure_orders(self) -> None:
        if not self.erased:
            with self._unheard():
                self._erasures()
        self._erase(random.choice(self.erased))

    def _officers(self) -> None:
        self.admit(generate_signer())

    def _attestations(self) -> None:
        self.attest()

    def _revocations(self) -> None:
        end = OfficerRevocation(
            fingerprint(self.agency.public_key), fingerprint(generate_signer().public_key), self.log.now
        )
        raise Taken(OFFICER_REVOCATION.sign(end, signer=self.agency).encode())

    def _trustee_sets(self) -> None:
        news = parse_trustee_set_news(self.registry.trustee_set())
        act = self.log.entries.index(news.shown.receipt.extra or b"")
        shown = self.log.show(act, news.shown.committed, kept=self.kept())
        raise Taken(TrusteeSetNews(news.trustee_set, shown).encode())

    def _ceremonies(self) -> None:
        call = replace(self.call().call.unverified, purpose=f"register-{next(self.people)}")
        self.conduct(Channel(CEREMONY_CALL.sign(call, signer=self.agency)))

    def _disclosures(self) -> None:
        record = self._record()
        with self._unheard():
            self._open_for_the_court(record)
        disclose_due(self.registry, now=self.log.now, entropy=os.urandom)
        self.deliver()

    def _open_for_the_court(self, record: bytes) -> None:
        """Opened today, and told tomorrow, which it then is."""
        sealed = SEALED_RECORD.parse(self.registry_record(record)).unverified
        order = self.court_order(sealed, disclose_on=self.log.now.date() + timedelta(days=1))
        reason = Reason(COURT_BASIS, "an inquiry", "2026-4711", order.encode())
        self.workstation.open(record, reason, now=self.log.now, entropy=starting_at(TESTED))
        self.log.now += timedelta(days=1)

    def _changes(self) -> None:
        with self._unheard():
            self._agreed_change()
        self.carry_out()

    def _ended_changes(self) -> None:
        with self._unheard():
            self._change_to_be_ended()
        self.carry_out()

    def _recovery_pieces(self) -> None:
        self._recover(5, helpers=(TESTED, 2, 3))

    _recovery_sums = _recovery_pieces

    def _recovery_shares(self) -> None:
        self._recover(TESTED, helpers=(2, 3, 4))

    def _recover(self, target: int, *, helpers: Sequence[int]) -> None:
        with self._unheard():
            self._change_to_be_ended()
            record = SEALED_RECORD.parse(self.registry_record(self._record()))
        with self.registry_store.transaction() as state:
            stored = state.change()
        assert stored is not None
        change, by_index = TRUSTEE_CHANGE.parse(stored.encoded), {one.index: one for one in self.set_now.trustees}
        Recovery(
            change.unverified,
            change.digest,
            tuple(CHANGE_KEY.parse(key) for key in stored.keys),
            target,
            self.agency,
            lambda to, path, body: self.called_trustees.ask(by_index[to], path, body),
            lambda: self.log.now,
        ).take([record], helpers=helpers, taken=lambda records: None)

    # Those who are in them

    @contextmanager
    def _unheard(self) -> Iterator[None]:
        """What has to happen first: nothing of it is taken."""
        wanted, self.wanted = self.wanted, None
        yield
        self.wanted = wanted

    def _agreed_change(self) -> None:
        """A new one, to which everyone agreed."""
        if changing.under_way(self.registry) is not None:
            self.carry_out()
        self.begin({})
        self.propose()
        self.agree()

    def _change_to_be_ended(self) -> None:
        """A change whose trustee set is public, and whose secrets are there still."""
        self._agreed_change()
        with suppress(Unended):
            self.carry_out(UnendedTrustees(self))

    def registry_record(self, record_id: bytes) -> bytes:
        with self.registry_store.transaction() as state:
            found = state.record(record_id)
        assert found is not None
        return found.encoded

    def _record(self) -> bytes:
        if not self.enrolled:
            with self._unheard():
                self._enrolments()
        return random.choice(self.enrolled).record_id

    def _somebody(self) -> CivilStatus:
        return random.choice(self.enrolled).content.civil_status if self.enrolled else MARIE

    def _new(self) -> CivilStatus:
        number = next(self.people)
        return replace(MARIE, birth_date=Personal(BirthDate(1900 + number % 100, 1 + number // 100 % 12, 17)))

    def _find(self, status: CivilStatus) -> Found:
        return self.workstation.find(status, legal_basis="enrolment", now=self.log.now, entropy=starting_at(TESTED))

    def _erase(self, record_id: bytes) -> None:
        self.workstation.erase(record_id, legal_basis=OWN_BASIS, case="2026-2", now=self.log.now)


class Registry:
    """A registry among five trustees, an officer and a log."""

    def build(self, url: str) -> ASGIApp:
        self.town = SealedTown(Role.REGISTRY)
        return build_registry(
            self.town.registry,
            clock=lambda: self.town.log.now,
            entropy=starting_at(TESTED),
            journal=Journal(Role.REGISTRY, descriptor=-1),
            on_change=lambda: None,
        )

    def mend(self, case: Case) -> None:
        if case.method == "POST":
            case.body = self.town.message(case.path.strip("/")) or case.body
        elif case.path == "/acts/{label}" and self.town.enrolled:
            case.path_parameters["label"] = random.choice(list(self._labels())).hex()

    def look(self, case: Case, answer: Response) -> None:
        """Nothing that comes is needed later."""

    def _labels(self) -> Iterator[bytes]:
        for one in self.town.enrolled:
            yield from (ChainElement(one.content.chain).at(number).label for number in range(3))


class Trustee:
    """The first of five trustees, a registry, an officer and a log."""

    def build(self, url: str) -> ASGIApp:
        self.town = SealedTown(Role.TRUSTEE)
        return build_trustee(
            self.town.trustee(TESTED),
            clock=lambda: self.town.log.now,
            entropy=starting_at(TESTED),
            journal=Journal(Role.TRUSTEE, descriptor=-1),
        )

    def mend(self, case: Case) -> None:
        if case.method == "POST":
            case.body = self.town.message(case.path.strip("/")) or case.body

    def look(self, case: Case, answer: Response) -> None:
        """Nothing that comes is needed later."""
