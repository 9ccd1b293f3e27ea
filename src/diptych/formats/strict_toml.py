"""TOML read totally: a table or `FormatError`, with the line that has to be mended."""

import tomllib
from collections.abc import Collection
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


# Readers for what settings of this kind are made of: the value, or `FormatError` that says what it may be.


def number(table: TomlTable, name: str, *, most: int, least: int = 1, default: int | None = None) -> int:
    """The whole number called `name`."""
    value = table.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise FormatError(f"toml.{name}", f"'{name}' is a whole number from {least} to {most}")
    return value


def day(table: TomlTable, name: str) -> date:
    """The day called `name`."""
    value = table.get(name)
    if not isinstance(value, date) or isinstance(value, datetime):
        raise FormatError(f"toml.{name}", f"'{name}' is a day, such as 2026-01-31, without quotes")
    return value


def switch(table: TomlTable, name: str) -> bool:
    """The switch called `name`; off where nothing is said."""
    value = table.get(name, False)
    if not isinstance(value, bool):
        raise FormatError(f"toml.{name}", f"'{name}' is true or false")
    return value


def table_of(table: TomlTable, name: str) -> TomlTable:
    """The table called `name`; empty where there is none."""
    value = table.get(name, {})
    if not isinstance(value, dict):
        raise FormatError("toml.table", f"'{name}' is a table: [{name}]")
    return value


def only(table: TomlTable, known: Collection[str], where: str) -> None:
    """`FormatError` for a name that nobody knows: a misspelt limit must not quietly be none."""
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise FormatError("toml.unknown", f"{where} has no '{unknown[0]}': known are {', '.join(sorted(known))}")
