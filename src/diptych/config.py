"""Settings: one frozen dataclass per role. The only reader of the environment and of settings files.

Each setting is said once, beside its field: what it may be, what it is if nobody says, what it means. The environment
(DIPTYCH_ROLE_SETTING) wins over the file. docs/configuration.md lists them all, and a test compares.
"""

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar, get_type_hints

from diptych.errors import FormatError
from diptych.private import Secret
from diptych.protocols.oauth.url import parse_url

SETTINGS_FILE = "settings.toml"
OFFICER_KEY = "officer.key.pem"
TRUSTEE_KEY = "trustee.key.pem"
LOG_KEY = "log.key.pem"
PREFIX = "DIPTYCH_"
WALLET_FOLDER = "DIPTYCH_WALLET"
WALLET_UNLOCKED_BY = "DIPTYCH_WALLET_PASSPHRASE"
WALLET_LOCKED_BY = "DIPTYCH_WALLET_NEW_PASSPHRASE"
BACKUP_UNLOCKED_BY = "DIPTYCH_BACKUP_PASSPHRASE"
LANGUAGE = "DIPTYCH_LANGUAGE"
PKCS11_MODULE = "DIPTYCH_PKCS11_MODULE"
PKCS11_PIN = "DIPTYCH_PKCS11_PIN"
PKCS11_PIN_FILE = "DIPTYCH_PKCS11_PIN_FILE"

# What the environment may hold besides the settings of roles, for docs/configuration.md.
OTHER_VARIABLES: Mapping[str, str] = {
    WALLET_FOLDER: "The wallet's folder, where `--wallet` does not name one; else `~/.local/share/diptych/wallet`.",
    WALLET_UNLOCKED_BY: "The wallet's passphrase, for scripts; a person is asked for it.",
    WALLET_LOCKED_BY: "The passphrase that `wallet passphrase` changes to, for scripts; a person is asked for it.",
    BACKUP_UNLOCKED_BY: "The passphrase of backups with keys, for scripts; a person is asked for it.",
    LANGUAGE: "`en` or `fr`; else the locale decides.",
    PKCS11_MODULE: "The PKCS#11 library of the token, where a key's URI does not name it.",
    PKCS11_PIN_FILE: "The file with the token's PIN, where a key's URI does not name it.",
    PKCS11_PIN: "The token's PIN; a PIN in a file is better.",
}

SQLITE, POSTGRESQL = "sqlite:///", "postgresql://"
MAX_TEXT = 1024
_TRUE_OR_FALSE = {"true": True, "false": False}
_T = TypeVar("_T")
REQUIRED = object()
"""The default of a setting that has none."""


class _Wrong(Exception):
    """A value is not what its setting may be. The words say what it may be, never what it was."""


@dataclass(frozen=True)
class Text:
    """A text on one line."""

    def __str__(self) -> str:
        return "text"

    def check(self, value: object, folder: Path) -> object:
        """The value itself."""
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT or not value.isprintable():
            raise _Wrong("a text in double quotes")
        return value

    def read(self, text: str) -> object:
        """The value that a variable of the environment stands for."""
        return text


@dataclass(frozen=True)
class Url(Text):
    """Where others reach the role."""

    def __str__(self) -> str:
        return "https URL"

    def check(self, value: object, folder: Path) -> object:
        """The URL as it was written: it names the role, letter by letter."""
        if not isinstance(value, str):
            raise _Wrong("a URL in double quotes")
        try:
            return parse_url(value.rstrip("/")).text + value[len(value.rstrip("/")) :]
        except FormatError as error:
            raise _Wrong(f"a URL ({error.message})") from error


@dataclass(frozen=True)
class File(Text):
    """A path, relative to the role's folder."""

    def __str__(self) -> str:
        return "path"

    def check(self, value: object, folder: Path) -> object:
        """The path from where the command stands."""
        if not isinstance(value, str) or not value:
            raise _Wrong("a path in double quotes")
        return folder / value


