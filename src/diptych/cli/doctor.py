"""`diptych doctor`: looks at folders and at the machine, says what is wrong, and what to do about it.

It changes nothing and starts nothing that stays. What can be wrong is in `adapters/checkup`, which folder needs what is
here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diptych import config
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, AsJson, emit
from diptych.private import Secret

if TYPE_CHECKING:
    from diptych.adapters.checkup import Finding
    from diptych.adapters.keys.pkcs11_uri import TokenAccess

Served = (
    config.IssuerSettings
    | config.VerifierSettings
    | config.LogSettings
    | config.WitnessSettings
    | config.TrusteeSettings
    | config.RegistrySettings
)

WALLET_FILE = "wallet.db"
MACHINE = "machine"

_SIGNS = {"good": "  ok ", "warning": "  !! ", "wrong": "  XX "}


@dataclass(frozen=True)
class Examined:
    """One folder, or the machine, and what was found."""

    role: str
    folder: Path | None
    findings: "Sequence[Finding]"


def doctor(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FOLDER]...", help="Folders of roles; else those here, and your wallet."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at the machine and at roles' folders; say what is wrong, and what to do. Exit 1 if anything is."""
    from diptych.adapters import checkup

    now = datetime.now(UTC)
    examined = [Examined(MACHINE, None, checkup.machine(now=now, unknown_variables=config.unknown_variables()))]
    examined += [_examine(folder, now) for folder in folders or _folders_here()]
    is_wrong = any(one.level is checkup.Level.WRONG for each in examined for one in each.findings)
    emit(
        {
            "well": not is_wrong,
            "examined": [
                {
                    "role": each.role,
                    "folder": None if each.folder is None else str(each.folder),
                    "findings": [
                        {"level": one.level.value, "check": one.check, "message": one.message} for one in each.findings
                    ],
                }
                for each in examined
            ],
        },
        as_json=as_json,
        prose=lambda: _show(examined),
    )
    if is_wrong:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


def _show(examined: Sequence[Examined]) -> None:
    for each in examined:
        typer.echo(each.role if each.folder is None else f"{each.role} in {each.folder}")
        for one in each.findings:
            check = "" if one.level == "good" else f"  ({one.check})"
            typer.echo(f"{_SIGNS[one.level]}{one.message}{check}")
    levels = [one.level.value for each in examined for one in each.findings]
    typer.echo(f"{levels.count('wrong')} wrong, {levels.count('warning')} to look at, {levels.count('good')} good.")


def _folders_here() -> list[Path]:
    """Roles' folders where the command stands, and the person's own wallet if there is one."""
    here = [Path(), *(path for path in sorted(Path().iterdir()) if path.is_dir())]
    found = [path for path in here if _role_of(path) is not None]
    own = config.wallet_folder()
    return found if not _is_wallet(own) or own in found else [*found, own]


def _examine(folder: Path, now: datetime) -> Examined:
    from diptych.adapters import checkup

    role = _role_of(folder)
    found = checkup.folder(folder, now=now)
    if role is None:
        if folder.is_dir():
            found.append(checkup.wrong("folder.role", "no role's folder: it has neither settings.toml nor a wallet"))
        return Examined("nobody", folder, found)
    with checkup.noting(found):
        _EXAMINATIONS[role](folder, now, found)
    return Examined(role, folder, found)


def _role_of(folder: Path) -> str | None:
    """Whose folder it is, by what only that role has."""
    if _is_wallet(folder):
        return "wallet"
    if not (folder / config.SETTINGS_FILE).exists():
        return None
    if (folder / "policies").is_dir():
        return "verifier"
    if (folder / "trustee.json").exists():
        return "trustee"
    if (folder / "peppers").is_dir():
        return "registry"
    if (folder / "auditor.pub.pem").exists():
        return "auditor"
    for role in ("log", "witness"):
        if (folder / f"{role}.keys").exists():
            return role
    return "issuer" if (folder / "signers").is_dir() else "officer"


def _is_wallet(folder: Path) -> bool:
    return (folder / WALLET_FILE).exists()


