"""The http(s) URLs that name issuers and their endpoints, split where RFC 8414 and OpenID4VCI need them split.

Nothing is fetched here. Plain http is for this machine alone: anywhere else an issuer is an https URL.
"""

import re
from dataclasses import dataclass

from diptych.errors import FormatError

MAX_CHARACTERS = 2048
DEFAULT_PORTS = {"https": "443", "http": "80"}
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)",
    # ASCII: without it a long s is an s and the Kelvin sign a k, and `http\u017f` a scheme.
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True)
class HttpUrl:
    """An absolute http(s) URL without user, query or fragment. `text` is exactly as it was written."""

    text: str
    scheme: str
    host: str
    port: str
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port as written in a URL; the default port is left out."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"

    @property
    def normalized(self) -> str:
        """What RFC 9449 4.3 compares: scheme and host in lower case, no default port, `/` for no path."""
        return self.origin + (self.path or "/")

    def well_known(self, name: str) -> str:
        """Where metadata `name` is: inserted between host and path (RFC 8414 3.1, OpenID4VCI 1.0 12.2.2)."""
        return f"{self.origin}/.well-known/{name}{self.path.rstrip('/')}"


def parse_url(text: str) -> HttpUrl:
    """An https URL, or an http one of this machine, with neither user, query nor fragment; else `FormatError`."""
    match = _URL.fullmatch(text) if len(text) <= MAX_CHARACTERS else None
    if match is None:
        raise FormatError("url", "expected an absolute http(s) URL without user, query or fragment")
    scheme, host = match["scheme"].lower(), match["host"].lower()
    if scheme == "http" and host not in LOOPBACK_HOSTS:
        # OpenID4VCI 1.0 12.2.1 asks for https; loopback is the one exception, for a town on one machine.
        raise FormatError("url.scheme", "http is accepted on this machine only: use an https URL")
    port = match["port"] or DEFAULT_PORTS[scheme]
    if int(port) > 65535:
        raise FormatError("url.port", "a port is at most 65535")
    return HttpUrl(text, scheme, host, port, match["path"])
