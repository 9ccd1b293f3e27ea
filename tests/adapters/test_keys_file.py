"""Private keys in files: created whole, never overwritten, never read while others could read them."""

import os
from pathlib import Path

import pytest

from diptych.adapters.keys import file
from diptych.crypto.signing import dump_signer, generate_signer
from diptych.errors import Conflict, FormatError, Refused


def test_a_written_key_reads_back_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    signer = generate_signer()
    file.write_signer(tmp_path / "officer.key.pem", signer)
    assert (tmp_path / "officer.key.pem").stat().st_mode & 0o777 == 0o600
    assert file.read_signer(tmp_path / "officer.key.pem").public_key == signer.public_key
    assert [path.name for path in tmp_path.iterdir()] == ["officer.key.pem"]


def test_a_key_in_der_reads_too(tmp_path: Path) -> None:
    signer = generate_signer()
    path = tmp_path / "key.der"
    path.touch(mode=0o600)
    path.write_bytes(dump_signer(signer))
    assert file.read_signer(path).public_key == signer.public_key


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    first = generate_signer()
    file.write_signer(tmp_path / "key.pem", first)
    with pytest.raises(Conflict, match=r"key\.exists"):
        file.write_signer(tmp_path / "key.pem", generate_signer())
    assert file.read_signer(tmp_path / "key.pem").public_key == first.public_key


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    file.write_signer(tmp_path / "key.pem", generate_signer())
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(Refused, match="chmod 600"):
        file.read_signer(tmp_path / "key.pem")


def test_a_key_that_somebody_else_put_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key.pem"
    file.write_signer(path, generate_signer())
    if os.geteuid() == 0:
        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(Refused, match=r"key\.owner"):
        file.read_signer(path)


def test_a_folder_for_keys_is_its_owners_alone(tmp_path: Path) -> None:
    file.make_folder(tmp_path / "new" / "one")
    assert (tmp_path / "new" / "one").stat().st_mode & 0o777 == 0o700
    file.make_folder(tmp_path / "new" / "one")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o720, 0o702])
def test_a_folder_in_which_others_could_replace_a_key_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(Refused, match="chmod 700"):
        file.make_folder(folder)


def test_a_missing_key_says_to_run_init(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="init"):
        file.read_signer(tmp_path / "key.pem")


@pytest.mark.parametrize(
    "content",
    [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA", b"-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n"],
)
def test_a_damaged_key_is_a_format_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(FormatError):
        file.read_signer(path)


def test_public_keys_and_certificates_read_back(tmp_path: Path) -> None:
    signer = generate_signer()
    file.write_public_key(tmp_path / "officer.pub.pem", signer.public_key)
    assert file.read_public_key(tmp_path / "officer.pub.pem") == signer.public_key
    file.write_certificates(tmp_path / "chain.pem", [b"leaf" * 40, b"root"])
    assert file.read_certificates(tmp_path / "chain.pem") == (b"leaf" * 40, b"root")
    with pytest.raises(FormatError, match=r"certificate\.pem"):
        file.read_certificates(tmp_path / "officer.pub.pem")
