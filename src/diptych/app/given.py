"""What comes from outside a role's folder: tokens that hold keys, and trust files."""

from pathlib import Path
from typing import TYPE_CHECKING

from diptych.config import read_token
from diptych.errors import FormatError

if TYPE_CHECKING:
    from diptych.adapters.keys.pkcs11_uri import TokenAccess


def token_access() -> "TokenAccess":
    from diptych.adapters.keys.pkcs11_uri import TokenAccess

    settings = read_token()
    return TokenAccess(settings.module, settings.pin, settings.pin_file)


def read_trust(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FormatError("wallet.trust_file", f"{path.name} cannot be read: {error.strerror}") from error