@dataclass(frozen=True)
class Database(Text):
    """Where a role remembers: a SQLite file, or a PostgreSQL database, whose URL may contain a password."""

    def __str__(self) -> str:
        return "sqlite:///FILE or postgresql://USER@HOST/NAME"

    def check(self, value: object, folder: Path) -> object:
        """The file's path from where the command stands, or the URL."""
        if isinstance(value, str) and value.startswith(SQLITE) and value != SQLITE:
            return folder / value.removeprefix(SQLITE)
        if isinstance(value, str) and value.startswith(POSTGRESQL):
            return Secret(value.encode("utf-8", "surrogateescape"))
        raise _Wrong("sqlite:///FILE, within the role's folder, or postgresql://USER@HOST/NAME")


@dataclass(frozen=True)
class Number:
    """A whole number within bounds."""

    least: int
    most: int

    def __str__(self) -> str:
        return f"{self.least} to {self.most}"

    def check(self, value: object, folder: Path) -> object:
        """The number itself."""
        if not isinstance(value, int) or isinstance(value, bool) or not self.least <= value <= self.most:
            raise _Wrong(f"a whole number from {self.least} to {self.most}")
        return value

    def read(self, text: str) -> object:
        """The value that a variable of the environment stands for."""
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


@dataclass(frozen=True)
class Switch:
    """On or off."""

    def __str__(self) -> str:
        return "true or false"

    def check(self, value: object, folder: Path) -> object:
        """The value itself."""
        if not isinstance(value, bool):
            raise _Wrong("true or false, without quotes")
        return value

    def read(self, text: str) -> object:
        """The value that a variable of the environment stands for."""
        return _TRUE_OR_FALSE.get(text, text)


Kind = Text | Number | Switch


@dataclass(frozen=True)
class Setting:
    """Beside a field: what the setting may be, and what it means."""

    kind: Kind
    meaning: str


_HOST = Setting(
    Text(), "The address to listen on. Anything but this machine's own asks for TLS, or for `behind_proxy`."
)
_PORT = Setting(Number(0, 65535), "The port to listen on; 0 for any that is free.")
_CATALOGUE = Setting(File(), "A folder with the deployment's own document types.")
_DATABASE = Setting(
    Database(), "Where it remembers: a SQLite file (one of its own in the folder, if nothing is said), or PostgreSQL."
)
_TLS_CERTIFICATE = Setting(
    File(), "Certificate chain (PEM) of the server, leaf first; with `tls_key`, the role serves https itself."
)
_TLS_KEY = Setting(File(), "Private key (PEM, readable by its owner alone) of `tls_certificate`.")
_BEHIND_PROXY = Setting(
    Switch(), "Something else ends TLS in front of this role: it may listen beyond this machine without TLS of its own."
)
_ADMIN_PORT = Setting(
    Number(0, 65535), "Port for /metrics, /health and /ready on 127.0.0.1, for the operator alone; 0 for none."
)


@dataclass(frozen=True)
class OfficerSettings:
    """An officer's workstation: where it orders, how long its transaction codes are and its offers live."""

    issuer: Annotated[str | None, Setting(Url(), "Where orders go, unless `--issuer` says otherwise.")] = None
    tx_code_digits: Annotated[int, Setting(Number(4, 16), "How many digits a transaction code has.")] = 6
    offer_days: Annotated[int, Setting(Number(1, 30), "How many days an offer can be redeemed.")] = 7
    catalogue: Annotated[Path | None, _CATALOGUE] = None
    key: Annotated[
        str, Setting(Text(), "The officer's key: a file in the folder, or `pkcs11:token=...;object=...`.")
    ] = OFFICER_KEY
    registry: Annotated[str | None, Setting(Url(), "The sealed registry that people are enrolled in.")] = None
    agency: Annotated[
        Path | None, Setting(File(), "The agency's certifying key (agency.pem): whose trustee sets are believed.")
    ] = None
    log_policy: Annotated[Path | None, Setting(File(), "The public log that is believed (c2sp.org/tlog-policy).")] = (
        None
    )
    log: Annotated[
        str | None, Setting(Url(), "Where the log's files are, if not where its line in `log_policy` says.")
    ] = None
    places: Annotated[
        Path | None,
        Setting(File(), "Communes that merged or changed code: one file for all workstations of an agency."),
    ] = None


