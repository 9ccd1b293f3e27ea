"""Attesting: an audited log, a signed word on it with an end, made public and shown to the registry.

    audit -> [waiting: attestation, act and salt kept] -> the log -> the registry -> [finished]

In brackets a write; after a death between any two, the same attestation goes on from there. The registry shows it on to
every trustee, who ask for one before they open anything (`protocols/opening`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import Signer, fingerprint
from diptych.errors import Conflict, FormatError, Refused, VerificationError
from diptych.formats.mandate.attestation import AUDIT_ATTESTATION, MAX_VALIDITY, AuditAttestation
from diptych.formats.tlog.act import Act, Detail, commit
from diptych.formats.tlog.checkpoint import SignedCheckpoint, parse_signed_checkpoint
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.formats.tlog.policy import Policy
from diptych.formats.tlog.proof import LogProof
from diptych.formats.tlog.shown_act import ShownAct
from diptych.private import Personal
from diptych.protocols.certifying.standing import AttestationNews
from diptych.protocols.reading.files import LogFiles
from diptych.protocols.recording.recorder import Recorder
from diptych.roles.auditor.log_audit import Progress, audit
from diptych.roles.auditor.model import Report, Waiting
from diptych.roles.auditor.ports import AttestationBook, History, RegistryLine

TITLE = "audit attestation"


@dataclass(frozen=True)
class Auditor:
    """An auditor with a key, a log that it audits and records in, and the registry that it tells."""

    signer: Signer = field(repr=False)
    policy: Policy
    files: LogFiles
    recorder: Recorder
    history: History
    registry: RegistryLine
    book: AttestationBook

    def audit(self, progress: Progress = lambda checked, size: None) -> Report:
        """The whole log, held against the checkpoint under which the last attestation became public."""
        last = self.book.last()
        seen: tuple[SignedCheckpoint, ...] = () if last is None else (last.shown.receipt.checkpoint,)
        return audit(self.files, policy=self.policy, seen=seen, progress=progress)

    def attest(self, report: Report, *, validity: timedelta, now: datetime, entropy: Entropy) -> AttestationNews:
        """Sign that the audited log verifies, have that logged, and show it to the registry.

        One that was under way goes on first, and is the answer, unless its days are over.
        `VerificationError` by the audit's own finding: what does not verify is not attested.
        """
        waiting = self.book.waiting()
        if report.failure is not None:
            raise VerificationError(report.failure.check, f"nothing is attested: {report.failure.message}")
        if waiting is None or waiting.attestation.unverified.expires < now.date():
            waiting = self._sign(report, validity=validity, now=now.replace(microsecond=0), entropy=entropy)
            self.book.keep(waiting)
        entry = waiting.committed.entry(policy_hash=self.policy.digest)
        (receipt,) = self.recorder.record([entry])
        news = self._show(waiting, receipt)
        self.book.finish(news)
        return news

    def _sign(self, report: Report, *, validity: timedelta, now: datetime, entropy: Entropy) -> Waiting:
        if report.origin is None or report.root is None or not report.size:
            raise Refused("audit.empty", "there is nothing in this log to attest yet")
        if not timedelta(0) < validity <= MAX_VALIDITY:
            raise FormatError("audit.validity", f"an attestation stands for 1 to {MAX_VALIDITY.days} days")
        content = AuditAttestation(
            fingerprint(self.signer.public_key),
            report.origin,
            report.size,
            report.root,
            now,
            (now + validity).date(),
        )
        attestation = AUDIT_ATTESTATION.sign(content, signer=self.signer)
        details: Mapping[str, Detail] = {"title": TITLE, "document": attestation.digest}
        act = Act(ActType.AUDIT_ATTESTED, now.date(), ActorClass.AUDITOR, Personal(details))
        return Waiting(attestation, commit(act, entropy=entropy))

    def _show(self, waiting: Waiting, receipt: LogProof) -> AttestationNews:
        for is_last in (False, True):
            answer = self.registry.send("checkpoint", None)
            kept = parse_signed_checkpoint(answer).checkpoint.size if answer else 0
            news = AttestationNews(waiting.attestation, self._shown(waiting, receipt, kept))
            try:
                self.registry.send("attestations", news.encode())
            except Conflict as conflict:
                # Its checkpoint moved on between question and answer.
                if is_last or conflict.check != "shown_act.moved":
                    raise
            else:
                break
        return news

    def _shown(self, waiting: Waiting, receipt: LogProof, kept: int) -> ShownAct:
        size = receipt.checkpoint.checkpoint.size
        steps = () if kept in (0, size) else self.history.consistency(min(kept, size), max(kept, size))
        return ShownAct(waiting.committed, receipt, kept, tuple(steps))
