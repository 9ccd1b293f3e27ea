"""Counts that many processes share: a page of memory, mapped before anything forks, and a lock beside it.

A child that is killed while it counts loses its lock to the kernel and at most one count. What is counted is left to
`journal`; every label is a word of ours. Read as Prometheus' text format 0.0.4.
"""

import fcntl
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

import diptych

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SLOTS = 4096
KEY_BYTES = 192
_SLOT = struct.Struct(f"<H{KEY_BYTES - 2}sq")
_VALUE = struct.Struct("<q")
_VALUE_AT = KEY_BYTES
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"))
"""Upper bounds in seconds: a signature takes a few milliseconds, checking a proof most of a second."""

REQUESTS = "diptych_requests_total"
SECONDS = "diptych_request_seconds"
EVENTS = "diptych_events_total"
_DROPPED = "diptych_counters_dropped_total"
_FAMILIES = (
    (REQUESTS, "counter", "Requests answered, by endpoint, status, and the check that failed if one did."),
    (EVENTS, "counter", "Everything else in the journal, by event and reason."),
    (SECONDS, "histogram", "How long answering took."),
    (_DROPPED, "counter", "Counts for which there was no slot left."),
)
_MICROSECONDS = 1_000_000


class Counters:
    """Adds from any process and thread. Make it before forking; everyone who inherits it counts in the same place."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._slots = slots
        self._memory = mmap.mmap(-1, slots * _SLOT.size)
        self._lock_file = os.memfd_create("diptych-counters")
        self._thread_lock = threading.Lock()
        # Slots are only ever added: what this process has seen of them stays true.
        self._index: dict[str, int] = {}
        self._started = int(time.time())

    def request(self, role: StrEnum, endpoint: StrEnum, status: int, check: str, seconds: float) -> None:
        """One request was answered (status 0: nobody was left to be answered)."""
        of_endpoint = f'role="{role}",endpoint="{endpoint}"'
        bound = next(bound for bound in BUCKETS if seconds <= bound)
        with self._locked():
            self._add(f'{REQUESTS}{{{of_endpoint},status="{status}",check="{check}"}}', 1)
            self._add(f'{SECONDS}_bucket{{{of_endpoint},le="{_number(bound)}"}}', 1)
            self._add(f"{SECONDS}_sum{{{of_endpoint}}}", round(seconds * _MICROSECONDS))

    def event(self, role: StrEnum, event: StrEnum, reason: str) -> None:
        """Something happened."""
        with self._locked():
            self._add(f'{EVENTS}{{role="{role}",event="{event}",reason="{reason}"}}', 1)

    def render(self) -> bytes:
        """Everything counted so far, as Prometheus reads it."""
        with self._locked():
            self._see_new_slots()
            values = {key: self._value(slot) for key, slot in self._index.items()}
        lines: list[str] = []
        for family, kind, meaning in _FAMILIES:
            lines += [f"# HELP {family} {meaning}", f"# TYPE {family} {kind}"]
            own = {key: value for key, value in sorted(values.items()) if key.startswith(family)}
            lines += _histograms(own) if kind == "histogram" else [f"{key} {value}" for key, value in own.items()]
        lines += [
            "# HELP diptych_started_seconds When this role was started, in seconds since 1970.",
            "# TYPE diptych_started_seconds gauge",
            f"diptych_started_seconds {self._started}",
            "# HELP diptych_build_info Which release this is.",
            "# TYPE diptych_build_info gauge",
            f'diptych_build_info{{version="{diptych.__version__}"}} 1',
        ]
        return "\n".join(lines).encode() + b"\n"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._thread_lock:
            # A lock of the process, not of the open file: each forked child competes for itself.
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.lockf(self._lock_file, fcntl.LOCK_UN)

    def _add(self, key: str, count: int) -> None:
        slot = self._slot(key)
        if slot is None:
            slot = self._slot(_DROPPED)
        if slot is not None:
            at = slot * _SLOT.size + _VALUE_AT
            _VALUE.pack_into(self._memory, at, _VALUE.unpack_from(self._memory, at)[0] + count)

    def _slot(self, key: str) -> int | None:
        if key not in self._index:
            self._see_new_slots()
        if key not in self._index:
            encoded, free = key.encode("ascii"), len(self._index)
            # The last slot is for counting what found none.
            if len(encoded) > KEY_BYTES - 2 or free >= self._slots - (key != _DROPPED):
                return None
            _SLOT.pack_into(self._memory, free * _SLOT.size, len(encoded), encoded, 0)
            self._index[key] = free
        return self._index[key]

    def _see_new_slots(self) -> None:
        for slot in range(len(self._index), self._slots):
            length, key, _ = _SLOT.unpack_from(self._memory, slot * _SLOT.size)
            if length == 0:
                return
            self._index[key[:length].decode("ascii")] = slot

    def _value(self, slot: int) -> int:
        value: int = _VALUE.unpack_from(self._memory, slot * _SLOT.size + _VALUE_AT)[0]
        return value


def _histograms(counts: dict[str, int]) -> Iterator[str]:
    """Prometheus' buckets count everything below them; ours count each answer once."""
    for key, microseconds in counts.items():
        name, _, labels = key.partition("{")
        if name != f"{SECONDS}_sum":
            continue
        of_endpoint, total = labels.removesuffix("}"), 0
        for bound in BUCKETS:
            bucket = f'{SECONDS}_bucket{{{of_endpoint},le="{_number(bound)}"}}'
            total += counts.get(bucket, 0)
            yield f"{bucket} {total}"
        yield f"{SECONDS}_sum{{{of_endpoint}}} {microseconds / _MICROSECONDS}"
        yield f"{SECONDS}_count{{{of_endpoint}}} {total}"


def _number(bound: float) -> str:
    return "+Inf" if bound == float("inf") else f"{bound:g}"
