"""The workstation of the sealed registry: finds people, enrols them, corrects, opens and erases their records.

Civil status, looked-up values and contents are readable here and nowhere else, and nothing of them is kept. How each is
done is left to a module of its own.
"""

from dataclasses import dataclass
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.formats.civil_status.model import CivilStatus
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.record.content import RecordContent, Reference
from diptych.roles.officer import enrolling, erasing, finding, opening
from diptych.roles.officer.counter import Enrolled, Erased, Found, Read, Reason
from diptych.roles.officer.desk import Desk


@dataclass(frozen=True)
class Workstation(Desk):
    """What an officer does at the desk."""

    def find(self, status: CivilStatus, *, legal_basis: str, now: datetime, entropy: Entropy) -> Found:
        """The records that may be this person's. Every hit is in the public log, where its citizen sees it."""
        return finding.find(self, status, legal_basis=legal_basis, now=now, entropy=entropy)

    def enrol(
        self,
        found: Found,
        *,
        status: CivilStatus,
        documents: tuple[OrderedDocument, ...],
        references: tuple[Reference, ...],
        document_type: str,
        now: datetime,
        entropy: Entropy,
    ) -> Enrolled:
        """A new record of a person who is none of those that were found: the officer has judged that.

        `Conflict` "enrolment.duplicate" where somebody else enrolled the person meanwhile: find again.
        """
        return enrolling.enrol(
            self,
            found,
            status=status,
            documents=documents,
            references=references,
            document_type=document_type,
            now=now,
            entropy=entropy,
        )

    def correct(
        self,
        read: Read,
        found: Found,
        content: RecordContent,
        *,
        reason: str,
        document_type: str,
        now: datetime,
        entropy: Entropy,
    ) -> Enrolled:
        """A new version of a record that was opened, under the same label chain."""
        return enrolling.correct(
            self, read, found, content, reason=reason, document_type=document_type, now=now, entropy=entropy
        )

    def open(self, record_id: bytes, reason: Reason, *, now: datetime, entropy: Entropy) -> Read:
        """What is in a record, once its opening is public and a quorum has answered. Whoever lied or was away is named.

        `Refused` "opening.refused" where no quorum answers; that is logged, too.
        """
        return opening.open_record(self, record_id, reason, now=now, entropy=entropy)

    def erase(self, record_id: bytes, *, legal_basis: str, case: str, now: datetime) -> Erased:
        """Let a record die: every trustee deletes its masks and says so, the registry overwrites it and has it logged.

        `Refused` "erasure.too_few" below `least_deletions` statements: the registry still has it then. Of a record that
        was erased, this asks again whoever was away: on the same order, if it was this officer's.
        """
        return erasing.erase(self, record_id, legal_basis=legal_basis, case=case, now=now)
