"""`diptych wallet` on its own life, as a citizen meets it: what is asked, what is said, what `--json` prints."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from diptych.adapters.storage.wallet import create_wallet_store, open_wallet_store
from diptych.app import House
from diptych.cli import passphrases
from diptych.crypto.passphrase import DEFAULT_HARDNESS, Hardness
from diptych.errors import Conflict, FormatError, Refused
from diptych.private import Secret
from diptych.roles.wallet import backup as backups
from diptych.roles.wallet.backup import Backup
from diptych.roles.wallet.model import Life
from diptych.roles.wallet.returning import restored
from diptych.roles.wallet.service import Wallet
from tests.cli import test_wallet
from tests.cli.test_wallet import EASY, PASSPHRASE, Citizen

citizen = test_wallet.citizen
NEW = "eight seals in wax"
BACKUP = "another seal entirely"


class EasyHouse(test_wallet.PlayHouse):
    """The same at a price that tests can pay."""

    def hardness(self) -> Hardness:
        return EASY

    def passphrase_change(self, folder: Path, passphrase: Secret) -> Callable[[Secret], None]:
        import os

        store = open_wallet_store(folder / "wallet.db", passphrase, entropy=os.urandom, least=EASY)
        return lambda new: store.change_passphrase(new, hardness=EASY)

    def open_backup(self, path: Path, passphrase: Secret) -> Backup:
        return backups.open_backup(backups.parse_backup(path.read_bytes()), passphrase, least=EASY)

    def restore_wallet(self, folder: Path, passphrase: Secret, backup: Backup, now: object) -> Wallet:
        import os
        from dataclasses import replace

        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        entries = restored(backup, now=self.play.now, entropy=os.urandom)
        store = create_wallet_store(
            folder / "wallet.db", passphrase, hardness=EASY, entropy=os.urandom, entries=entries
        )
        return replace(self.play.wallet, store=store)


@pytest.fixture(autouse=True)
def _easy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_wallet, "PlayHouse", EasyHouse)
    monkeypatch.setenv("DIPTYCH_BACKUP_PASSPHRASE", BACKUP)
    monkeypatch.setenv("DIPTYCH_WALLET_NEW_PASSPHRASE", NEW)


def elsewhere(citizen: Citizen, name: str = "new device") -> Citizen:
    """The same person at another device."""
    return Citizen(citizen.play, citizen.folder.parent / name / "wallet")


def copies(citizen: Citizen) -> dict[str, int]:
    documents = citizen.json("list")["documents"]
    assert isinstance(documents, list)
    return {found["document"]: found["copies_left"] for found in documents}


def test_the_passphrase_is_changed(citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    citizen.accept()
    assert citizen.json("passphrase") == {"changed": True}
    with pytest.raises(Refused, match=r"diptych wallet forgotten"):
        citizen.run("list")
    monkeypatch.setenv("DIPTYCH_WALLET_PASSPHRASE", NEW)
    assert copies(citizen)["driving-licence"] == 10


def test_a_short_new_passphrase_changes_nothing(citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_WALLET_NEW_PASSPHRASE", "short")
    with pytest.raises(FormatError, match=r"wallet\.passphrase_short"):
        citizen.run("passphrase")
    assert citizen.json("list") == {"documents": []}


def test_a_backup_is_written_restored_and_renewed(citizen: Citizen, tmp_path: Path) -> None:
    citizen.accept()
    file = tmp_path / "wallet.backup"
    assert citizen.json("backup", str(file)) == {
        "file": str(file),
        "made_at": "2026-06-15T09:30:00Z",
        "bytes": file.stat().st_size,
        "documents": 3,
    }
    assert citizen.json("list")["backup"] == {"made_at": "2026-06-15T09:30:00Z", "is_old": False}
    shutil.rmtree(citizen.folder)  # the device is lost
    new = elsewhere(citizen)
    answer = new.json("restore", str(file), "--yes")
    assert (answer["is_move"], answer["failed"]) == (False, [])
    assert set(answer["renewed"]) == {
        "proof-of-age",
        "driving-entitlement",
    }
    assert copies(new) == {"driving-licence": 0, "proof-of-age": 30, "driving-entitlement": 10}
    asked = citizen.play.ask("over_18")
    assert new.json("present", asked.link, "--yes")["verdict"] == "accepted"


def test_restoring_asks_whether_the_old_wallet_is_gone(citizen: Citizen, tmp_path: Path) -> None:
    citizen.accept()
    citizen.run("backup", str(tmp_path / "file"))
    new = elsewhere(citizen)
    refused = new.type("restore", str(tmp_path / "file"), said="n\n")
    assert isinstance(refused.exception, Refused)
    assert "diptych wallet move" in refused.stderr
    assert not new.folder.exists()
    restored_ = new.run("restore", str(tmp_path / "file"), said="y\n")
    assert "count as spent" in restored_.stdout


def test_restoring_never_overwrites_and_says_so_before_it_asks_anything(
    citizen: Citizen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    citizen.accept()
    citizen.run("backup", str(tmp_path / "file"))
    with pytest.raises(Conflict, match=r"backup\.exists"):
        citizen.run("backup", str(tmp_path / "file"))
    monkeypatch.delenv("DIPTYCH_BACKUP_PASSPHRASE")
    with pytest.raises(Conflict, match=r"wallet\.exists"):
        citizen.run("restore", str(tmp_path / "file"), "--yes")
    assert copies(citizen)["driving-licence"] == 10


def test_a_wrong_backup_passphrase_or_file_restores_nothing(
    citizen: Citizen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    citizen.run("backup", str(tmp_path / "file"))
    monkeypatch.setenv("DIPTYCH_BACKUP_PASSPHRASE", "not that one")
    new = elsewhere(citizen)
    with pytest.raises(Refused, match=r"backup\.passphrase"):
        new.run("restore", str(tmp_path / "file"), "--yes")
    with pytest.raises(FormatError, match="not a backup of a wallet"):
        new.run("restore", str(citizen.folder / "wallet.db"), "--yes")
    assert not new.folder.exists()


def test_an_old_backup_says_what_happened_and_where_to_go(citizen: Citizen, tmp_path: Path) -> None:
    citizen.accept()
    citizen.run("backup", str(tmp_path / "file"))
    for _ in range(2):
        citizen.play.later(days=10)
        citizen.run("list")
    assert "older than what is here" in citizen.run("list").stdout
    assert citizen.json("list")["backup"] == {"made_at": "2026-06-15T09:30:00Z", "is_old": True}
    answer = elsewhere(citizen).json("restore", str(tmp_path / "file"), "--yes")
    failed = answer["failed"]
    assert isinstance(failed, list)
    assert "wallet.backup_superseded" in {one["check"] for one in failed}
    assert any("Ask at the counter for a new offer" in one["message"] for one in failed)


def test_a_wallet_moves_and_is_read_and_nothing_else_where_it_was(citizen: Citizen, tmp_path: Path) -> None:
    citizen.accept()
    file = tmp_path / "moving"
    assert isinstance(citizen.type("move", "--to", str(file), said="n\n").exception, Refused)
    assert citizen.json("move", "--to", str(file), "--yes")["life"] == "moved"
    listed = citizen.json("list")
    assert (listed["life"], listed["since"]) == ("moved", "2026-06-15T09:30:00Z")
    assert "it shows and renews nothing here" in citizen.run("list").stdout
    with pytest.raises(Refused, match=r"wallet\.moved"):
        citizen.run("present", citizen.play.ask("over_18").link, "--yes")
    failed = citizen.type("renew", "proof-of-age", "--json")
    assert (failed.exit_code, json.loads(failed.stdout)["failed"][0]["check"]) == (1, "wallet.moved")
    new = elsewhere(citizen)
    restored_ = new.run("restore", str(file))  # nothing is asked: the old wallet has stopped
    assert "Destroy" in restored_.stdout
    assert copies(new) == {"driving-licence": 10, "proof-of-age": 30, "driving-entitlement": 10}
    assert new.json("present", citizen.play.ask("licence_name").link, "--yes")["verdict"] == "accepted"
    with pytest.raises(Conflict, match="--again"):
        citizen.run("move", "--to", str(tmp_path / "second"), "--yes")
    assert citizen.json("move", "--to", str(tmp_path / "second"), "--yes", "--again")["life"] == "moved"


def test_an_interrupted_move_is_finished_or_undone(citizen: Citizen, tmp_path: Path) -> None:
    citizen.accept()
    with pytest.raises(Conflict, match=r"wallet\.not_moving"):
        citizen.run("move", "--to", str(tmp_path / "file"), "--cancel")
    store = EasyHouse(citizen.play).wallet(citizen.folder, Secret(PASSPHRASE.encode())).store
    interrupt(citizen, store)
    assert citizen.json("list")["life"] == "leaving"
    assert "was interrupted" in citizen.run("list").stdout
    assert citizen.json("move", "--to", str(tmp_path / "file"), "--cancel") == {"life": "live"}
    interrupt(citizen, store)
    assert citizen.json("move", "--to", str(tmp_path / "file"), "--yes")["life"] == "moved"


def interrupt(citizen: Citizen, store: object) -> None:
    from dataclasses import replace

    from diptych.roles.wallet.contents import Contents

    contents = Contents(store.read())
    contents.put_standing(replace(contents.standing(), life=Life.LEAVING, since=citizen.play.now))
    contents.save(store)


def test_a_copy_of_the_folder_is_used_only_after_the_person_says_so(citizen: Citizen) -> None:
    citizen.accept()
    copy = elsewhere(citizen)
    shutil.copytree(citizen.folder, copy.folder)
    assert copy.json("list")["is_copied"] is True
    assert "diptych wallet adopt" in copy.run("list").stdout
    with pytest.raises(Refused, match=r"wallet\.copied"):
        copy.run("present", citizen.play.ask("licence_name").link, "--yes")
    assert copy.json("adopt", "--newest") == {"adopted": True, "is_newest": True}
    assert copies(copy)["driving-licence"] == 10
    with pytest.raises(Conflict, match=r"wallet\.not_copied"):
        copy.run("adopt")


def test_a_copy_of_unknown_age_shows_no_copy_again(citizen: Citizen) -> None:
    citizen.accept()
    copy = elsewhere(citizen)
    shutil.copytree(citizen.folder, copy.folder)
    assert copy.json("adopt") == {"adopted": True, "is_newest": False}
    assert copies(copy) == {"driving-licence": 0, "proof-of-age": 30, "driving-entitlement": 10}


def test_a_lost_passphrase_is_explained_and_the_sealed_wallet_is_kept(citizen: Citizen, tmp_path: Path) -> None:
    citizen.accept()
    told = citizen.type("forgotten", said="n\n")
    assert isinstance(told.exception, Refused)
    for said in ("Nobody can reset a passphrase", "can approve them again", "A backup, if you made one"):
        assert said in told.stdout
    assert citizen.folder.exists()
    answer = citizen.json("forgotten", "--yes")
    aside = Path(str(answer["set_aside"]))
    assert aside == tmp_path / "wallet-forgotten-20260615T093000Z"
    assert set(answer) == {"set_aside", "lost", "not_lost", "next"}
    assert not citizen.folder.exists()
    files = ("--trust", str(tmp_path / "trust.json"), "--verifier-trust", str(tmp_path / "verifier-trust.json"))
    citizen.run("init", *files, "--without-log")
    assert citizen.json("list") == {"documents": []}
    # The passphrase came back: it opens where it was put.
    citizen.folder = aside
    assert copies(citizen)["driving-licence"] == 10


def test_where_there_is_no_wallet_nothing_is_set_aside(citizen: Citizen, tmp_path: Path) -> None:
    new = elsewhere(citizen)
    with pytest.raises(FormatError, match=r"wallet\.missing"):
        new.run("forgotten", "--yes")


def test_a_person_may_try_again_a_few_times_and_waits_longer_each_time(
    citizen: Citizen, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(passphrases.time, "sleep", waited.append)
    monkeypatch.setattr(passphrases.Asked, "_expect_terminal", lambda _: None)
    monkeypatch.delenv("DIPTYCH_WALLET_PASSPHRASE")
    opened = citizen.run("list", said=f"wrong one\nwrong two\n{PASSPHRASE}\n")
    assert "This wallet is empty" in opened.stdout
    assert waited == [1, 2]
    waited.clear()
    refused = citizen.type("list", said="wrong\n" * 9)
    assert isinstance(refused.exception, Refused)
    assert waited == [1, 2, 4, 8]


def test_what_is_not_about_the_passphrase_is_not_asked_again(citizen: Citizen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrases.Asked, "_expect_terminal", lambda _: None)
    monkeypatch.delenv("DIPTYCH_WALLET_PASSPHRASE")
    citizen.folder = citizen.folder / "absent"
    missing = citizen.type("list", said="one\ntwo\n")
    assert isinstance(missing.exception, FormatError)


def test_the_real_house_backs_up_restores_changes_and_sets_aside(citizen: Citizen, tmp_path: Path) -> None:
    house, secret = House(), Secret(PASSPHRASE.encode())
    house.new_wallet(tmp_path / "real", secret, tmp_path / "trust.json", tmp_path / "verifier-trust.json")
    place = house.backup_place(tmp_path / "file")
    house.wallet(tmp_path / "real", secret).back_up(
        place, Secret(BACKUP.encode()), hardness=house.hardness(), now=citizen.play.now
    )
    assert house.hardness() == DEFAULT_HARDNESS
    found = house.open_backup(tmp_path / "file", Secret(BACKUP.encode()))
    house.expect_no_wallet(tmp_path / "other")
    house.restore_wallet(tmp_path / "other", secret, found, citizen.play.now)
    with pytest.raises(Conflict):
        house.expect_no_wallet(tmp_path / "other")
    house.passphrase_change(tmp_path / "other", secret)(Secret(NEW.encode()))
    assert house.wallet(tmp_path / "other", Secret(NEW.encode())).history()
    assert house.set_wallet_aside(tmp_path / "other", "aside") == tmp_path / "aside"
