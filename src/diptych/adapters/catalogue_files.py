"""The catalogue from files: the packaged document types, and those that a deployment adds in a folder of its own."""

from pathlib import Path

from diptych.errors import FormatError, Unavailable
from diptych.formats import catalogue
from diptych.formats.catalogue.model import Catalogue, DocumentType
from diptych.formats.catalogue.parse import build_catalogue, parse_type

PACKAGED = Path(catalogue.__file__).parent


def load_catalogue(extra: Path | None = None) -> Catalogue:
    """Every type packaged, and every `*.toml` of the folder `extra`; `FormatError` names the file to mend."""
    folders = [PACKAGED] if extra is None else [PACKAGED, extra]
    return build_catalogue(_load(path) for folder in folders for path in sorted(folder.glob("*.toml")))


def _load(path: Path) -> DocumentType:
    try:
        return parse_type(path.read_bytes())
    except FormatError as error:
        raise FormatError(error.check, f"{path.name}:\n{error.message}") from error
    except OSError as error:
        raise Unavailable("catalogue.read", f"{path.name} cannot be read: {error.strerror}") from error
