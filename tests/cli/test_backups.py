"""Backups of issuer, verifier, officer: made while they run, opening nothing, coming back as a past that is over."""

import fcntl
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from diptych.adapters import backup
from diptych.adapters.canary_search import search_bytes
from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.storage.coming_back import end_questions, forget_live, make_void
from diptych.adapters.storage.engine import Location, open_database
from diptych.adapters.storage.issuer import DatabaseIssuerStore
from diptych.adapters.storage.verifier import open_verifier_store
from diptych.app import House
from diptych.cli.main import application
from diptych.crypto.passphrase import LEAST_HARDNESS
from diptych.errors import Conflict, DiptychError, FormatError, Refused, VerificationError
from diptych.formats.order.codes import code_hash
from diptych.private import Secret
from diptych.protocols.oauth.form import MEDIA_TYPE as FORM
from diptych.protocols.oauth.token import RefreshTokenRequest, TokenResponse, parse_token_response
from diptych.roles.issuer.model import RESTORED, OrderState
from diptych.roles.officer.order_file import template
from tests.issuer_process import HttpWallet, diptych, free_port, running_issuer
from tests.issuing import NOW, TinyWallet, Town, refused
from tests.verifying import Town as VerifierTown

PASSPHRASE = "eight seals in bronze"


@pytest.fixture(autouse=True)
def passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_BACKUP_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr("diptych.crypto.passphrase.DEFAULT_HARDNESS", LEAST_HARDNESS)


def run(*arguments: str | Path) -> dict[str, object]:
    outcome = CliRunner().invoke(application, [*map(str, arguments), "--json"], obj=House())
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    told = json.loads(outcome.stdout)
    assert isinstance(told, dict)
    return told


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    house = House()
    house.new_officer(tmp_path / "officer", "https://issuer.example")
    public = tmp_path / "officer" / "officer.pub.pem"
    house.new_issuer(tmp_path / "issuer", f"http://127.0.0.1:{free_port()}", [public], "UT", log_policy=None)
    house.new_verifier(
        tmp_path / "verifier", f"http://127.0.0.1:{free_port()}", tmp_path / "issuer" / "trust.json", "Café", "UT"
    )
    for role, name in (("issuer", "issuer.sqlite"), ("verifier", "verifier.db")):
        open_database(tmp_path / role / name, role).dispose()
    return tmp_path


def private_keys(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and (b"PRIVATE KEY" in path.read_bytes() or path.suffix == ".key")
    }


@pytest.mark.parametrize("role", ["issuer", "verifier", "officer"])
def test_without_keys_no_private_key_is_in_it(folders: Path, role: str) -> None:
    archive = folders / "archive"
    made = run(role, "backup", folders / role, archive)
    assert made["has_keys"] is False
    assert set(made["left_out"]) == private_keys(folders / role)
    assert b"PRIVATE KEY" not in archive.read_bytes()
    restored = run(role, "restore", archive, folders / "new")
    assert restored["has_keys"] is False
    assert private_keys(folders / "new") == set()
    assert (folders / "new" / "settings.toml").read_bytes() == (folders / role / "settings.toml").read_bytes()
    assert oct((folders / "new").stat().st_mode)[-3:] == "700"


@pytest.mark.parametrize("role", ["issuer", "verifier", "officer"])
def test_with_keys_it_is_sealed_and_everything_comes_back(folders: Path, role: str) -> None:
    archive = folders / "archive"
    assert run(role, "backup", folders / role, archive, "--with-keys")["left_out"] == []
    data = archive.read_bytes()
    assert data.startswith(backup.MAGIC)
    assert oct(archive.stat().st_mode)[-3:] == "600"
    for name in private_keys(folders / role):
        assert (folders / role / name).read_bytes()[:60] not in data
    run(role, "restore", archive, folders / "new")
    for path in (folders / role).rglob("*"):
        name = path.relative_to(folders / role)
        if path.is_file() and ".sqlite" not in path.name and ".db" not in path.name and not path.name.startswith("."):
            assert (folders / "new" / name).read_bytes() == path.read_bytes(), name
            assert (folders / "new" / name).stat().st_mode & 0o077 == path.stat().st_mode & 0o077 & 0o044, name
    outcome = CliRunner().invoke(application, ["doctor", str(folders / "new")], obj=House())
    assert outcome.exit_code == 0, outcome.stdout


