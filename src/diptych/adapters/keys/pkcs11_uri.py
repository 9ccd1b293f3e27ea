"""Where a key is in a token: `pkcs11:token=...;object=...` (RFC 7512), as far as it is used here.

Names a token and an object in it, and files that hold the PIN and the module. A PIN in the URI itself is refused: it
would lie wherever the URI is written.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from diptych.errors import FormatError
from diptych.private import Secret

SCHEME = "pkcs11:"
MAX_CHARACTERS = 1024
PATH = ("token", "serial", "object", "id")
QUERY = ("module-path", "pin-source")
_VALUE = re.compile(r"(?:[A-Za-z0-9\-._~:\[\]@!$'()*+,=&/?|]|%[0-9A-Fa-f]{2})+")
_UNRESERVED = "-._~"


@dataclass(frozen=True)
class TokenAccess:
    """What reaches tokens whose URI does not say it itself: the module to load, and the PIN or the file it is in."""

    module: Path | None = None
    pin: Secret | None = field(default=None, repr=False)
    pin_file: Path | None = None


@dataclass(frozen=True)
class TokenKey:
    """A key in a token. `object` may be missing only where a name is still to be given (`named`)."""

    token: str
    object: str | None = None
    serial: str | None = None
    id: bytes | None = None
    module_path: str | None = None
    pin_source: str | None = None
    """The path of the file with the PIN."""

    def encode(self) -> str:
        """The URI; `parse` reads it back."""
        path = {"token": self.token, "serial": self.serial, "object": self.object}
        parts = [f"{name}={quote(value, safe=_UNRESERVED)}" for name, value in path.items() if value is not None]
        if self.id is not None:
            parts.append("id=" + "".join(f"%{byte:02X}" for byte in self.id))
        query = {"module-path": self.module_path, "pin-source": self.pin_source}
        tail = "&".join(f"{name}={quote(value, safe=_UNRESERVED + '/')}" for name, value in query.items() if value)
        return SCHEME + ";".join(parts) + (f"?{tail}" if tail else "")


def is_token_uri(location: str) -> bool:
    """Whether a key's location is one in a token, and not a file."""
    return location.startswith(SCHEME)


def token_of(uri: str) -> str:
    """The URI of the token that `uri` names a key in, and of how to reach it."""
    return replace(parse(uri), object=None, id=None).encode()


def names_one_key(uri: str) -> bool:
    """Whether the URI names a key, and not only its token; `FormatError` if it is none."""
    key = parse(uri)
    return key.object is not None or key.id is not None


def parse(uri: str) -> TokenKey:
    """The key that `uri` names, or `FormatError`. An attribute that is not understood could change which one it is."""
    if not uri.startswith(SCHEME) or len(uri) > MAX_CHARACTERS:
        raise FormatError("pkcs11.uri", f"a token's key is written {SCHEME}token=...;object=...")
    path, has_query, query = uri.removeprefix(SCHEME).partition("?")
    found = _attributes(path, ";", PATH)
    extra = _attributes(query, "&", QUERY) if has_query else {}
    if "token" not in found:
        raise FormatError("pkcs11.token", "the URI must name the token: pkcs11:token=...")
    source = None if "pin-source" not in extra else _text(extra["pin-source"]).removeprefix("file:")
    if source is not None and (not source or source.startswith("|")):
        # RFC 7512 7: a command in the place of a file would be run by whoever reads the settings.
        raise FormatError("pkcs11.pin_source", "pin-source is the path of a file with the PIN")
    texts = {name: _text(value) for name, value in found.items() if name != "id"}
    return TokenKey(
        token=texts["token"],
        object=texts.get("object"),
        serial=texts.get("serial"),
        id=found.get("id"),
        module_path=None if "module-path" not in extra else _text(extra["module-path"]),
        pin_source=source,
    )


def with_object(key: TokenKey, name: str) -> TokenKey:
    """The same token, and a key of that name in it."""
    return replace(key, object=name)


def _attributes(text: str, separator: str, known: tuple[str, ...]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for part in text.split(separator):
        name, _, value = part.partition("=")
        if name == "pin-value":
            raise FormatError("pkcs11.pin_value", "a PIN does not belong in a URI: use pin-source=FILE")
        if name not in known or name in found or not _VALUE.fullmatch(value):
            raise FormatError("pkcs11.uri", f"each of {', '.join(known)} may stand once in the URI, and nothing else")
        found[name] = unquote_to_bytes(value)
    return found


def _text(value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("pkcs11.uri", "names in the URI are UTF-8") from error
    if not text.isprintable():
        raise FormatError("pkcs11.uri", "names in the URI are printable")
    return text