def _examine_issuer(folder: Path, now: datetime, found: "list[Finding]") -> None:
    from diptych.adapters import checkup, issuer_folder
    from diptych.adapters.catalogue_files import load_catalogue
    from diptych.adapters.issuer_keys import TRUST, CurrentDocumentSigners, IssuerKeys
    from diptych.formats.mdoc.trust import STATUS_LISTS, parse_trust

    settings = config.read_issuer(folder)
    found.append(checkup.good("settings", "the settings are in order"))
    _database(found, settings.database or folder / issuer_folder.DATABASE, "issuer")
    _listening(found, settings, now)
    _catalogue(found, settings.catalogue)
    catalogue = load_catalogue(settings.catalogue)
    with checkup.noting(found):
        trust = parse_trust(checkup.read(folder / TRUST))
        found += checkup.certificates({f"root {number}": der for number, der in enumerate(trust.roots, 1)}, now=now)
        keys = IssuerKeys(folder, settings.url, catalogue, _token_access())
        signers = CurrentDocumentSigners(keys, lambda: now)
        types = [(one.id, one.doc_type) for one in catalogue.types.values()]
        for type_id, doc_type in [*types, (STATUS_LISTS, STATUS_LISTS)]:
            with checkup.noting(found):
                signer = signers.signer_for(doc_type)
                name = f"signer of {type_id}"
                found += checkup.certificates({name: signer.chain[0]}, now=now)
                found.append(checkup.key_pair(name, signer.signer.public_key, signer.chain[0]))
                if signer.chain[0] not in trust.signers.get(doc_type, ()):
                    found.append(
                        checkup.wrong("issuer.trust", f"{name} is not in trust.json: wallets will refuse its documents")
                    )
    checkup.attempt(found, "issuer.keys", "nonce.key is there", partial(issuer_folder.read_nonce_key, folder))
    checkup.attempt(found, "issuer.keys", "request.key.pem is there", partial(issuer_folder.read_request_key, folder))
    _public_log(found, folder, settings)
    officers = issuer_folder.read_officers(folder)
    found.append(
        checkup.good("issuer.officers", f"orders of {len(officers)} officer(s) are honoured")
        if officers
        else checkup.warning(
            "issuer.officers", "no officer's orders are honoured yet: run `diptych issuer add-officer`"
        )
    )
    if (folder / "root.key.pem").exists():
        found.append(
            checkup.warning(
                "issuer.root_key", "the root's key lies here: it is needed only to make signers. Keep it offline"
            )
        )


def _public_log(found: "list[Finding]", folder: Path, settings: "config.IssuerSettings") -> None:
    from diptych.adapters import checkup, log_writer
    from diptych.adapters.keys import locations

    if settings.log_policy is None:
        found.append(
            checkup.warning("issuer.log", "it issues without a public log: nobody can see what it issues")
            if settings.without_log
            else checkup.wrong("issuer.log", "no public log is named: run `diptych issuer join-log`")
        )
        return
    if settings.without_log:
        found.append(checkup.wrong("issuer.log", "`log_policy` names a log and `without_log` says that there is none"))
    policy = log_writer.read_policy(settings.log_policy)
    address = log_writer.address_of(policy, settings.log)
    found.append(checkup.good("log.policy", f"it records in {log_writer.origin_of(policy)} at {address}"))
    signer = locations.open_signer(settings.log_key, folder, _token_access())
    checkup.attempt(found, "issuer.log_key", "the key that records can be reached", lambda: signer.public_key)
    found.append(
        checkup.good("log.answers", "the log takes acts")
        if log_writer.takes_acts(address)
        else checkup.warning("log.answers", "the log does not take acts now: nothing is issued meanwhile")
    )


