"""Settings: one frozen dataclass per role. The only reader of the environment and of settings files."""

import tomllib
from pathlib import Path

from diptych.errors import FormatError

SETTINGS_FILE = "settings.toml"


def _read(folder: Path) -> dict[str, object]:
    path = folder / SETTINGS_FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FormatError(
            "settings.missing", f"no {SETTINGS_FILE} in that folder: run the role's `init` first"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError("settings.toml", f"{SETTINGS_FILE} is not valid TOML: {error}") from error