@dataclass(frozen=True)
class IssuerSettings:
    """An issuer: its public name and URL, where it listens, which document types it adds."""

    url: Annotated[str, Setting(Url(), "Its name, and where wallets reach it. Offers and documents carry it.")]
    name_en: Annotated[str, Setting(Text(), "What wallets show, in English.")]
    name_fr: Annotated[str, Setting(Text(), "What wallets show, in French.")]
    port: Annotated[int, _PORT]
    host: Annotated[str, _HOST] = "127.0.0.1"
    catalogue: Annotated[Path | None, _CATALOGUE] = None
    database: Annotated[Path | Secret | None, _DATABASE] = None
    requests_at_once: Annotated[
        int, Setting(Number(1, 1024), "How many requests are served at once, each in a process; others wait.")
    ] = 16
    log_policy: Annotated[
        Path | None,
        Setting(
            File(), "The policy of the public log (c2sp.org/tlog-policy): nothing is handed out without its receipt."
        ),
    ] = None
    log: Annotated[
        str | None, Setting(Url(), "Where the log takes acts, if not where its line in `log_policy` says.")
    ] = None
    log_key: Annotated[
        str,
        Setting(Text(), "The key that signs what is recorded: a file in the folder, or `pkcs11:token=...;object=...`."),
    ] = LOG_KEY
    without_log: Annotated[
        bool,
        Setting(Switch(), "Issue although nobody can see it: without a public log. Said on purpose, or not served."),
    ] = False
    status_seconds: Annotated[
        int,
        Setting(Number(1, 86_400), "How often status lists are published; what is said in between takes effect then."),
    ] = 600
    status_lifetime_seconds: Annotated[
        int,
        Setting(Number(60, 86_400), "How long a version of a status list is believed where no newer one can be had."),
    ] = 21_600
    tls_certificate: Annotated[Path | None, _TLS_CERTIFICATE] = None
    tls_key: Annotated[Path | None, _TLS_KEY] = None
    behind_proxy: Annotated[bool, _BEHIND_PROXY] = False
    admin_port: Annotated[int, _ADMIN_PORT] = 0


@dataclass(frozen=True)
class VerifierSettings:
    """A verifier: its public URL, where it listens, how it checks. There is no setting for what it keeps."""

    url: Annotated[str, Setting(Url(), "Where wallets and relying parties reach it.")]
    port: Annotated[int, _PORT]
    host: Annotated[str, _HOST] = "127.0.0.1"
    database: Annotated[Path | Secret | None, _DATABASE] = None
    workers: Annotated[int, Setting(Number(1, 64), "Web processes that share the port.")] = 1
    provers: Annotated[
        int | None,
        Setting(Number(1, 256), "Processes that check proofs, over all workers; one a core where not set."),
    ] = None
    log_policy: Annotated[
        Path | None,
        Setting(
            File(),
            "The policy of the public log (c2sp.org/tlog-policy): an epoch's key is believed once it stands there, for"
            " everybody. Without it, the issuer's signature is enough.",
        ),
    ] = None
    cross_check: Annotated[
        bool, Setting(Switch(), "Every proof is checked by a second engine too, and refused unless both agree.")
    ] = False
    batch_milliseconds: Annotated[
        int,
        Setting(
            Number(0, 1000),
            "How long an answer of the fast suite waits for others, to be checked together; 0: each alone.",
        ),
    ] = 3
    checks_a_minute: Annotated[
        int, Setting(Number(1, 1_000_000), "How many answers are checked in a minute, at most, over all workers.")
    ] = 300
    tls_certificate: Annotated[Path | None, _TLS_CERTIFICATE] = None
    tls_key: Annotated[Path | None, _TLS_KEY] = None
    behind_proxy: Annotated[bool, _BEHIND_PROXY] = False
    admin_port: Annotated[int, _ADMIN_PORT] = 0


