"""Settings: one frozen dataclass per role. The only reader of the environment and of settings files."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import FormatError
from diptych.private import Secret

SETTINGS_FILE = "settings.toml"
OFFICER_KEY = "officer.key.pem"
WALLET_FOLDER = "DIPTYCH_WALLET"
WALLET_UNLOCKED_BY = "DIPTYCH_WALLET_PASSPHRASE"
LANGUAGE = "DIPTYCH_LANGUAGE"
PKCS11_MODULE = "DIPTYCH_PKCS11_MODULE"
PKCS11_PIN = "DIPTYCH_PKCS11_PIN"
PKCS11_PIN_FILE = "DIPTYCH_PKCS11_PIN_FILE"


@dataclass(frozen=True)
class OfficerSettings:
    """An officer's workstation: where it orders, how long its transaction codes are and its offers live."""

    issuer: str | None
    tx_code_digits: int
    offer_days: int
    catalogue: Path | None
    """A folder with the deployment's own document types."""
    key: str
    """The officer's key: a file in the folder, or `pkcs11:token=...;object=...`."""


def read_officer(folder: Path) -> OfficerSettings:
    """The settings of the officer's folder, or `FormatError`."""
    table = _read(folder)
    issuer, catalogue, key = table.get("issuer"), table.get("catalogue"), table.get("key", OFFICER_KEY)
    digits, days = table.get("tx_code_digits", 6), table.get("offer_days", 7)
    if not set(table).issubset({"issuer", "catalogue", "tx_code_digits", "offer_days", "key"}):
        raise FormatError("settings.officer", "settings.toml has a name that is not known; look for a typing error")
    if not isinstance(issuer, str | None) or not isinstance(catalogue, str | None) or not isinstance(key, str):
        raise FormatError("settings.officer", "issuer, catalogue and key are texts in double quotes")
    if not isinstance(digits, int) or not isinstance(days, int) or not 4 <= digits <= 16 or not 1 <= days <= 30:
        raise FormatError("settings.officer", "tx_code_digits is 4 to 16, offer_days is 1 to 30")
    return OfficerSettings(issuer, digits, days, None if catalogue is None else folder / catalogue, key)


@dataclass(frozen=True)
class IssuerSettings:
    """An issuer: its public name and URL, where it listens, which document types it adds."""

    url: str
    name_en: str
    name_fr: str
    host: str
    port: int
    catalogue: Path | None


def read_issuer(folder: Path) -> IssuerSettings:
    """The settings of the issuer's folder, or `FormatError`."""
    table = _read(folder)
    if not set(table).issubset({"url", "name_en", "name_fr", "host", "port", "catalogue"}):
        raise FormatError("settings.issuer", "settings.toml has a name that is not known; look for a typing error")
    texts = {name: table.get(name) for name in ("url", "name_en", "name_fr", "host")}
    port, catalogue = table.get("port"), table.get("catalogue")
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(catalogue, str | None):
        raise FormatError("settings.issuer", "url, name_en, name_fr and host must be there, in double quotes")
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65535:
        raise FormatError("settings.issuer", "port is a number from 0 to 65535")
    url, name_en, name_fr, host = (str(text) for text in texts.values())
    return IssuerSettings(url, name_en, name_fr, host, port, None if catalogue is None else folder / catalogue)


@dataclass(frozen=True)
class VerifierSettings:
    """A verifier: its public URL, where it listens, how it checks. There is no setting for what it keeps."""

    url: str
    host: str
    port: int
    workers: int | None
    """Processes that check proofs; one a core where None."""
    cross_check: bool
    """Every proof is checked by a second engine too, and refused unless both agree."""
    checks_a_minute: int


def read_verifier(folder: Path) -> VerifierSettings:
    """The settings of the verifier's folder, or `FormatError`."""
    table = _read(folder)
    if not set(table).issubset({"url", "host", "port", "workers", "cross_check", "checks_a_minute"}):
        raise FormatError("settings.verifier", "settings.toml has a name that is not known; look for a typing error")
    url, host, cross_check = table.get("url"), table.get("host"), table.get("cross_check", False)
    if not isinstance(url, str) or not isinstance(host, str) or not isinstance(cross_check, bool):
        raise FormatError("settings.verifier", "url and host are texts in double quotes, cross_check is true or false")
    port = _number(table, "port", least=0, most=65535)
    workers = None if "workers" not in table else _number(table, "workers", least=1, most=256)
    checks = 300 if "checks_a_minute" not in table else _number(table, "checks_a_minute", least=1, most=1_000_000)
    return VerifierSettings(url, host, port, workers, cross_check, checks)


def _number(table: dict[str, object], name: str, *, least: int, most: int) -> int:
    value = table.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise FormatError(f"settings.{name}", f"{name} is a whole number from {least} to {most}")
    return value


@dataclass(frozen=True)
class TokenSettings:
    """How tokens (PKCS#11) are reached, where a key's URI does not say it. A PIN in a file is better than one here."""

    module: Path | None
    pin: Secret | None
    pin_file: Path | None


def read_token() -> TokenSettings:
    """The environment's module, PIN and PIN file. Nothing is opened."""
    module, pin, pin_file = (os.environ.get(name) for name in (PKCS11_MODULE, PKCS11_PIN, PKCS11_PIN_FILE))
    return TokenSettings(
        Path(module) if module else None,
        Secret(pin.encode("utf-8", "surrogateescape")) if pin else None,
        Path(pin_file) if pin_file else None,
    )


def wallet_folder() -> Path:
    """The wallet's folder where none is named: the environment's, or the person's own."""
    named = os.environ.get(WALLET_FOLDER)
    return Path(named) if named else Path.home() / ".local" / "share" / "diptych" / "wallet"


def wallet_passphrase() -> Secret | None:
    """The wallet's passphrase, if the environment has it: for scripts and demos; a person is asked."""
    found = os.environ.get(WALLET_UNLOCKED_BY)
    return None if found is None else Secret(found.encode("utf-8", "surrogateescape"))


def language() -> str:
    """The language of names and purposes, `en` or `fr`, from the environment's locale."""
    found = next((os.environ[name] for name in (LANGUAGE, "LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "fr" if found.lower().startswith("fr") else "en"


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
