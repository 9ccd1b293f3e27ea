"""Values that must not be seen: personal data and secrets, in types whose repr says nothing.

Taking the value out is a visible act, `reveal()`, so that a reader (and grep) finds every place that does.
"""

import hmac
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")


class Personal(Generic[T]):
    """One piece of data about a person. Compares by value; prints as nothing."""

    __slots__ = ("_value",)

    def __init__(self, value: T) -> None:
        self._value = value

    def reveal(self) -> T:
        """The value itself; the caller answers for where it goes."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Personal) and bool(self._value == other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "<personal>"

    def __format__(self, spec: str) -> str:
        return "<personal>"


class Secret:
    """Key material, a token or a code: bytes compared in constant time and never shown."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves; the caller answers for where they go."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> NoReturn:
        raise TypeError("a Secret is not hashable: hash tables compare in variable time")

    def __repr__(self) -> str:
        return "<secret>"

    def __format__(self, spec: str) -> str:
        return "<secret>"