@dataclass(frozen=True)
class LogSettings:
    """A public log: where writers and readers reach it, how long acts wait for one another."""

    url: Annotated[str, Setting(Url(), "Where writers and readers reach it.")]
    port: Annotated[int, _PORT]
    host: Annotated[str, _HOST] = "127.0.0.1"
    database: Annotated[Path | Secret | None, _DATABASE] = None
    pool_milliseconds: Annotated[
        int, Setting(Number(0, 1000), "How long acts are pooled before they go into the log together.")
    ] = 200
    files: Annotated[
        str, Setting(Text(), "Where its public files go: a folder within its own, or s3://BUCKET/PREFIX (extra `s3`).")
    ] = "public"
    s3_endpoint: Annotated[str | None, Setting(Url(), "The store of an s3:// place, where it is not Amazon's.")] = None
    s3_region: Annotated[str, Setting(Text(), "The region of an s3:// place.")] = "us-east-1"
    label_tree_seconds: Annotated[
        int,
        Setting(
            Number(1, 86400),
            "How often all labels go into a label tree. A day ends at midnight UTC; shorten it for trials.",
        ),
    ] = 86400
    tls_certificate: Annotated[Path | None, _TLS_CERTIFICATE] = None
    tls_key: Annotated[Path | None, _TLS_KEY] = None
    behind_proxy: Annotated[bool, _BEHIND_PROXY] = False
    admin_port: Annotated[int, _ADMIN_PORT] = 0


@dataclass(frozen=True)
class WitnessSettings:
    """A witness of public logs: where logs reach it."""

    url: Annotated[str, Setting(Url(), "Where logs and monitors reach it.")]
    port: Annotated[int, _PORT]
    host: Annotated[str, _HOST] = "127.0.0.1"
    database: Annotated[Path | Secret | None, _DATABASE] = None
    tls_certificate: Annotated[Path | None, _TLS_CERTIFICATE] = None
    tls_key: Annotated[Path | None, _TLS_KEY] = None
    behind_proxy: Annotated[bool, _BEHIND_PROXY] = False
    admin_port: Annotated[int, _ADMIN_PORT] = 0


@dataclass(frozen=True)
class TrusteeSettings:
    """A trustee: its name and URL. What it asks before it answers stands in its policy.toml."""

    name: Annotated[str, Setting(Text(), "What officers and auditors call it.")]
    url: Annotated[str, Setting(Url(), "Where officers and the registry reach it.")]
    port: Annotated[int, _PORT]
    host: Annotated[str, _HOST] = "127.0.0.1"
    database: Annotated[Path | Secret | None, _DATABASE] = None
    key: Annotated[
        str, Setting(Text(), "The key it signs with: a file in the folder, or `pkcs11:token=...;object=...`.")
    ] = TRUSTEE_KEY
    tls_certificate: Annotated[Path | None, _TLS_CERTIFICATE] = None
    tls_key: Annotated[Path | None, _TLS_KEY] = None
    behind_proxy: Annotated[bool, _BEHIND_PROXY] = False
    admin_port: Annotated[int, _ADMIN_PORT] = 0


@dataclass(frozen=True)
class RegistrySettings:
    """A registry with the agency's key service. What it asks before it answers stands in its policy.toml."""

    url: Annotated[str, Setting(Url(), "Where officers and wallets reach it.")]
    port: Annotated[int, _PORT]
    log_policy: Annotated[
        Path,
        Setting(File(), "The policy of the public log (c2sp.org/tlog-policy): nothing happens without its receipt."),
    ]
    log: Annotated[
        str | None, Setting(Url(), "Where the log takes acts, if not where its line in `log_policy` says.")
    ] = None
    log_key: Annotated[
        str, Setting(Text(), "The key that signs what is recorded: a file in the folder, or `pkcs11:...`.")
    ] = "log.key.pem"
    agency_key: Annotated[
        str, Setting(Text(), "The certifying key, for commands alone: a file in the folder, or `pkcs11:...`.")
    ] = "agency.key.pem"
    service_key: Annotated[
        str, Setting(Text(), "The key that signs the key service's answers: a file in the folder, or `pkcs11:...`.")
    ] = "service.key.pem"
    host: Annotated[str, _HOST] = "127.0.0.1"
    database: Annotated[Path | Secret | None, _DATABASE] = None
    tls_certificate: Annotated[Path | None, _TLS_CERTIFICATE] = None
    tls_key: Annotated[Path | None, _TLS_KEY] = None
    behind_proxy: Annotated[bool, _BEHIND_PROXY] = False
    admin_port: Annotated[int, _ADMIN_PORT] = 0


