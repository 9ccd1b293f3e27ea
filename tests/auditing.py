"""An auditor before a log, a registry and its trustees, in one process: what its tests share."""

from dataclasses import dataclass, field

from diptych.errors import Unavailable
from diptych.protocols.reading.memory import MemoryLogFiles
from diptych.roles.auditor.attesting import Auditor
from diptych.roles.auditor.fakes import MemoryBook
from tests.formats.tlog_specimen import POLICY, files_of
from tests.registry_town import RegistryTown


@dataclass
class CalledRegistryLine:
    """`RegistryLine` over the role. It can be down."""

    town: RegistryTown
    is_down: bool = False

    def send(self, path: str, body: bytes | None) -> bytes:
        if self.is_down:
            raise Unavailable("holder.unreachable", "nobody answers")
        if path == "checkpoint":
            kept = self.town.registry.kept_checkpoint()
            return b"" if kept is None else kept.signed.encode()
        assert (path, body is not None) == ("attestations", True)
        self.town.registry.take_attestation(body or b"")
        self.town.deliver()
        return b""


@dataclass
class AuditingTown:
    """A town with an accredited auditor, whose memory outlives its processes."""

    town: RegistryTown
    book: MemoryBook = field(default_factory=MemoryBook)

    def __post_init__(self) -> None:
        self.line = CalledRegistryLine(self.town)

    @property
    def files(self) -> MemoryLogFiles:
        log = self.town.log
        return MemoryLogFiles({**files_of(log.entries), "checkpoint": log.checkpoint().encode()})

    @property
    def auditor(self) -> Auditor:
        """The auditor's process, started anew."""
        town = self.town
        return Auditor(town.auditor, POLICY, self.files, town.called_log, town.called_log, self.line, self.book)
