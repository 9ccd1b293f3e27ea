"""Where the published test vectors are: `../shared/vectors` beside the repository; tests name what is absent."""

from pathlib import Path

import pytest

VECTORS = Path(__file__).resolve().parents[2] / "shared" / "vectors"


def published(name: str) -> Path:
    """The folder or file `name` of the published vectors; skips the test, by name, where it is absent."""
    path = VECTORS / name
    if not path.exists():
        pytest.skip(f"published vectors absent: ../shared/vectors/{name}", allow_module_level=True)
    return path
