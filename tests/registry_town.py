"""A registry as a role beside five trustees and a public log, all in one process: what tests of the registry share."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from diptych.crypto.lookup_prf import PEPPER_BYTES
from diptych.crypto.signing import SoftwareSigner, fingerprint
from diptych.errors import Unavailable
from diptych.formats.mandate.officer import OFFICER_CERTIFICATE, OfficerCertificate, Role
from diptych.formats.mandate.trustee_set import TRUSTEE_SET, Trustee
from diptych.formats.record.content import RecordContent
from diptych.formats.record.sealing import FreshlySealed, Predecessor
from diptych.formats.tlog import tree
from diptych.formats.tlog.entry import Entry
from diptych.formats.tlog.proof import LogProof, build_receipt
from diptych.formats.tlog.shown_act import ShownAct, parse_shown_act
from diptych.private import Secret
from diptych.protocols.depositing.deposit import ACKNOWLEDGEMENT, RecordVersion
from diptych.protocols.enrolling.enrolment import ENROLMENT, Enrolment
from diptych.protocols.lookup.tags import TAG_REQUEST, TagAnswer, TagRequest, parse_tag_answer
from diptych.roles.registry.acts import PublicLog
from diptych.roles.registry.fakes import MemoryRegistryStore
from diptych.roles.registry.key_service import Peppers
from diptych.roles.registry.model import Message
from diptych.roles.registry.ports import RegistryStore
from diptych.roles.registry.publishing import deliver_waiting, publish_officer, publish_set
from diptych.roles.registry.service import Registry, RegistryPolicy
from tests.formats.tlog_specimen import POLICY
from tests.registry_world import NOW
from tests.registry_world import PublicLog as Entries
from tests.trustee_town import PURPOSE, Town


@dataclass
class CalledLog:
    """`Recorder` and `History` over the entries of a test. It can be down."""

    log: Entries
    is_down: bool = False

    def record(self, entries: Sequence[Entry]) -> Sequence[LogProof]:
        if self.is_down:
            raise Unavailable("recorder.unreachable", "the log did not answer")
        self.log.now += timedelta(seconds=1)
        positions = [self._position(entry.encode()) for entry in entries]
        node, size = self._nodes(), len(self.log.entries)
        return [
            build_receipt(
                self.log.entries[index],
                index=index,
                path=tree.build_inclusion_proof(index, size, node),
                checkpoint=self.log.checkpoint(),
            )
            for index in positions
        ]

    def consistency(self, old: int, new: int) -> tuple[bytes, ...]:
        return tuple(tree.build_consistency_proof(old, new, self._nodes()))

    def _position(self, entry: bytes) -> int:
        if entry not in self.log.entries:
            self.log.entries.append(entry)
        return self.log.entries.index(entry)

    def _nodes(self) -> tree.NodeReader:
        return tree.memory_nodes([tree.leaf_hash(entry) for entry in self.log.entries])


@dataclass
class CalledTrustees:
    """`Trustees` over the roles of a test. Those in `down` do not answer."""

    town: "RegistryTown"
    down: set[int] = field(default_factory=set)

    def kept_size(self, trustee: Trustee) -> int:
        self._reach(trustee)
        kept = self.town.trustee(trustee.index).kept_checkpoint()
        return 0 if kept is None else kept.checkpoint.size

    def send(self, trustee: Trustee, message: Message, body: bytes) -> None:
        self._reach(trustee)
        called, now = self.town.trustee(trustee.index), self.town.log.now
        match message:
            case Message.OFFICER:
                called.take_officer(body)
            case Message.ATTESTATION:
                called.take_attestation(body)
            case Message.TRUSTEE_SET:
                called.take_set(body)
            case Message.CONFIRMATION:
                called.confirm(body, now=now, entropy=os.urandom)
            case Message.DISCLOSURE:
                called.disclose(body, now=now, entropy=os.urandom)
            case Message.REVOCATION:
                called.take_revocation(body, now=now)

    def ask(self, trustee: Trustee, path: str, body: bytes) -> bytes:
        self._reach(trustee)
        called, now = self.town.trustee(trustee.index), self.town.log.now
        match path:
            case "changes":
                return called.propose(body, now=now)
            case "ceremonies":
                return called.take_part(body, now=now, entropy=os.urandom)
            case "revocations":
                called.take_revocation(body, now=now)
            case "ended-changes":
                called.end_change(body, now=now)
            case "recovery-pieces":
                return called.cut_pieces(body, now=now)
            case "recovery-sums":
                return called.add_up(body, now=now)
            case "recovery-shares":
                return called.take_shares(body, now=now, entropy=os.urandom)
            case _:
                raise AssertionError(path)
        return b""

    def _reach(self, trustee: Trustee) -> None:
        if trustee.index in self.down:
            raise Unavailable("trustee.unreachable", "the trustee did not answer")


class RegistryTown(Town):
    """`Town` with a registry, which publishes and shows everything; made ready for officers by `open_doors`."""

    def __init__(self, store: RegistryStore | None = None) -> None:
        super().__init__()
        self.registry_store: RegistryStore = store or MemoryRegistryStore()
        self.peppers = Peppers({PURPOSE: Secret(os.urandom(PEPPER_BYTES))})
        self.called_log = CalledLog(self.log)
        self.called_trustees = CalledTrustees(self)
        self.notices: list[tuple[str, str]] = []

    @property
    def registry(self) -> Registry:
        """The registry's process, started anew."""
        return Registry(
            self.agency_signer,
            self.agency_recipient,
            self.peppers,
            RegistryPolicy(
                replace(self.policy(), waiting_time=timedelta(0)),
                self.agency.public_key,
                {fingerprint(self.auditor.public_key): self.auditor.public_key},
            ),
            self.registry_store,
            PublicLog(self.called_log, self.called_log, POLICY.digest),
        )

    def open_doors(self) -> None:
        """A key, a trustee set, an officer, an attestation; everybody knows of everything."""
        _, followed = self.conduct(self.call())
        assert followed.outcome is not None
        self.key = followed.outcome.key
        self.trustee_set = replace(self.trustee_set, purposes=(self.key,))
        publish_set(
            self.registry, TRUSTEE_SET.sign(self.trustee_set, signer=self.agency), now=self.log.now, entropy=os.urandom
        )
        self.deliver()
        self.admit(self.officer_signer)
        self.log.now += timedelta(days=3)
        self.attest()

    def admit(self, signer: SoftwareSigner, *, roles: frozenset[Role] = frozenset(Role)) -> None:
        certificate = OfficerCertificate(
            fingerprint(self.agency.public_key),
            signer.public_key,
            roles,
            NOW - timedelta(days=1),
            NOW + timedelta(days=700),
        )
        signed = OFFICER_CERTIFICATE.sign(certificate, signer=self.agency)
        publish_officer(self.registry, signed, now=self.log.now, entropy=os.urandom)
        self.deliver()

    def attest(self, *, expires: date | None = None) -> None:
        """Shown to the registry, which shows it to the trustees."""
        from diptych.formats.mandate.attestation import AUDIT_ATTESTATION
        from diptych.formats.tlog.entry import ActorClass, ActType
        from diptych.protocols.certifying.standing import AttestationNews

        signed = AUDIT_ATTESTATION.sign(self.attestation(expires), signer=self.auditor)
        logged = self.log.record(
            self.published_act("attestation", ActType.AUDIT_ATTESTED, ActorClass.AUDITOR, signed.digest)
        )
        shown = self.log.show(*logged, kept=self.registry.kept_checkpoint())
        self.registry.take_attestation(AttestationNews(signed, shown).encode())
        self.deliver()

    def deliver(self) -> int:
        return deliver_waiting(
            self.registry,
            self.called_trustees,
            most=1000,
            notice=lambda name, check: self.notices.append((name, check)),
        )

    # What a workstation does

    def values(self, name: bytes, positions: int = 4) -> tuple[Secret, ...]:
        return tuple(Secret(bytes([at]) + name.ljust(31, b".")) for at in range(positions))

    def enrolment(
        self,
        content: RecordContent,
        *,
        seen: tuple[bytes, ...] = (),
        predecessor: Predecessor | None = None,
        signer: SoftwareSigner | None = None,
    ) -> tuple[FreshlySealed, bytes]:
        """A record sealed and deposited with everyone, and what goes to the registry."""
        fresh = self.sealed(content, predecessor=predecessor)
        acknowledgements = []
        for seat in self.seats:
            body = self.deposit_for(fresh, seat.index, content.chain if predecessor is None else None)
            answer = self.trustee(seat.index).take_deposit(body, now=self.log.now, entropy=os.urandom)
            acknowledgements.append(ACKNOWLEDGEMENT.parse(answer))
        enrolment = Enrolment(
            fingerprint(self.officer_signer.public_key),
            fresh.signed,
            "driving-licence",
            None if predecessor is None else "a name was misspelt",
            content.chain if predecessor is None else None,
            content.lookups,
            seen,
            tuple(acknowledgements),
        )
        return fresh, ENROLMENT.sign(enrolment, signer=signer or self.officer_signer).encode()

    def enrol(self, content: RecordContent, *, seen: tuple[bytes, ...] = ()) -> FreshlySealed:
        fresh, body = self.enrolment(content, seen=seen)
        self.registry.enrol(body, now=self.log.now, entropy=os.urandom)
        self.deliver()
        return fresh

    def correct(self, content: RecordContent, fresh: FreshlySealed) -> tuple[FreshlySealed, ShownAct]:
        version = RecordVersion.of(fresh.signed)
        predecessor = Predecessor(version.record_id, version.number, version.record_hash)
        corrected, body = self.enrolment(content, predecessor=predecessor)
        shown = parse_shown_act(self.registry.enrol(body, now=self.log.now, entropy=os.urandom))
        self.deliver()
        return corrected, shown

    def tag_request(self, values: tuple[Secret, ...], **changed: object) -> bytes:
        request = TagRequest(
            fingerprint(self.officer_signer.public_key), PURPOSE, "enrolment", os.urandom(16), self.log.now, values
        )
        return TAG_REQUEST.sign(replace(request, **changed), signer=self.officer_signer).encode()  # type: ignore[arg-type]

    def find(self, values: tuple[Secret, ...]) -> TagAnswer:
        return parse_tag_answer(self.registry.look_up(self.tag_request(values), now=self.log.now, entropy=os.urandom))
