"""The application before either table: a web server with the keys in its memory, and one check forgotten.

`GET /records/ID` answers whoever has a session with whatever record is asked for: the flaw by which the accounts of
11.7 million people were read in April 2026. `GET /search?family_name=...` writes its query to the access log, as web
servers do. Run it with `python -m diptych.drill.baselines.application FOLDER DRILL`: it ends with the process DRILL.
"""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qsl, urlsplit

from diptych.cli.demo_processes import ending_with
from diptych.drill.baselines import table

SESSION = "Bearer a-valid-session"


class Application(ThreadingHTTPServer):
    """One server over one database."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = Lock()
        self.log_file = (folder / "logs" / "access.log").open("a", buffering=1)
        self.keys = table.read_keys(folder / "config" / "settings.toml")
        self.connection = table.connect(folder / "database" / "app.db")


class Handler(BaseHTTPRequestHandler):
    """The application's three addresses."""

    server: Application

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != SESSION:
            self._answer(401, b"{}")
            return
        url = urlsplit(self.path)
        with self.server.lock:
            if url.path == "/search":
                ((name, value),) = parse_qsl(url.query)
                found = table.find(self.server.connection, name, value, self.server.keys)
                self._answer(200, table.as_json({"ids": " ".join(str(number) for number in found)}))
                return
            record = table.read(self.server.connection, int(url.path.rpartition("/")[2]), self.server.keys)
        self._answer(404 if record is None else 200, table.as_json(record or {}))

    def do_DELETE(self) -> None:
        with self.server.lock:
            number = int(self.path.rpartition("/")[2])
            self.server.connection.execute("DELETE FROM people WHERE id = ?", [number])
        self._answer(200, b"{}")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name that the library gives it
        self.server.log_file.write(f"{self.address_string()} {format % args}\n")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ending_with(int(sys.argv[2]))()
    application = Application(Path(sys.argv[1]))
    sys.stdout.write(f"{application.server_address[1]}\n")
    sys.stdout.flush()
    application.serve_forever()
