"""What the commands ask of the roof: ready-built use-cases. `app` answers; the commands never build anything."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from diptych.adapters.approval_list import ApprovalList
    from diptych.adapters.epoch_folder import Published
    from diptych.adapters.http.relying_party import RelyingParty
    from diptych.adapters.trustee_folder import TrusteeCard
    from diptych.adapters.verifier_keys import PartyFiles
    from diptych.cli.drill import Drilled
    from diptych.crypto.passphrase import Hardness
    from diptych.formats.catalogue.model import Catalogue
    from diptych.formats.mandate.officer import Role
    from diptych.formats.mandate.trustee_set import TrusteeSet
    from diptych.formats.mdoc.trust import IssuerTrust
    from diptych.private import Secret
    from diptych.protocols.opening.holding import Review, Reviewed
    from diptych.protocols.reading.files import LogFiles
    from diptych.roles.auditor.attesting import Auditor
    from diptych.roles.issuer.keyring import Keyring
    from diptych.roles.issuer.model import Incident
    from diptych.roles.issuer.status_model import ListCount
    from diptych.roles.officer.service import Officer
    from diptych.roles.officer.workstation import Workstation
    from diptych.roles.registry.changing import Changed
    from diptych.roles.registry.revoking import Revoked
    from diptych.roles.trustee.changes import Proposed
    from diptych.roles.trustee.model import Consent
    from diptych.roles.trustee.service import QuorumStanding, TrusteePolicy
    from diptych.roles.verifier.model import Verdict
    from diptych.roles.verifier.policy import Policy
    from diptych.roles.wallet.backup import Backup
    from diptych.roles.wallet.ports import BackupPlace
    from diptych.roles.wallet.service import Wallet
    from diptych.roles.wallet.told import Tell


class Rooms(Protocol):
    """Each method builds one role from its folder, with its real adapters."""

    def catalogue(self, officer_folder: Path | None = None) -> "Catalogue":
        """The packaged document types, and those that an officer's folder adds."""
        ...

    def new_officer(self, folder: Path, issuer: str | None, key: str | None = None) -> Path:
        """Make an officer's folder with a new key; the path of the public half. `Conflict` if there is one already.

        With `key`, a `pkcs11:` URI, the key is one in a token.
        """
        ...

    def officer(self, folder: Path, issuer: str | None) -> "Officer":
        """The officer of a folder, ordering from `issuer` or from the one in its settings."""
        ...

    def join_registry(self, folder: Path, *, registry: str, agency: Path, log_policy: Path, log: str | None) -> None:
        """Let an officer's folder know its registry, and whom to believe there. `Conflict` if it knows one."""
        ...

    def workstation(self, folder: Path) -> "AbstractContextManager[Workstation]":
        """The officer of a folder, in front of its registry."""
        ...

    def new_issuer(
        self,
        folder: Path,
        url: str,
        officer_keys: Sequence[Path],
        country: str,
        key: str | None = None,
        *,
        log_policy: Path | None,
        log: str | None = None,
    ) -> Path:
        """Make an issuer's folder, whole or not at all; the path of its trust file. `Conflict` if one is there.

        It records in the log of `log_policy`, at `log` if that does not say where; None: it is to issue without one.
        """
        ...

    def join_log(self, folder: Path, log_policy: Path | None, log: str | None = None, key: str | None = None) -> None:
        """Let an issuer whose settings say nothing about a log record in one, or do without, from its next start on."""
        ...

    def add_officer(self, folder: Path, key_file: Path) -> str:
        """Let an issuer honour an officer's orders; the key's fingerprint."""
        ...

    def issuer_trust(self, folder: Path) -> bytes:
        """The trust file of an issuer's folder."""
        ...

    def status_lists(self, folder: Path) -> "Sequence[ListCount]":
        """How large the crowd is in each of an issuer's status lists, the oldest first."""
        ...

    def publish_epoch(
        self,
        folder: Path,
        *,
        hours: float,
        is_incident: bool,
        workers: int | None,
        cluster: str | None,
        progress: Callable[[int, int], None],
    ) -> "Published":
        """A new epoch with every id that stands now; `progress` gets how many tokens are made, and of how many."""
        ...

    def issuer_incidents(self, folder: Path) -> "Sequence[Incident]":
        """What the issuer recorded for its operator, oldest first."""
        ...

    def issuer_signers(self, folder: Path) -> "Keyring":
        """The keys of an issuer's folder."""
        ...

    def rotate_signers(
        self,
        folder: Path,
        type_ids: Sequence[str] | None,
        *,
        after_days: int = 0,
        key: str | None = None,
        root_key: Path | None = None,
    ) -> "Keyring":
        """New signers for these types, or all. They stand in the trust file at once, and sign after so many days."""
        ...

    def rotate_root(self, folder: Path, *, key: str | None = None) -> "Keyring":
        """A new root, and new signers of every type under it."""
        ...

    def issuer_emergency(
        self,
        folder: Path,
        type_ids: Sequence[str] | None,
        *,
        is_root_lost: bool,
        retired_too: bool,
        key: str | None,
        root_key: Path | None,
        told: "Callable[[Keyring], None]",
        progress: Callable[[float, int], None],
    ) -> "ApprovalList":
        """Keys are lost: give them up, make new ones, list what is to be approved again. Goes on after a kill.

        `told` gets the keys once the new ones sign; `progress` the share of orders looked at, and how many are listed.
        """
        ...

    def serve_issuer(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        """Run an issuer until SIGTERM or SIGINT; `announce` gets one line once it listens."""
        ...

    def new_verifier(
        self,
        folder: Path,
        url: str,
        trust: Path,
        name: str,
        country: str,
        *,
        key: str | None = None,
        log_policy: Path | None = None,
    ) -> Path:
        """Make a verifier's folder, whole or not at all; the path of what wallets take. `Conflict` if one is there."""
        ...

    def register_verifier(self, folder: Path) -> Sequence[str]:
        """Have the policies of a verifier's folder registered as they are now; their ids."""
        ...

    def rotate_verifier_key(self, folder: Path, key: str | None = None) -> "Sequence[PartyFiles]":
        """A new key that asks from a minute on; every key of the folder, oldest first."""
        ...

    def verifier_trust(self, folder: Path, trust: Path) -> "IssuerTrust":
        """Believe an issuer's trust file from now on; what it says. `Refused` for one older than a loss it knows of."""
        ...

    def policies(self, folder: Path) -> "Mapping[str, Policy]":
        """The questions of a verifier's folder, by id."""
        ...

    def relying_party(self, folder: Path) -> "RelyingParty":
        """Who asks the verifier of a folder, over HTTP."""
        ...

    def keep_question(self, folder: Path, presentation_id: str, secret: "Secret") -> None:
        """Keep the secret of a question whose verdict is read later."""
        ...

    def kept_question(self, folder: Path, presentation_id: str) -> "Secret":
        """The secret kept for a question."""
        ...

    def drop_question(self, folder: Path, presentation_id: str) -> None:
        """Forget the secret of a question."""
        ...

    def verdicts(self, folder: Path) -> "Sequence[Verdict]":
        """Every verdict in a verifier's folder, oldest first."""
        ...

    def serve_verifier(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        """Run a verifier until SIGTERM or SIGINT; `announce` gets one line once it listens."""
        ...

    def new_log(self, folder: Path, origin: str, url: str, witnesses: Sequence[Path], threshold: int) -> None:
        """Make a log's folder, whole or not at all. `Conflict` if one is there."""
        ...

    def admit_writer(self, folder: Path, key_file: Path, actor: str) -> str:
        """Let a writer record in an actor's name; the key's fingerprint."""
        ...

    def repair_log(self, folder: Path) -> int:
        """Make a log's damaged files again from its database; its size."""
        ...

    def serve_log(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        """Run a log until SIGTERM or SIGINT; `Refused` once it must not go on. `announce` gets one line."""
        ...

    def new_witness(self, folder: Path, name: str, url: str) -> None:
        """Make a witness's folder, whole or not at all. `Conflict` if one is there."""
        ...

    def follow_log(self, folder: Path, keys: Path) -> str:
        """Let a witness follow the log of these keys; its origin."""
        ...

    def serve_witness(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        """Run a witness until SIGTERM or SIGINT; `announce` gets one line once it listens."""
        ...

    def new_trustee(
        self,
        folder: Path,
        *,
        name: str,
        url: str,
        agency_key: Path,
        log_policy: Path,
        waiting_hours: int,
        key: str | None,
    ) -> "TrusteeCard":
        """Make a trustee's folder, whole or not at all. `Conflict` if one is there."""
        ...

    def trustee_policy(self, folder: Path) -> "TrusteePolicy":
        """What the trustee of a folder asks before it answers."""
        ...

    def trustee_about(self, folder: Path) -> bytes:
        """Who the trustee of a folder is, and its place in the trustee set, as JSON."""
        ...

    def trustee_reviews(self, folder: Path) -> "Sequence[Reviewed]":
        """The requests that wait for a person, oldest first."""
        ...

    def trustee_review(self, folder: Path, request: bytes, review: "Review") -> "Reviewed":
        """A person's word on a request. `Refused` for one that does not wait."""
        ...

    def trustee_standing(self, folder: Path) -> "QuorumStanding | None":
        """How the quorum stands that the trustee of a folder is of, and the odds of losing it."""
        ...

    def trustee_changes(self, folder: Path) -> "Sequence[Proposed]":
        """The changes of the trustee set that are proposed or agreed to, and not over."""
        ...

    def decide_change(self, folder: Path, change: bytes, consent: "Consent") -> "Proposed":
        """A person's word on a change. `Refused` for one that was not proposed."""
        ...

    def trustee_months(self, folder: Path) -> Sequence[str]:
        """The months of a trustee whose keys are there: retention class, dot, YYYY-MM."""
        ...

    def destroy_months(self, folder: Path, periods: Sequence[str]) -> None:
        """Destroy the keys of these months for good. Twice is once."""
        ...

    def serve_trustee(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        """Run a trustee until SIGTERM or SIGINT; `announce` gets one line once it listens."""
        ...

    def new_registry(
        self,
        folder: Path,
        *,
        url: str,
        log_policy: Path,
        log_url: str | None,
        purposes: Sequence[str],
        waiting_hours: int,
        key: str | None,
    ) -> None:
        """Make a registry's folder, whole or not at all. `Conflict` if one is there."""
        ...

    def found_trustees(
        self, folder: Path, cards: Sequence[Path], *, threshold: int, spares: int, progress: Callable[[str], None]
    ) -> "TrusteeSet":
        """Conduct the key ceremonies with the trustees of these cards, and publish the first trustee set."""
        ...

    def change_trustees(
        self,
        folder: Path,
        newcomers: "Mapping[str, Path] | None",
        *,
        goes_on: bool,
        progress: Callable[[str], None],
    ) -> "Changed":
        """Begin a change of the trustee set and carry it out as far as it goes; None: go on with the one under way.

        `newcomers`: the card of each, by the name or index of whom it replaces; none: the lookup keys are refreshed.
        With `goes_on` a change that is under way goes on, else `Conflict`. `Unavailable` while somebody has to agree.
        """
        ...

    def abandon_change(self, folder: Path, progress: Callable[[str], None]) -> None:
        """Give up the change that is under way. `Conflict` once its set is public."""
        ...

    def certify_officer(
        self,
        folder: Path,
        key_file: Path,
        *,
        roles: "Sequence[Role]",
        validity: timedelta,
        progress: Callable[[str], None],
    ) -> bytes:
        """Certify an officer's key: logged, and shown to every holder; its fingerprint."""
        ...

    def declare_registry_restored(self, folder: Path) -> None:
        """The registry's next start does not stop at what the log shows of the time since its database was copied."""
        ...

    def revoke_officer(self, folder: Path, officer: bytes, *, progress: Callable[[str], None]) -> "Revoked":
        """End the key of this fingerprint: here at once, and at every trustee as soon as it answers."""
        ...

    def serve_registry(self, folder: Path, host: str | None, port: int | None, announce: Callable[[str], None]) -> None:
        """Run a registry until SIGTERM or SIGINT; `announce` gets one line once it listens."""
        ...

    def new_auditor(
        self, folder: Path, *, registry: str, log_policy: Path, log_url: str | None, key: str | None
    ) -> None:
        """Make an auditor's folder, whole or not at all. `Conflict` if one is there."""
        ...

    def auditor(self, folder: Path, files: str | None) -> "AbstractContextManager[Auditor]":
        """The auditor of a folder, alone at it, who reads the log from `files`, or from where the log serves them."""
        ...

    def log_files(self, location: str) -> "LogFiles":
        """The files of a public log, in a folder or below a URL."""
        ...

    def told_acts(self) -> "Tell":
        """Asks whoever recorded an act what it was."""
        ...

    def new_wallet(
        self, folder: Path, passphrase: "Secret", trust: Path, verifier_trust: Path, log_policy: Path | None = None
    ) -> None:
        """Make a wallet that believes these files, sealed under the passphrase. `Conflict` if one is there.

        Without a log's policy it asks for no receipts.
        """
        ...

    def wallet(self, folder: Path, passphrase: "Secret") -> "Wallet":
        """The wallet of a folder, unlocked; `Refused` for a wrong passphrase."""
        ...

    def passphrase_change(self, folder: Path, passphrase: "Secret") -> "Callable[[Secret], None]":
        """What changes the wallet's passphrase to the one it is called with; `Refused` for a wrong old one."""
        ...

    def hardness(self) -> "Hardness":
        """How hard it is made to guess what is sealed from now on."""
        ...

    def backup_place(self, path: Path) -> "BackupPlace":
        """Where a backup goes. Nothing is written yet."""
        ...

    def open_backup(self, path: Path, passphrase: "Secret") -> "Backup":
        """What is in a backup; `Refused` for a wrong passphrase."""
        ...

    def expect_no_wallet(self, folder: Path) -> None:
        """`Conflict` if there is a wallet in the folder."""
        ...

    def restore_wallet(self, folder: Path, passphrase: "Secret", backup: "Backup", now: datetime) -> "Wallet":
        """The wallet that a backup becomes, whole or not at all. `Conflict` if one is there."""
        ...

    def set_wallet_aside(self, folder: Path, name: str) -> Path:
        """Give the folder of a wallet that nobody can open another name; where it is then."""
        ...

    def drill(self, folder: Path, population: int, positions: Sequence[int], say: Callable[[str], None]) -> "Drilled":
        """Build a town in `folder`, attack it from these positions, or all, and count. `say` gets what is going on."""
        ...