def test_a_file_that_nobody_knows_waits_for_a_passphrase(folders: Path) -> None:
    issuer = folders / "issuer"
    (issuer / "token.pin").write_text("1234")
    (issuer / "odd.pem").write_bytes((issuer / "request.key.pem").read_bytes())
    (issuer / "server.pem").symlink_to("/etc/hostname")
    left_out = run("issuer", "backup", issuer, folders / "archive")["left_out"]
    assert {"token.pin", "odd.pem", "server.pem"} <= set(left_out)
    assert run("issuer", "backup", issuer, folders / "sealed", "--with-keys")["left_out"] == ["server.pem"]


def test_a_database_password_in_the_settings_is_not_written_in_the_clear(folders: Path) -> None:
    with (folders / "issuer" / "settings.toml").open("a") as settings:
        settings.write('database = "postgresql://diptych:secret@127.0.0.1/diptych"\n')
    with pytest.raises(Refused, match=r"backup\.password"):
        run("issuer", "backup", folders / "issuer", folders / "archive")
    assert not (folders / "archive").exists()
    assert run("issuer", "backup", folders / "issuer", folders / "archive", "--with-keys")["has_database"] is False
    assert b"secret" not in (folders / "archive").read_bytes()


def test_nothing_is_ever_overwritten(folders: Path) -> None:
    run("issuer", "backup", folders / "issuer", folders / "archive")
    before = (folders / "archive").read_bytes()
    with pytest.raises(Conflict, match=r"backup\.exists"):
        run("issuer", "backup", folders / "issuer", folders / "archive")
    assert (folders / "archive").read_bytes() == before
    for occupied in ("issuer", "verifier"):
        with pytest.raises(Conflict, match=r"restore\.exists"):
            run("issuer", "restore", folders / "archive", folders / occupied)
    (folders / "empty").mkdir()
    run("issuer", "restore", folders / "archive", folders / "empty")


def test_another_roles_backup_is_refused(folders: Path) -> None:
    run("issuer", "backup", folders / "issuer", folders / "archive")
    with pytest.raises(Refused, match=r"backup\.role"):
        run("verifier", "restore", folders / "archive", folders / "new")
    assert not (folders / "new").exists()


