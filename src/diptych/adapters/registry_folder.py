"""The registry's folder: the agency's keys, whom it believes, its policy, and its way into the log.

agency.key.pem  agency.pem     the certifying key: officers and trustee sets; kept apart from the server where one can
service.key.pem                signs the key service's answers
recipient.seeds                opens the agency's halves
peppers/PURPOSE.secret         the agency's part of every tag, one for each lookup purpose
auditors/*.pem  courts/*.pem   whom its policy speaks of, by file name
policy.toml                    what the key service asks before it answers
log.policy  log.key.pem        the log, and the key that records in it: see `log_writer`
"""

from collections.abc import Sequence
from pathlib import Path

from diptych.adapters import log_writer, trustee_folder
from diptych.adapters.founding import founded
from diptych.adapters.keys import file, locations
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.crypto import hpke
from diptych.crypto.entropy import Entropy
from diptych.crypto.hpke import HybridRecipient
from diptych.crypto.lookup_prf import PEPPER_BYTES
from diptych.crypto.signing import Signer, fingerprint
from diptych.errors import FormatError, Unavailable
from diptych.formats import base64url
from diptych.formats.strict_toml import only, parse_table
from diptych.formats.tlog.policy import Policy
from diptych.private import Secret
from diptych.protocols.opening import policy_file
from diptych.roles.registry.key_service import Peppers
from diptych.roles.registry.service import RegistryPolicy

DATABASE = "registry.db"
AGENCY_KEY, AGENCY, SERVICE_KEY, RECIPIENT = "agency.key.pem", "agency.pem", "service.key.pem", "recipient.seeds"
PEPPERS, AUDITORS, COURTS, POLICY = "peppers", "auditors", "courts", "policy.toml"
LOG_KEY = "log.key.pem"
MAX_BYTES = 1024 * 1024


def create(
    folder: Path,
    *,
    purposes: Sequence[str],
    policy: str,
    log_policy: Policy,
    log_url: str | None,
    settings: tuple[str, str],
    key: str | None,
    access: TokenAccess,
    entropy: Entropy,
) -> None:
    """A new registry's folder, whole or not at all; `Conflict` if something is there already.

    `settings` are the settings file's name and text, to which the keys' and the log's places are added.
    """
    with founded(folder, "registry") as beside:
        places, lines = {"agency_key": (AGENCY_KEY, "agency"), "service_key": (SERVICE_KEY, "service")}, ""
        for setting, (name, label) in places.items():
            location, signer = locations.make_signer(
                key, beside, access, file_name=name, label=f"diptych-registry-{label}"
            )
            lines += log_writer.settings_text(**{setting: location})
            if setting == "agency_key":
                file.write_public_key(beside / AGENCY, signer.public_key)
        trustee_folder.write_secret(beside / RECIPIENT, hpke.generate_recipient().seeds())
        for empty in (AUDITORS, COURTS, PEPPERS):
            (beside / empty).mkdir(mode=0o700)
        for purpose in purposes:
            trustee_folder.write_secret(beside / PEPPERS / f"{purpose}.secret", Secret(entropy(PEPPER_BYTES)))
        (beside / POLICY).write_text(policy, encoding="utf-8")
        lines += log_writer.join(beside, log_policy, url=log_url, key=key, key_file=LOG_KEY, access=access)
        (beside / settings[0]).write_text(settings[1] + lines, encoding="utf-8")
        read_policy(beside, log_policy)


def read_policy(folder: Path, log: Policy) -> RegistryPolicy:
    """What the key service asks, and whom it believes, from the files of the folder."""
    auditors, courts = (
        {path.stem: file.read_public_key(path) for path in sorted((folder / name).glob("*.pem"))}
        for name in (AUDITORS, COURTS)
    )
    table = parse_table(_read(folder / POLICY))
    only(table, policy_file.MEMBERS, POLICY)
    return RegistryPolicy(
        policy_file.read_holder_policy(table, log=log, courts=courts),
        file.read_public_key(folder / AGENCY),
        {fingerprint(key): key for key in auditors.values()},
    )


def read_recipient(folder: Path) -> HybridRecipient:
    """The key that the agency's halves are sealed to."""
    return hpke.load_recipient(_secret(folder / RECIPIENT))


def read_peppers(folder: Path) -> Peppers:
    """The pepper of each lookup purpose."""
    return Peppers({path.stem: _secret(path) for path in sorted((folder / PEPPERS).glob("*.secret"))})


def read_signer(folder: Path, location: str, access: TokenAccess) -> Signer:
    """The key that the certifying statements, or the key service's answers, are signed with."""
    return locations.open_signer(location, folder, access)


def _secret(path: Path) -> Secret:
    text = file.read_secret(path).reveal().decode("ascii", "replace")
    return Secret(base64url.decode(text))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(MAX_BYTES)
    except FileNotFoundError as error:
        raise FormatError("registry.missing", f"there is no {path.name} there: run `init` first") from error
    except OSError as error:
        raise Unavailable("registry.read", f"{path.name} cannot be read: {error.strerror}") from error
