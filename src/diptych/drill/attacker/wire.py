"""A network observer: a relay between two parties that keeps every byte, as if TLS had been broken since."""

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread

CHUNK_BYTES = 64 * 1024


@dataclass
class Relay:
    """Listens at `url`, passes everything on to `port`, and writes it down in `recording`."""

    port: int
    recording: Path
    url: str = ""
    _lock: Lock = field(default_factory=Lock, repr=False)

    def serve(self, listener: socket.socket) -> None:
        """Until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                Thread(target=self._pass_on, args=(near,), daemon=True).start()

    def _pass_on(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)) as far:
            back = Thread(target=self._copy, args=(far, near), daemon=True)
            back.start()
            self._copy(near, far)
            back.join()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            whole = bytearray()
            while data := source.recv(CHUNK_BYTES):
                whole += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        with self._lock, self.recording.open("ab") as file:
            file.write(whole + b"\n")


@contextmanager
def recorded(port: int, recording: Path) -> Iterator[Relay]:
    """A relay in front of a server of this machine, for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(port, recording, f"http://127.0.0.1:{listener.getsockname()[1]}")
        thread = Thread(target=relay.serve, args=(listener,), daemon=True)
        thread.start()
        yield relay
        listener.shutdown(socket.SHUT_RDWR)
