"""What a role tells its operator: one JSON object per line on stderr, in closed words (docs/decisions/0007).

No member of a line is text: a person's data has nowhere to go. Counting the same events is left to `counters`, what is
worth a line to whoever calls.
"""

import functools
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from importlib.machinery import SourceFileLoader
from pathlib import Path
from signal import Signals
from types import CodeType

from diptych.adapters.counters import Counters
from diptych.errors import DiptychError
from diptych.formats import strict_json

STDERR = 2
REQUEST_ID_BYTES = 8
MAX_PLACES = 4
_PACKAGE = Path(__file__).parents[1]
_CHECK = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
_MAX_CHECK = 64


class Role(StrEnum):
    """Who writes."""

    ISSUER = "issuer"
    VERIFIER = "verifier"
    LOG = "log"
    WITNESS = "witness"
    TRUSTEE = "trustee"
    REGISTRY = "registry"


class Event(StrEnum):
    """What happened."""

    LISTENING = "listening"
    STOPPING = "stopping"
    STOPPED = "stopped"
    REQUEST = "request"
    """A request was answered: `endpoint`, `status`, `ms`, and `check` where one failed."""
    REQUEST_KILLED = "request_killed"
    """The process of a request was ended by a `signal`: SIGALRM, if it took too long. Its client got no answer."""
    HANDSHAKE_FAILED = "handshake_failed"
    """A connection spoke no TLS that is accepted here."""
    BUSY = "busy"
    """No process could be started for a connection."""
    WORKER_STARTED = "worker_started"
    WORKER_DIED = "worker_died"
    """A web process of the verifier ended by itself; another takes its place."""
    CHORE = "chore"
    """What is done from time to time was done, or failed by the name in `check`."""
    BUG = "bug"
    """Something that nobody foresaw: `fault` says which type of error, and where."""
    LIBRARY = "library"
    """A library had something to say: which one, and how loud. What it said is not repeated."""


class Endpoint(StrEnum):
    """What was asked for: the names of the handlers. A new one is added here on purpose."""

    METADATA = "metadata"
    SERVER_METADATA = "server_metadata"
    TOKEN = "token"  # noqa: S105  # a name, not a token
    NONCE = "nonce"
    CREDENTIAL = "credential"
    STANDINGS = "standings"
    STATUS_LIST = "status_list"
    TOLD = "told"
    ORDERS = "orders"
    EPOCHS = "epochs"
    BUCKET = "bucket"
    POLICIES = "policies"
    ASK = "ask"
    RESULT = "result"
    QR = "qr"
    REQUEST_OBJECT = "request_object"
    RESPONSE = "response"
    ENTRIES = "entries"
    CHECKPOINT = "checkpoint"
    TILE = "tile"
    LABELS = "labels"
    PAGE = "page"
    SEARCH = "search"
    STYLE = "style"
    ADD_CHECKPOINT = "add_checkpoint"
    TRUSTEE = "trustee"
    TAGS = "tags"
    ENROLMENTS = "enrolments"
    RECORDS = "records"
    REQUESTS = "requests"
    OUTCOMES = "outcomes"
    TRUSTEE_SET = "trustee_set"
    ACT = "act"
    KEPT_CHECKPOINT = "kept_checkpoint"
    OFFICERS = "officers"
    REVOCATIONS = "revocations"
    ATTESTATIONS = "attestations"
    CEREMONIES = "ceremonies"
    TRUSTEE_SETS = "trustee_sets"
    PREKEYS = "prekeys"
    DEPOSITS = "deposits"
    CONFIRMATIONS = "confirmations"
    LOOKUPS = "lookups"
    OPENINGS = "openings"
    DISCLOSURES = "disclosures"
    ERASURES = "erasures"
    ERASURE_ORDERS = "erasure_orders"
    HEALTH = "health"
    READY = "ready"
    METRICS = "metrics"
    OPENAPI = "openapi"
    NONE = "none"
    """Nothing that is here."""


class Library(StrEnum):
    """Who else writes to Python's own logging."""

    ASYNCIO = "asyncio"
    UVICORN = "uvicorn"
    SQLALCHEMY = "sqlalchemy"
    ALEMBIC = "alembic"
    HTTPX = "httpx"
    OTHER = "other"


class Loudness(StrEnum):
    """How much a library minds."""

    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Check:
    """The name of a check of ours. One that does not stand in this program as a constant is `other`."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in words_of_this_program():
            object.__setattr__(self, "name", OTHER_CHECK)


OTHER_CHECK = "other"


@dataclass(frozen=True)
class Fault:
    """Type and place of a bug. Not its message: that may quote what somebody sent."""

    error: str
    places: tuple[str, ...]


def fault_of(error: BaseException) -> Fault:
    """Where it happened, innermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    places = tuple(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-MAX_PLACES:]))
    return Fault(type(error).__name__, places)


