"""Builds with one defence removed, or with a thief inside: the same program, changed in one named place.

`python -m diptych.drill.builds CHANGE diptych ...` is `diptych ...` so changed. Each module has one `change()` and says
what it takes away. They exist to show that an attack can win.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def without(module: ModuleType, check: str) -> Iterator[None]:
    """This process without one check of a module, until the block ends: whatever is checked passes."""
    kept = getattr(module, check)
    setattr(module, check, lambda *arguments, **named: None)
    try:
        yield
    finally:
        setattr(module, check, kept)
