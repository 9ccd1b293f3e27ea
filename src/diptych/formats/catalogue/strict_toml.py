"""TOML read totally: a table or `FormatError`, with the line that has to be mended."""

import tomllib
from datetime import date, datetime, time
from typing import TypeAlias, cast

from diptych.errors import FormatError

TomlValue: TypeAlias = "str | int | float | bool | datetime | date | time | list[TomlValue] | dict[str, TomlValue]"
TomlTable: TypeAlias = "dict[str, TomlValue]"

MAX_BYTES = 4 * 1024 * 1024
"""Room for a portrait written into the file itself."""


def parse_table(data: bytes) -> TomlTable:
    """The TOML document in `data`, or `FormatError`. A parser's message may quote a character, never a value."""
    if len(data) > MAX_BYTES:
        raise FormatError("toml.size", f"the file has more than {MAX_BYTES} bytes")
    try:
        # tomllib's own description: nothing but these types.
        return cast("TomlTable", tomllib.loads(data.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise FormatError("toml.text", "the file is not UTF-8 text: save it as UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise FormatError("toml", f"the file is not valid TOML: {_where(error)}") from error


def _where(error: Exception) -> str:
    # Only tomllib's own sentences are passed on; other errors may quote what a person wrote.
    if isinstance(error, tomllib.TOMLDecodeError) and "(at " in str(error):
        place = str(error).rpartition("(at ")[2].rstrip(")")
        return f"look at {place}; texts stand in double quotes, dates as 1999-12-31 without quotes"
    return "a value is out of range or nested too deeply"
