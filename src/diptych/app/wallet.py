"""The wallet, built from its folder, and its whole life."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.app.given import read_trust

if TYPE_CHECKING:
    from datetime import datetime

    from diptych.crypto.passphrase import Hardness
    from diptych.private import Secret
    from diptych.roles.wallet.backup import Backup
    from diptych.roles.wallet.ports import BackupPlace, WalletStore
    from diptych.roles.wallet.service import Wallet
    from diptych.roles.wallet.told import Tell

WALLET_FILE = "wallet.db"


class WalletRoom:
    """Builds wallets."""

    def told_acts(self) -> "Tell":
        from diptych.adapters.http.told_acts import HttpTold

        return HttpTold()

    def new_wallet(
        self, folder: Path, passphrase: "Secret", trust: Path, verifier_trust: Path, log_policy: Path | None = None
    ) -> None:
        import os

        from diptych.adapters.keys.file import make_folder
        from diptych.adapters.log_writer import read_policy
        from diptych.adapters.storage.wallet import create_wallet_store
        from diptych.crypto.passphrase import DEFAULT_HARDNESS
        from diptych.formats.mdoc.trust import parse_trust as parse_issuer_trust
        from diptych.protocols.openid4vp.registration import parse_trust as parse_verifier_trust

        issuers, verifiers = read_trust(trust), read_trust(verifier_trust)
        log = None if log_policy is None else read_policy(log_policy).encode()
        # Before anything is made: a wallet that believes nobody is of no use.
        parse_issuer_trust(issuers)
        parse_verifier_trust(verifiers)
        make_folder(folder)
        store = create_wallet_store(folder / WALLET_FILE, passphrase, hardness=DEFAULT_HARDNESS, entropy=os.urandom)
        self._wallet(store).set_trust(issuers, verifiers, log)

    def wallet(self, folder: Path, passphrase: "Secret") -> "Wallet":
        import os

        from diptych.adapters.storage.wallet import open_wallet_store

        return self._wallet(open_wallet_store(folder / WALLET_FILE, passphrase, entropy=os.urandom))

    def passphrase_change(self, folder: Path, passphrase: "Secret") -> "Callable[[Secret], None]":
        import os
        from functools import partial

        from diptych.adapters.storage.wallet import open_wallet_store

        store = open_wallet_store(folder / WALLET_FILE, passphrase, entropy=os.urandom)
        return partial(store.change_passphrase, hardness=self.hardness())

    def hardness(self) -> "Hardness":
        from diptych.crypto.passphrase import DEFAULT_HARDNESS

        return DEFAULT_HARDNESS

    def backup_place(self, path: Path) -> "BackupPlace":
        from diptych.adapters.backup_file import BackupFile

        return BackupFile(path)

    def open_backup(self, path: Path, passphrase: "Secret") -> "Backup":
        from diptych.adapters.backup_file import read_backup_file
        from diptych.roles.wallet.backup import open_backup, parse_backup

        return open_backup(parse_backup(read_backup_file(path)), passphrase)

    def expect_no_wallet(self, folder: Path) -> None:
        from diptych.adapters.storage.wallet import expect_no_wallet

        expect_no_wallet(folder / WALLET_FILE)

    def restore_wallet(self, folder: Path, passphrase: "Secret", backup: "Backup", now: "datetime") -> "Wallet":
        import os

        from diptych.adapters.keys.file import make_folder
        from diptych.adapters.storage.wallet import create_wallet_store
        from diptych.roles.wallet.returning import restored

        make_folder(folder)
        entries = restored(backup, now=now, entropy=os.urandom)
        return self._wallet(
            create_wallet_store(
                folder / WALLET_FILE, passphrase, hardness=self.hardness(), entropy=os.urandom, entries=entries
            )
        )

    def set_wallet_aside(self, folder: Path, name: str) -> Path:
        from diptych.adapters.storage.wallet import set_aside

        return set_aside(folder / WALLET_FILE, name)

    @staticmethod
    def _wallet(store: "WalletStore") -> "Wallet":
        import os

        from diptych.adapters.http.lines import HttpIssuerLine, HttpVerifierLine
        from diptych.adapters.http.status_lists import HttpStatusLists
        from diptych.adapters.provers.prover import DisposableProver
        from diptych.roles.wallet.service import Wallet

        return Wallet(store, HttpIssuerLine(), HttpVerifierLine(), DisposableProver(), os.urandom, HttpStatusLists())