def _examine_verifier(folder: Path, now: datetime, found: "list[Finding]") -> None:
    from diptych.adapters import checkup, log_writer, verifier_folder
    from diptych.adapters.provers.verifier_pool import VerifierPool
    from diptych.formats.x509 import certificate
    from diptych.protocols.openid4vp import registration

    settings = config.read_verifier(folder)
    found.append(checkup.good("settings", "the settings are in order"))
    if settings.log_policy is None:
        found.append(
            checkup.warning("log.policy", "epochs' keys are believed without the public log: set `log_policy`")
        )
    else:
        checkup.attempt(
            found, "log.policy", "the log's policy can be read", partial(log_writer.read_policy, settings.log_policy)
        )
    _database(found, settings.database or folder / verifier_folder.DATABASE, "verifier")
    _listening(found, settings, now)
    opened = verifier_folder.open_folder(folder)
    leaf = opened.party.chain[0]
    found += checkup.certificates({"access certificate": leaf}, now=now)
    found.append(checkup.key_pair("access certificate", opened.party.signer.public_key, leaf))
    with checkup.noting(found):
        trusted = registration.parse_trust(checkup.read(folder / verifier_folder.WALLETS_TRUST))
        registered = registration.verify(
            opened.party.registration, registrars=trusted.registrars, expected_subject=opened.party.client_id, now=now
        )
        uses = {use.id for use in registered.uses}
        missing = [policy for policy in opened.policies if policy not in uses]
        found += checkup.until("the registration", "registration.expires", registered.expires, now)
        found += [
            checkup.wrong("registration.policy", f"policy {policy} is not registered: run `diptych verifier register`")
            for policy in missing
        ]
    for doc_type, leaves in opened.trust.signers.items():
        current = [one for one in leaves if certificate.fingerprint(one) not in opened.trust.retired]
        found += checkup.certificates({f"issuer's signer of {doc_type}": one for one in current}, now=now)
    if (folder / verifier_folder.API_KEY).exists():
        found.append(
            checkup.warning(
                "verifier.key", "relying-party.key lies here: give it to who asks, the server needs its hash alone"
            )
        )

    def check_proofs() -> None:
        with VerifierPool(workers=1, cross_check=settings.cross_check) as pool:
            pool.start()

    checkup.attempt(found, "zk.worker_start", "proofs can be checked on this machine", check_proofs)


def _examine_officer(folder: Path, now: datetime, found: "list[Finding]") -> None:
    from diptych.adapters import checkup
    from diptych.adapters.keys import file, locations

    settings = config.read_officer(folder)
    found.append(checkup.good("settings", "the settings are in order"))
    if settings.issuer is None:
        found.append(checkup.warning("settings.issuer", "no issuer is set: `approve` needs --issuer each time"))
    if settings.key.startswith("pkcs11:"):
        found += checkup.packages(["pkcs11"])
    with checkup.noting(found):
        signer = locations.open_signer(settings.key, folder, _token_access())
        public = file.read_public_key(folder / "officer.pub.pem")
        found.append(
            checkup.good("key.pair", "the officer's key can be reached, and is the one the issuer was given")
            if signer.public_key == public
            else checkup.wrong("key.pair", "officer.pub.pem is not this key's: give the issuer the right one")
        )
    _catalogue(found, settings.catalogue)
    waiting = list((folder / "attempts").glob("*.json"))
    if waiting:
        found.append(
            checkup.warning(
                "officer.attempts",
                f"{len(waiting)} approval(s) had no answer: approve the same file again, or let their offer expire",
            )
        )


def _examine_log(folder: Path, now: datetime, found: "list[Finding]") -> None:
    from diptych.adapters import checkup, log_folder

    settings = config.read_log(folder)
    found.append(checkup.good("settings", "the settings are in order"))
    _database(found, settings.database or folder / log_folder.LOG_DATABASE, "log")
    _listening(found, settings, now)


def _examine_witness(folder: Path, now: datetime, found: "list[Finding]") -> None:
    from diptych.adapters import checkup, log_folder

    settings = config.read_witness(folder)
    found.append(checkup.good("settings", "the settings are in order"))
    _database(found, settings.database or folder / log_folder.WITNESS_DATABASE, "witness")
    _listening(found, settings, now)


def _examine_trustee(folder: Path, now: datetime, found: "list[Finding]") -> None:
    from diptych.adapters import checkup, trustee_folder

    settings = config.read_trustee(folder)
    found.append(checkup.good("settings", "the settings are in order"))
    checkup.attempt(found, "policy", "the policy can be read", partial(trustee_folder.read_policy, folder))
    checkup.attempt(
        found, "recipient", "the key that shares are sealed to is there", partial(trustee_folder.read_recipient, folder)
    )
    _database(found, settings.database or folder / trustee_folder.DATABASE, "trustee")
    _listening(found, settings, now)