def test_keys_that_are_being_replaced_are_waited_for(folders: Path) -> None:
    with (folders / "issuer" / backup.KEYS_LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match=r"backup\.keys_busy"):
            run("issuer", "backup", folders / "issuer", folders / "archive")
    assert [path.name for path in (folders / "issuer").glob(".backup.*")] == []


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed archive of three chunks."""
    folder = tmp_path_factory.mktemp("sealed")
    (folder / "officer").mkdir()
    (folder / "officer" / "settings.toml").write_text("")
    (folder / "officer" / "officer.key.pem").write_bytes(os.urandom(2 * backup.CHUNK_BYTES))
    backup.back_up(
        folder / "officer",
        folder / "archive",
        role="officer",
        database=None,
        forget=lambda copy: None,
        passphrase=Secret(PASSPHRASE.encode()),
        hardness=LEAST_HARDNESS,
        now=NOW,
        entropy=os.urandom,
    )
    return folder / "archive"


def put_back(archive: Path, folder: Path, passphrase: str = PASSPHRASE) -> None:
    backup.restore(
        archive, folder, role="officer", passphrase=Secret(passphrase.encode()), finish=lambda path, manifest: None
    )


def test_a_sealed_archive_comes_back_whole(sealed: Path, tmp_path: Path) -> None:
    put_back(sealed, tmp_path / "new")
    key = (sealed.parent / "officer" / "officer.key.pem").read_bytes()
    assert (tmp_path / "new" / "officer.key.pem").read_bytes() == key


def test_a_wrong_passphrase_is_refused_and_leaves_nothing(sealed: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"backup\.passphrase"):
        put_back(sealed, tmp_path / "new", "another passphrase")
    assert list(tmp_path.iterdir()) == []


def frames(data: bytes) -> tuple[bytes, list[bytes]]:
    start = data.index(b"\n", len(backup.MAGIC)) + 1
    found, rest = [], data[start:]
    while rest:
        length = int.from_bytes(rest[:4], "big") + 4
        found.append(rest[:length])
        rest = rest[length:]
    return data[:start], found


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize(
    "harm",
    [
        lambda head, found: head + b"".join(found[:-1]),
        lambda head, found: head + found[0] + found[2] + found[1],
        lambda head, found: head + b"".join(found) + found[-1],
        lambda head, found: head + b"".join(found)[:-1],
        lambda head, found: head + found[0] + flipped(found[1], 200) + found[2],
        lambda head, found: head + found[0] + found[1] + flipped(found[2], 100),
        lambda head, found: head.replace(b'"lanes":1', b'"lanes":2') + b"".join(found),
        lambda head, found: head,
        lambda head, found: head[:-1],
        lambda head, found: backup.MAGIC + b"{}\n",
    ],
    ids=["cut", "swapped", "doubled", "short", "middle", "last", "header", "empty", "no line", "no header"],
)
def test_a_sealed_archive_that_was_changed_is_refused_and_leaves_nothing(
    sealed: Path, tmp_path: Path, harm: Callable[[bytes, list[bytes]], bytes]
) -> None:
    head, found = frames(sealed.read_bytes())
    assert len(found) == 3
    (tmp_path / "harmed").write_bytes(harm(head, found))
    with pytest.raises((FormatError, Refused, VerificationError)):
        put_back(tmp_path / "harmed", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["harmed"]


def rewritten(archive: Path, change: Callable[[list[tarfile.TarInfo], dict[str, bytes]], None]) -> Path:
    """A plain archive with other members."""
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        contents = {member.name: tar.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    change(members, contents)
    harmed = archive.with_name("harmed")
    with tarfile.open(harmed, "w") as tar:
        for member in members:
            data = contents[member.name]
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return harmed


def rename(old: str, new: str) -> Callable[[list[tarfile.TarInfo], dict[str, bytes]], None]:
    def change(members: list[tarfile.TarInfo], contents: dict[str, bytes]) -> None:
        for member in members:
            if member.name == old:
                member.name = new
        contents[new] = contents[old]
        contents["manifest.json"] = contents["manifest.json"].replace(f'"{old}"'.encode(), f'"{new}"'.encode())

    return change


def make_link(members: list[tarfile.TarInfo], contents: dict[str, bytes]) -> None:
    members[1].type, members[1].linkname = tarfile.SYMTYPE, "/etc/passwd"


def drop_one(members: list[tarfile.TarInfo], contents: dict[str, bytes]) -> None:
    members.pop()


def add_one(members: list[tarfile.TarInfo], contents: dict[str, bytes]) -> None:
    members.append(tarfile.TarInfo("more.toml"))
    contents["more.toml"] = b"more"


def double_one(members: list[tarfile.TarInfo], contents: dict[str, bytes]) -> None:
    members.append(members[-1])


def change_one(members: list[tarfile.TarInfo], contents: dict[str, bytes]) -> None:
    contents["officer.pub.pem"] += b"\n"


def manifest_last(members: list[tarfile.TarInfo], contents: dict[str, bytes]) -> None:
    members.append(members.pop(0))


@pytest.mark.parametrize(
    "change",
    [
        rename("officer.pub.pem", "../officer.pub.pem"),
        rename("officer.pub.pem", "/tmp/officer.pub.pem"),
        rename("officer.pub.pem", "a/../../b.pem"),
        make_link,
        drop_one,
        add_one,
        double_one,
        change_one,
        manifest_last,
    ],
)
def test_a_plain_archive_that_was_changed_is_refused_and_leaves_nothing(
    folders: Path, change: Callable[[list[tarfile.TarInfo], dict[str, bytes]], None]
) -> None:
    run("officer", "backup", folders / "officer", folders / "archive")
    before = {path.name for path in folders.iterdir()}
    harmed = rewritten(folders / "archive", change)
    with pytest.raises((FormatError, VerificationError)):
        run("officer", "restore", harmed, folders / "new")
    assert {path.name for path in folders.iterdir()} == before | {"harmed"}


@pytest.mark.parametrize("nonsense", [b"", b"nonsense", bytes(10_000), os.urandom(5000), b"diptych backup 2\n{}\n"])
def test_nonsense_is_no_archive(tmp_path: Path, nonsense: bytes) -> None:
    (tmp_path / "archive").write_bytes(nonsense)
    with pytest.raises(FormatError):
        put_back(tmp_path / "archive", tmp_path / "new")
    with pytest.raises(FormatError, match=r"backup\.missing"):
        put_back(tmp_path / "absent", tmp_path / "new")


class Past:
    """An issuer with an order in each state of its life, and the wallets that hold their tokens."""

    def __init__(self, location: Location) -> None:
        self.location = location
        self.town = Town(store=DatabaseIssuerStore(open_database(location, "issuer")))
        self.offered = self.town.order()
        self.redeemed, self.redeemed_tokens = self._redeem(uses=False)
        self.closed, self.closed_tokens = self._redeem(uses=True)
        void_wallet, void_tokens = self._redeem(uses=True)
        second = void_wallet.refresh(void_tokens)
        void_wallet.refresh(second)
        with refused("invalid_grant", "token.refresh_reused"):
            void_wallet.refresh(void_tokens)
        self.signed, *self.resent = self.town.approve()
        self.town.issuer.accept_order(self.signed, now=self.town.now)

    def _redeem(self, *, uses: bool) -> tuple[TinyWallet, TokenResponse]:
        wallet = TinyWallet(self.town)
        tokens = wallet.redeem(*self.town.order())
        if uses:
            wallet.obtain(tokens, "proof-of-age")
        return wallet, tokens

    def again(self, location: Location) -> None:
        """The same issuer over another database."""
        store = DatabaseIssuerStore(open_database(location, "issuer"))
        self.town.issuer = type(self.town.issuer)(**{**vars(self.town.issuer), "store": store})

    def nothing_of_before_opens(self) -> None:
        for wallet, tokens in ((self.redeemed, self.redeemed_tokens), (self.closed, self.closed_tokens)):
            with refused("invalid_token"):
                wallet.obtain(tokens, "proof-of-age")
        with refused("invalid_grant"):
            TinyWallet(self.town).redeem(*self.offered)
        assert self.town.issuer.accept_order(self.signed, now=self.town.now).is_new is False
        with refused("invalid_grant"):
            TinyWallet(self.town).redeem(*self.resent)


@pytest.fixture(params=["sqlite", "postgresql"])
def past(request: pytest.FixtureRequest, tmp_path: Path) -> Past:
    if request.param == "sqlite":
        return Past(tmp_path / "issuer.sqlite")
    return Past(request.getfixturevalue("postgresql"))


def test_after_a_restore_no_code_and_no_token_of_before_opens_anything(past: Past) -> None:
    voided = make_void(past.location, keep_renewals=False, now=past.town.now)
    assert (voided.orders, voided.renewable) == (4, 0)
    past.nothing_of_before_opens()
    for wallet, tokens in ((past.redeemed, past.redeemed_tokens), (past.closed, past.closed_tokens)):
        with refused("invalid_grant"):
            wallet.refresh(tokens)
    kinds = [incident.kind for incident in past.town.store.incidents()]
    assert kinds.count(RESTORED) == 4
    assert make_void(past.location, keep_renewals=False, now=past.town.now).orders == 0
    # Life goes on: what is ordered from now on is as good as ever.
    wallet = TinyWallet(past.town)
    wallet.obtain(wallet.redeem(*past.town.order()))


def test_renewals_are_kept_if_the_operator_says_so_and_codes_are_not(past: Past) -> None:
    voided = make_void(past.location, keep_renewals=True, now=past.town.now)
    assert (voided.orders, voided.renewable) == (2, 2)
    past.nothing_of_before_opens()
    for wallet, tokens in ((past.redeemed, past.redeemed_tokens), (past.closed, past.closed_tokens)):
        renewed = wallet.refresh(tokens)
        wallet.obtain(renewed, "proof-of-age")
        with refused("credential_request_denied"):
            wallet.obtain(renewed, "driving-licence")


def test_a_copy_holds_no_order_that_a_code_or_a_short_lived_token_opens(tmp_path: Path) -> None:
    past = Past(tmp_path / "issuer.sqlite")
    copy = tmp_path / "copy"
    backup._copy_database(tmp_path / "issuer.sqlite", copy, lambda connection: forget_live("issuer", connection))
    connection = sqlite3.connect(copy)
    (orders,) = connection.execute("SELECT count(*) FROM orders").fetchone()
    (live,) = connection.execute(
        "SELECT count(*) FROM orders WHERE sealed_full IS NOT NULL OR code_wrap_full IS NOT NULL"
    ).fetchone()
    (tokens,) = connection.execute("SELECT count(*) FROM access_grants").fetchone()
    connection.close()
    assert (orders, live, tokens) == (5, 0, 0)
    # Even put into place by hand, without any restore: codes and tokens of before open nothing, renewals do.
    past.again(copy)
    past.nothing_of_before_opens()
    past.closed.refresh(past.closed_tokens)


def test_an_order_that_was_void_stays_so(past: Past) -> None:
    make_void(past.location, keep_renewals=True, now=past.town.now)
    assert isinstance(past.town.store, DatabaseIssuerStore)
    with past.town.store.transaction() as state:
        order = state.order_by_code(code_hash(past.offered[0].code))
    assert order is not None
    assert order.state is OrderState.VOID


def test_a_verifiers_open_questions_are_not_copied_and_not_brought_back(tmp_path: Path) -> None:
    store = open_verifier_store(tmp_path / "verifier.db")
    town = VerifierTown(store=store)
    asked = town.verifier.ask("over_18", now=town.now)
    copy = tmp_path / "copy"
    backup._copy_database(tmp_path / "verifier.db", copy, lambda connection: forget_live("verifier", connection))
    assert asked.id.encode() not in copy.read_bytes()
    end_questions(tmp_path / "verifier.db")
    with pytest.raises(Refused, match=r"presentation\.unknown"):
        town.verifier.result(asked.secret, now=town.now)


def test_a_backup_of_an_issuer_at_work_is_one_moment_and_stops_nobody(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    order = template(catalogue.type("driving-licence"), catalogue, specimen=True)
    with running_issuer(tmp_path) as running:
        stop, failures = threading.Event(), []

        def work() -> None:
            try:
                while not stop.is_set():
                    wallet = HttpWallet(running.url)
                    wallet.obtain(wallet.redeem(running.approve(order)), "driving-licence")
            except Exception as error:
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            archives = [tmp_path / f"archive-{number}" for number in range(4)]
            for archive in archives:
                made = diptych("issuer", "backup", str(running.folder), str(archive))
                assert made.returncode == 0, made.stderr
        finally:
            stop.set()
            thread.join()
        assert failures == []
    counts = []
    for number, archive in enumerate(archives):
        restored = run("issuer", "restore", archive, tmp_path / f"new-{number}")
        counts.append(restored["voided"])
        folder = tmp_path / f"new-{number}"
        assert (
            search_bytes(b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file()), ["Mustermann"])
            == []
        )
    assert counts == sorted(counts)
    assert counts[-1] > 0


def test_a_restored_issuer_serves_again_once_its_keys_are_back(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    order = template(catalogue.type("driving-licence"), catalogue, specimen=True)
    with running_issuer(tmp_path) as running:
        wallet = HttpWallet(running.url)
        tokens = wallet.redeem(running.approve(order))
        wallet.obtain(tokens, "driving-licence")
        run("issuer", "backup", running.folder, tmp_path / "archive", "--with-keys")
    shutil.rmtree(tmp_path / "issuer")
    restored = run("issuer", "restore", tmp_path / "archive", tmp_path / "issuer", "--keep-renewals")
    assert (restored["voided"], restored["renewable"]) == (0, 1)
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych", "serve", "issuer", str(tmp_path / "issuer")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "is listening" in process.stdout.readline()
        assert httpx.get(wallet.url + "/ready").json() == {"status": "ok"}
        assert tokens.refresh_token is not None
        _, nonce = wallet.nonces()
        renewed = httpx.post(
            wallet.url + "/token",
            content=RefreshTokenRequest(tokens.refresh_token).encode(),
            headers={"Content-Type": FORM, "DPoP": wallet.dpop("/token", nonce)},
        )
        assert renewed.status_code == 200, renewed.text
        wallet.obtain(parse_token_response(renewed.content), "proof-of-age")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_restored_says_what_it_would_do_first(folders: Path) -> None:
    outcome = CliRunner().invoke(application, ["issuer", "restored", str(folders / "issuer")], obj=House(), input="n\n")
    assert isinstance(outcome.exception, Refused)
    assert run("issuer", "restored", folders / "issuer", "--yes") == {"voided": 0, "renewable": 0}


def test_the_moment_of_a_backup_is_told(folders: Path) -> None:
    run("officer", "backup", folders / "officer", folders / "archive")
    made_at = datetime.fromisoformat(str(run("officer", "restore", folders / "archive", folders / "new")["made_at"]))
    assert abs((datetime.now(UTC) - made_at).total_seconds()) < 60


def test_a_full_disk_leaves_no_half_archive(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "_write_tar", full)
    before = {path.name for path in folders.iterdir()}
    with pytest.raises(DiptychError, match="No space left"):
        run("officer", "backup", folders / "officer", folders / "archive")
    assert {path.name for path in folders.iterdir()} == before


@pytest.fixture(autouse=True)
def no_scratch_left(tmp_path: Path) -> Iterator[None]:
    yield
    assert list(tmp_path.rglob(".backup.*")) == []