@dataclass(frozen=True)
class RequestId:
    """A number drawn for one request, so that its lines are found together. It never leaves this role."""

    number: bytes = field(default_factory=lambda: os.urandom(REQUEST_ID_BYTES))


@dataclass(frozen=True)
class Line:
    """One event. There is no member in which text from outside would fit."""

    event: Event
    endpoint: Endpoint | None = None
    status: int | None = None
    milliseconds: int | None = None
    check: Check | None = None
    request: RequestId | None = None
    signal: Signals | None = None
    fault: Fault | None = None
    library: Library | None = None
    loudness: Loudness | None = None


class Journal:
    """One role's journal, and the counters beside it. Each line is one write, so that processes can share it."""

    def __init__(self, role: Role, counters: Counters | None = None, *, descriptor: int = STDERR) -> None:
        self._role = role
        self._counters = counters
        self._descriptor = descriptor

    def write(self, line: Line) -> None:
        """Write and count it. A journal that cannot be written stops nothing: the role serves on."""
        if self._counters is not None:
            self._count(self._counters, line)
        members: dict[str, strict_json.Json] = {
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "role": self._role.value,
            "event": line.event.value,
            "request": None if line.request is None else line.request.number.hex(),
            "endpoint": line.endpoint,
            "status": line.status,
            "ms": line.milliseconds,
            "check": None if line.check is None else line.check.name,
            "signal": None if line.signal is None else line.signal.name,
            "fault": None if line.fault is None else line.fault.error,
            "at": None if line.fault is None else list(line.fault.places),
            "library": line.library,
            "loudness": line.loudness,
        }
        data = strict_json.encode({name: value for name, value in members.items() if value is not None}) + b"\n"
        if self._descriptor == STDERR:
            sys.stderr.flush()
        try:
            os.write(self._descriptor, data)
        except OSError:
            return

    def event(self, event: Event) -> None:
        """An event about which there is nothing more to say."""
        self.write(Line(event))

    def bug(self, error: BaseException, request: RequestId | None = None) -> None:
        """Something that nobody foresaw."""
        self.write(Line(Event.BUG, fault=fault_of(error), request=request))

    def chore(self, error: BaseException | None = None) -> None:
        """What is done from time to time was done, or failed."""
        if error is None or isinstance(error, DiptychError):
            self.write(Line(Event.CHORE, check=None if error is None else Check(error.check)))
        else:
            self.bug(error)

    def take_over_logging(self) -> None:
        """From now on, libraries that log are reduced to their name: asyncio, for one, names peers' addresses."""
        words_of_this_program()
        root = logging.getLogger()
        root.handlers[:] = [_LibraryHandler(self)]
        root.setLevel(logging.WARNING)
        for name in list(logging.root.manager.loggerDict):
            logger = logging.getLogger(name)
            logger.handlers.clear()
            logger.propagate = True

    def _count(self, counters: Counters, line: Line) -> None:
        check = "" if line.check is None else line.check.name
        if line.event is Event.REQUEST:
            endpoint = Endpoint.NONE if line.endpoint is None else line.endpoint
            counters.request(self._role, endpoint, line.status or 0, check, (line.milliseconds or 0) / 1000)
        else:
            reason = check or (line.signal.name if line.signal else "") or (line.library or "")
            counters.event(self._role, line.event, reason)


class Stopwatch:
    """Whole milliseconds since it was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def milliseconds(self) -> int:
        """So far."""
        return round((time.perf_counter() - self._started) * 1000)


class _LibraryHandler(logging.Handler):
    def __init__(self, journal: Journal) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        name = record.name.partition(".")[0]
        self._journal.write(
            Line(
                Event.LIBRARY,
                library=Library(name) if name in set(Library) else Library.OTHER,
                loudness=Loudness.ERROR if record.levelno >= logging.ERROR else Loudness.WARNING,
            )
        )


@functools.cache
def words_of_this_program() -> frozenset[str]:
    """Every constant in this program's code that looks like the name of a check: nothing that came from outside.

    Read from the compiled code once; a process that forks asks before it does, so that its children need not.
    """
    found: set[str] = {OTHER_CHECK}
    for path in sorted(_PACKAGE.rglob("*.py")):
        name = ".".join((_PACKAGE.name, *path.relative_to(_PACKAGE).with_suffix("").parts))
        code = SourceFileLoader(name, str(path)).get_code(name)
        if code is not None:
            found.update(word for word in _constants(code) if len(word) <= _MAX_CHECK and _CHECK.fullmatch(word))
    return frozenset(found)


def _constants(constant: object) -> Iterator[str]:
    if isinstance(constant, str):
        yield constant
    elif isinstance(constant, CodeType):
        yield from _constants(constant.co_consts)
    elif isinstance(constant, tuple | frozenset):
        for one in constant:
            yield from _constants(one)