@dataclass(frozen=True)
class AuditorSettings:
    """An auditor: the log that it audits and records in, and the registry that shows its attestations on."""

    registry: Annotated[str, Setting(Url(), "The registry that shows attestations to every trustee.")]
    log_policy: Annotated[
        Path,
        Setting(File(), "The policy of the public log (c2sp.org/tlog-policy): whose signatures count in an audit."),
    ]
    log: Annotated[
        str | None, Setting(Url(), "Where the log takes acts, if not where its line in `log_policy` says.")
    ] = None
    log_key: Annotated[
        str, Setting(Text(), "The key that signs what is recorded: a file in the folder, or `pkcs11:...`.")
    ] = "log.key.pem"
    key: Annotated[
        str, Setting(Text(), "The key that attests: a file in the folder, or `pkcs11:token=...;object=...`.")
    ] = "auditor.key.pem"


ROLES: Mapping[str, type] = {
    "officer": OfficerSettings,
    "issuer": IssuerSettings,
    "verifier": VerifierSettings,
    "log": LogSettings,
    "witness": WitnessSettings,
    "trustee": TrusteeSettings,
    "registry": RegistrySettings,
    "auditor": AuditorSettings,
}


def read_officer(folder: Path) -> OfficerSettings:
    """The settings of the officer's folder, or `FormatError`."""
    return _read_role("officer", OfficerSettings, folder)


def read_issuer(folder: Path) -> IssuerSettings:
    """The settings of the issuer's folder, or `FormatError`."""
    return _served(_read_role("issuer", IssuerSettings, folder))


def read_verifier(folder: Path) -> VerifierSettings:
    """The settings of the verifier's folder, or `FormatError`."""
    return _served(_read_role("verifier", VerifierSettings, folder))


def read_log(folder: Path) -> LogSettings:
    """The settings of the log's folder, or `FormatError`."""
    return _served(_read_role("log", LogSettings, folder))


def read_witness(folder: Path) -> WitnessSettings:
    """The settings of the witness's folder, or `FormatError`."""
    return _served(_read_role("witness", WitnessSettings, folder))


def read_trustee(folder: Path) -> TrusteeSettings:
    """The settings of the trustee's folder, or `FormatError`."""
    return _served(_read_role("trustee", TrusteeSettings, folder))


def read_registry(folder: Path) -> RegistrySettings:
    """The settings of the registry's folder, or `FormatError`."""
    return _served(_read_role("registry", RegistrySettings, folder))


def read_auditor(folder: Path) -> AuditorSettings:
    """The settings of the auditor's folder, or `FormatError`."""
    return _read_role("auditor", AuditorSettings, folder)


def settings_of(role: str) -> Mapping[str, tuple[Setting, object]]:
    """Every setting of a role, by name, with its default, or `REQUIRED`."""
    hints = get_type_hints(ROLES[role], include_extras=True)
    return {name: (hint.__metadata__[0], getattr(ROLES[role], name, REQUIRED)) for name, hint in hints.items()}


def variable(role: str, name: str) -> str:
    """The variable of the environment that stands for a role's setting."""
    return f"{PREFIX}{role}_{name}".upper()


def unknown_variables() -> Sequence[str]:
    """Variables of the environment that look like ours and that nothing here reads."""
    known = {variable(role, name) for role in ROLES for name in settings_of(role)} | set(OTHER_VARIABLES)
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


@dataclass(frozen=True)
class TokenSettings:
    """How tokens (PKCS#11) are reached, where a key's URI does not say it. A PIN in a file is better than one here."""

    module: Path | None
    pin: Secret | None
    pin_file: Path | None


def read_token() -> TokenSettings:
    """The environment's module, PIN and PIN file. Nothing is opened."""
    module, pin_file = (os.environ.get(name) for name in (PKCS11_MODULE, PKCS11_PIN_FILE))
    return TokenSettings(Path(module) if module else None, _secret(PKCS11_PIN), Path(pin_file) if pin_file else None)