def _examine_registry(folder: Path, now: datetime, found: "list[Finding]") -> None:
    from diptych.adapters import checkup, log_writer, registry_folder

    settings = config.read_registry(folder)
    found.append(checkup.good("settings", "the settings are in order"))
    with checkup.noting(found):
        policy = log_writer.read_policy(settings.log_policy)
        checkup.attempt(found, "policy", "the policy can be read", partial(registry_folder.read_policy, folder, policy))
    checkup.attempt(found, "peppers", "the peppers are there", partial(registry_folder.read_peppers, folder))
    checkup.attempt(
        found, "recipient", "the agency's opening key is there", partial(registry_folder.read_recipient, folder)
    )
    _database(found, settings.database or folder / registry_folder.DATABASE, "registry")
    _listening(found, settings, now)


def _examine_auditor(folder: Path, now: datetime, found: "list[Finding]") -> None:
    from diptych.adapters import auditor_folder, checkup, log_writer

    settings = config.read_auditor(folder)
    found.append(checkup.good("settings", "the settings are in order"))
    checkup.attempt(
        found, "policy", "the log's policy can be read", partial(log_writer.read_policy, settings.log_policy)
    )
    book = auditor_folder.BookFiles(folder)
    with checkup.noting(found):
        if book.waiting() is not None:
            found.append(checkup.warning("auditor.waiting", "an attestation is on its way: run `audit attest` again"))
        last = book.last()
        if last is not None and last.attestation.unverified.expires < now.date():
            found.append(checkup.warning("audit.lapsed", "the last attestation stands no more: audit and attest"))


def _examine_wallet(folder: Path, now: datetime, found: "list[Finding]") -> None:
    from diptych.adapters import checkup

    found += checkup.database(folder / WALLET_FILE, "wallet")
    found.append(checkup.good("wallet", "what is in it, only its passphrase shows: try `diptych wallet list`"))


_EXAMINATIONS: Mapping[str, "Callable[[Path, datetime, list[Finding]], None]"] = {
    "issuer": _examine_issuer,
    "verifier": _examine_verifier,
    "officer": _examine_officer,
    "wallet": _examine_wallet,
    "log": _examine_log,
    "witness": _examine_witness,
    "trustee": _examine_trustee,
    "registry": _examine_registry,
    "auditor": _examine_auditor,
}


def _database(found: "list[Finding]", location: "Path | Secret", role: str) -> None:
    from diptych.adapters import checkup

    if isinstance(location, Secret):
        found += checkup.packages(["psycopg"])
    with checkup.noting(found):
        found += checkup.database(location, role)


def _catalogue(found: "list[Finding]", own: Path | None) -> None:
    from diptych.adapters import checkup
    from diptych.adapters.catalogue_files import load_catalogue

    if own is not None and not own.is_dir():
        found.append(checkup.wrong("settings.catalogue", f"there is no folder {own}: mend `catalogue` in the settings"))
        return
    checkup.attempt(found, "catalogue", "the document types can be read", partial(load_catalogue, own))


def _listening(found: "list[Finding]", settings: "Served", now: datetime) -> None:
    """Ports, and TLS where it is asked for."""
    from diptych.adapters import checkup
    from diptych.adapters.tls import TlsFiles, check_exposure

    tls = None
    if settings.tls_certificate is not None and settings.tls_key is not None:
        tls = TlsFiles(settings.tls_certificate, settings.tls_key)
        with checkup.noting(found):
            tls.context()
            found += checkup.certificates(checkup.read_pem(tls.certificate), now=now)
    with checkup.noting(found):
        check_exposure(settings.host, tls, behind_proxy=settings.behind_proxy)
        found.append(checkup.port("wallets", settings.host, settings.port))
    if settings.admin_port:
        found.append(checkup.port("operator", "127.0.0.1", settings.admin_port))
    else:
        found.append(
            checkup.warning("settings.admin_port", "nobody can read counts: set admin_port to watch this role")
        )


def _token_access() -> "TokenAccess":
    from diptych.adapters.keys.pkcs11_uri import TokenAccess

    settings = config.read_token()
    return TokenAccess(settings.module, settings.pin, settings.pin_file)
