"""What every use-case at the counter stands on: the officer's key, whom it believes, and whom it reaches.

A desk believes the log under its own policy, and the agency's certifying key; everything else has to be shown.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diptych.crypto.signing import PublicKey, Signer, fingerprint
from diptych.errors import DiptychError, VerificationError
from diptych.formats.civil_status.places import Places
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import Trustee, TrusteeSet
from diptych.formats.record.sealed import SEALED_RECORD, SealedRecord
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.shown_act import verify_shown_act
from diptych.protocols.certifying.standing import parse_trustee_set_news
from diptych.protocols.certifying.trustee_sets import accept_trustee_set
from diptych.protocols.enrolling.enrolment import check_opens_with
from diptych.protocols.enrolling.query import RECORD_QUERY, RecordQuery
from diptych.protocols.opening.answer import AGENCY_INDEX
from diptych.roles.officer.ports import Answers, History, RegistryLine, Slow

RECENT = timedelta(minutes=1)
_WAITING = "officer.waiting"


@dataclass
class Believed:
    """The trustee set that was shown last, and when."""

    trustees: TrusteeSet | None = None
    shown_at: datetime | None = None


@dataclass(frozen=True)
class Desk:
    """One officer's desk, in front of one registry. `purpose` names the register to look people up in."""

    signer: Signer
    agency_key: PublicKey
    log_policy: Policy
    registry: RegistryLine
    holders: Answers
    history: History
    places: Places
    purpose: str = "civil-status"
    retention: str = "identity-15y"
    believed: Believed = field(default_factory=Believed, compare=False, repr=False)

    def trustees(self, now: datetime) -> TrusteeSet:
        """The trustee set, once the agency signed it and the log shows it."""
        news = parse_trustee_set_news(self.registry.send("trustee-set", None))
        shown = verify_shown_act(news.shown, policy=self.log_policy, kept=None)
        accepted = accept_trustee_set(news.trustee_set, shown, agency_key=self.agency_key, latest=None)
        self.believed.trustees, self.believed.shown_at = accepted, now
        return accepted

    def recent_trustees(self, now: datetime) -> TrusteeSet:
        """The trustee set, as it was a minute ago at most: who asks under an old one is told so, and seals nothing."""
        kept, since = self.believed.trustees, self.believed.shown_at
        if kept is None or since is None or not timedelta(0) <= now - since < RECENT:
            return self.trustees(now)
        return kept

    def forget_trustees(self) -> None:
        """The next to ask fetches the set."""
        self.believed.trustees = None

    @property
    def own(self) -> bytes:
        """The fingerprint of the officer's key."""
        return fingerprint(self.signer.public_key)

    def ask(
        self, trustees: Iterable[Trustee], path: str, bodies: Mapping[int, bytes]
    ) -> Iterable[tuple[Trustee, bytes | DiptychError]]:
        """Each trustee of `bodies`, by index, is sent its body and waited for; answers as they come, or why not."""
        by_index = {trustee.index: trustee for trustee in trustees}
        for index, answer in self.holders.ask({at: (by_index[at].url, path, body) for at, body in bodies.items()}):
            if not isinstance(answer, Slow):
                yield by_index[index], answer

    def fetch(self, record_id: bytes, trustees: TrusteeSet, now: datetime) -> UnverifiedStatement[SealedRecord]:
        """The latest version. That it is the latest, and no other than was enrolled, k trustees say by answering."""
        query = RECORD_QUERY.sign(RecordQuery(self.own, record_id, now), signer=self.signer)
        signed = SEALED_RECORD.parse(self.registry.send("records", query.encode()))
        if signed.unverified.record_id != record_id:
            raise VerificationError("record.id", "the registry gives another record than was asked for")
        check_opens_with(signed.unverified, trustees)
        return signed


def expect(answer: bytes | DiptychError) -> bytes:
    """The answer; why there is none is raised."""
    if isinstance(answer, DiptychError):
        raise answer
    return answer


def names(named: Mapping[int, str], trustees: TrusteeSet) -> str:
    """Who did not answer or lied, by name and check, for the officer to know whom to call."""
    holders = {AGENCY_INDEX: "the agency"} | {trustee.index: trustee.name for trustee in trustees.trustees}
    said = ", ".join(f"{holders.get(index, index)} ({check})" for index, check in sorted(named.items())) or "no answer"
    return f"{said}. A new officer waits for as long as they want: try later" if _WAITING in named.values() else said


def indices(trustees: TrusteeSet) -> list[int]:
    """Whom there is to ask."""
    return [trustee.index for trustee in trustees.trustees]