def wallet_folder() -> Path:
    """The wallet's folder where none is named: the environment's, or the person's own."""
    named = os.environ.get(WALLET_FOLDER)
    return Path(named) if named else Path.home() / ".local" / "share" / "diptych" / "wallet"


def wallet_passphrase() -> Secret | None:
    """The wallet's passphrase, if the environment has it: for scripts and demos; a person is asked."""
    return _secret(WALLET_UNLOCKED_BY)


def wallet_new_passphrase() -> Secret | None:
    """What the wallet's passphrase is changed to, if the environment has it; a person is asked."""
    return _secret(WALLET_LOCKED_BY)


def backup_passphrase() -> Secret | None:
    """The passphrase of backups with keys, if the environment has it; a person is asked."""
    return _secret(BACKUP_UNLOCKED_BY)


def language() -> str:
    """The language of names and purposes, `en` or `fr`, from the environment's locale."""
    found = next((os.environ[name] for name in (LANGUAGE, "LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "fr" if found.lower().startswith("fr") else "en"


def _secret(name: str) -> Secret | None:
    found = os.environ.get(name)
    return None if not found else Secret(found.encode("utf-8", "surrogateescape"))


def _read_role(role: str, build: Callable[..., _T], folder: Path) -> _T:
    """The file's values, then the environment's over them, each checked; no name that nobody knows."""
    table, settings = _read(folder), settings_of(role)
    unknown = [name for name in table if name not in settings]
    if unknown:
        raise FormatError(
            "settings.unknown",
            f"{SETTINGS_FILE} has names that are not known: look for a typing error in line(s) "
            f"{_lines(folder, unknown)}. Known are {', '.join(settings)}",
        )
    prefix = variable(role, "")
    for name in os.environ:
        if (
            name.startswith(prefix)
            and name not in OTHER_VARIABLES
            and name.removeprefix(prefix).lower() not in settings
        ):
            raise FormatError("settings.unknown", f"the environment's {name} stands for no setting of the {role}")
    values: dict[str, object] = {}
    for name, (setting, default) in settings.items():
        text = os.environ.get(variable(role, name))
        where = SETTINGS_FILE if text is None else f"the environment's {variable(role, name)}"
        given = table.get(name, REQUIRED) if text is None else setting.kind.read(text)
        if given is REQUIRED and default is REQUIRED:
            raise FormatError(f"settings.{name}", f"{name} is missing in {SETTINGS_FILE}: {setting.meaning}")
        try:
            values[name] = default if given is REQUIRED else setting.kind.check(given, folder)
        except _Wrong as wrong:
            raise FormatError(f"settings.{name}", f"{name} in {where} must be {wrong}") from wrong
    return build(**values)


_Served = TypeVar(
    "_Served", IssuerSettings, VerifierSettings, LogSettings, WitnessSettings, TrusteeSettings, RegistrySettings
)


def _served(settings: _Served) -> _Served:
    """What belongs together."""
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise FormatError("settings.tls_key", "tls_certificate and tls_key are set together, or neither")
    if settings.admin_port and settings.admin_port == settings.port:
        raise FormatError("settings.admin_port", "admin_port must be another port than port")
    return settings


def _lines(folder: Path, names: Sequence[str]) -> str:
    lines = (folder / SETTINGS_FILE).read_text(encoding="utf-8").splitlines()
    found = [
        str(number) for number, line in enumerate(lines, 1) if line.lstrip().strip("[\"'").startswith(tuple(names))
    ]
    return ", ".join(found) or "?"


def _read(folder: Path) -> dict[str, object]:
    path = folder / SETTINGS_FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FormatError(
            "settings.missing", f"no {SETTINGS_FILE} in that folder: run the role's `init` first"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FormatError("settings.toml", f"{SETTINGS_FILE} is not valid TOML: {error}") from error
    except OSError as error:
        raise FormatError("settings.read", f"{SETTINGS_FILE} cannot be read: {error.strerror}") from error
