"""Policies from files: those of a verifier's folder, which began as copies of the packaged ones."""

from collections.abc import Mapping
from pathlib import Path

from diptych.errors import FormatError, Unavailable
from diptych.roles import verifier
from diptych.roles.verifier.policy import Policy, by_id, parse

PACKAGED = Path(verifier.__file__).parent / "policies"


def load_policies(folder: Path = PACKAGED) -> Mapping[str, Policy]:
    """Every `*.toml` of the folder, by policy id; `FormatError` names the file to mend."""
    return by_id(_load(path) for path in sorted(folder.glob("*.toml")))


def _load(path: Path) -> Policy:
    try:
        return parse(path.read_bytes())
    except FormatError as error:
        raise FormatError(error.check, f"{path.name}: {error.message}") from error
    except OSError as error:
        raise Unavailable("policy.read", f"{path.name} cannot be read: {error.strerror}") from error
