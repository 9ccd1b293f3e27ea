"""JSON read strictly (RFC 8259): no duplicate names, no NaN, no unbounded nesting or numbers."""

import json
from typing import NoReturn, TypeAlias

from diptych.errors import FormatError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 32
MAX_DIGITS = 40


def parse_object(data: bytes | str) -> dict[str, Json]:
    """The JSON object in `data`, or `FormatError`. Sizes are the caller's to limit before it reads."""
    try:
        text = data.decode("utf-8") if isinstance(data, bytes) else data
        value = json.loads(
            text,
            object_pairs_hook=_unique_names,
            parse_constant=_refuse_constant,
            parse_int=_bounded_int,
            parse_float=_bounded_float,
        )
        if "\\ud" in text.lower():
            encode(value)  # half of a surrogate pair is no text, and could not be written again
    except (ValueError, RecursionError) as error:
        raise FormatError("json", "not valid JSON") from error
    if not isinstance(value, dict):
        raise FormatError("json.object", "expected a JSON object")
    _check_depth(value)
    return value


def encode(value: Json) -> bytes:
    """Compact UTF-8 JSON with names in the order given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def member(value: dict[str, Json], name: str, kind: type[str] | type[int] | type[bool]) -> Json:
    """The required member `name` of the given type, or `FormatError` naming it."""
    found = value.get(name)
    if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
        raise FormatError(f"json.{name}", f"'{name}' must be present and a {kind.__name__}")
    return found


def text(value: dict[str, Json], name: str) -> str:
    """The required string member `name`, or `FormatError` naming it."""
    return str(member(value, name, str))


def integer(value: dict[str, Json], name: str) -> int:
    """The required integer member `name`, or `FormatError` naming it."""
    found = member(value, name, int)
    assert isinstance(found, int)
    return found


def _unique_names(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate name")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("number too long")
    return int(digits)


def _bounded_float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("number out of range")
    return value


def _check_depth(value: Json) -> None:
    level: list[Json] = [value]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise FormatError("json.depth", f"nested deeper than {MAX_DEPTH}")


def _children(node: Json) -> list[Json]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
