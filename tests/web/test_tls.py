"""Nothing listens beyond this machine in the clear, and nobody of ours speaks to anybody else in the clear."""

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from diptych.adapters.http.lines import HttpLine
from diptych.adapters.http.order_desk import HttpOrderDesk
from diptych.adapters.http.relying_party import RelyingParty
from diptych.adapters.tls import TlsFiles, check_exposure, is_loopback
from diptych.errors import FormatError, Refused
from diptych.formats.mdoc.trust import encode_trust
from diptych.private import Secret
from tests import verifying
from tests.issuer_process import diptych, free_port
from tests.web.test_one_request import Server


def make_tls(folder: Path) -> TlsFiles:
    """A certificate for 127.0.0.1 that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = TlsFiles(folder / "server.pem", folder / "server.key.pem")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files.key.touch(mode=0o600)
    files.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@pytest.fixture
def files(tmp_path: Path) -> TlsFiles:
    return make_tls(tmp_path)


def trusting(files: TlsFiles, most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.certificate)
    context.maximum_version = most
    return context


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_this_machine_alone_needs_no_tls(host: str) -> None:
    check_exposure(host, None, behind_proxy=False)
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "", "issuer.example", "localhost.example", "::ffff:1.2.3.4"]
)
def test_beyond_this_machine_it_is_refused_by_name_until_somebody_answers_for_it(host: str, files: TlsFiles) -> None:
    with pytest.raises(Refused, match=r"serve\.tls: .*tls_certificate.*behind_proxy"):
        check_exposure(host, None, behind_proxy=False)
    check_exposure(host, files, behind_proxy=False)
    check_exposure(host, None, behind_proxy=True)


@pytest.mark.parametrize("role", ["issuer", "verifier"])
def test_a_role_refuses_to_start_in_the_clear(tmp_path: Path, role: str) -> None:
    folder = init(role, tmp_path, f"http://127.0.0.1:{free_port()}")
    refused = diptych("serve", role, str(folder), "--host", "0.0.0.0")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "(serve.tls)" in refused.stderr


def init(role: str, folder: Path, url: str) -> Path:
    (folder / "trust.json").write_bytes(encode_trust(verifying.TRUST))
    more = ["--trust", str(folder / "trust.json")] if role == "verifier" else []
    made = diptych(role, "init", str(folder / role), "--url", url, *more)
    assert made.returncode == 0, made.stderr
    return folder / role


@pytest.mark.parametrize("role", ["issuer", "verifier"])
def test_a_role_with_a_certificate_serves_https_on_every_address(tmp_path: Path, files: TlsFiles, role: str) -> None:
    port = free_port()
    folder = init(role, tmp_path, f"https://localhost:{port}")
    with (folder / "settings.toml").open("a") as settings:
        settings.write(f'tls_certificate = "{files.certificate}"\ntls_key = "{files.key}"\n')
    lines = (folder / "settings.toml").read_text().splitlines()
    text = "\n".join(f"port = {port}" if line.startswith("port =") else line for line in lines) + "\n"
    (folder / "settings.toml").write_text(text)
    process = subprocess.Popen(
        [sys.executable, "-m", "diptych", "serve", role, str(folder), "--host", "0.0.0.0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert "is listening on 0.0.0.0" in process.stdout.readline()
        url = f"https://localhost:{port}"
        for _ in range(2):
            answer = httpx.get(f"{url}/ready", verify=trusting(files), trust_env=False)
            assert answer.json() == {"status": "ok"}
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}/ready", trust_env=False)
        with pytest.raises(httpx.ConnectError):  # nobody has vouched for it to the world
            httpx.get(f"{url}/ready", trust_env=False)
    finally:
        process.terminate()
        process.communicate(timeout=30)
    assert process.returncode == 0


def test_each_child_does_its_own_handshake_and_the_front_never_has_the_key(tmp_path: Path, files: TlsFiles) -> None:
    server = Server(tmp_path, tls=str(tmp_path))
    try:
        url = f"https://localhost:{server.port}"
        for most in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert httpx.get(f"{url}/pid", verify=trusting(files, most), trust_env=False).status_code == 200
        body = bytes(range(256)) * 8192
        echoed = httpx.post(f"{url}/echo", content=body, verify=trusting(files), trust_env=False, timeout=20)
        assert echoed.content == body
        refused = httpx.post(
            f"{url}/refuse", content=bytes(2_000_000), verify=trusting(files), trust_env=False, timeout=20
        )
        assert (refused.status_code, refused.text) == (413, "too long")
        # A renewed certificate is used from the next connection on.
        renewed = make_tls(tmp_path)
        assert httpx.get(f"{url}/pid", verify=trusting(renewed), trust_env=False).status_code == 200
        key = files.key.read_text().splitlines()[1].encode()
        memory = Path(f"/proc/{server.process.pid}/maps").read_text()
        assert memory
        from diptych.drill.attacker.memory import memory_of

        assert key not in memory_of(server.process.pid)
    finally:
        server.stop()


def send(data: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(data)


@pytest.mark.parametrize(
    "say",
    [
        lambda connection: None,
        send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
        send(b"\x16\x03\x01\x02\x00\x01\x00"),
        lambda connection: connection.shutdown(socket.SHUT_WR),
    ],
    ids=["silent", "in the clear", "half a hello", "gone"],
)
def test_a_handshake_that_comes_to_nothing_is_over_soon_and_hurts_nobody(
    tmp_path: Path, files: TlsFiles, say: Callable[[socket.socket], None]
) -> None:
    server = Server(tmp_path, tls=str(tmp_path), head_seconds=0.5)
    with server.connect() as connection:
        say(connection)
        begun = time.monotonic()
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass
        assert time.monotonic() - begun < 4
    answer = httpx.get(f"https://localhost:{server.port}/pid", verify=trusting(files), trust_env=False)
    assert answer.status_code == 200
    _, journal = server.stop()
    assert [line["event"] for line in journal].count("handshake_failed") == 1
    assert not [line for line in journal if line["event"] in ("bug", "library")]


def test_old_tls_is_not_spoken(tmp_path: Path, files: TlsFiles) -> None:
    context = files.context()
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    names = [cipher["name"] for cipher in context.get_ciphers()]
    assert names
    assert all(name.startswith(("TLS_", "ECDHE-")) and ("GCM" in name or "POLY1305" in name) for name in names)


def test_what_is_wrong_with_the_files_is_named(tmp_path: Path, files: TlsFiles) -> None:
    other = make_tls(tmp_path_of(tmp_path, "other"))
    with pytest.raises(FormatError, match=r"tls\.pair"):
        TlsFiles(files.certificate, other.key).context()
    with pytest.raises(FormatError, match=r"tls\.pair"):
        TlsFiles(files.key, files.key).context()
    with pytest.raises(FormatError, match=r"tls\.certificate"):
        TlsFiles(tmp_path / "absent.pem", files.key).context()
    with pytest.raises(FormatError, match=r"tls\.key"):
        TlsFiles(files.certificate, tmp_path / "absent.pem").context()
    files.key.chmod(0o640)
    with pytest.raises(Refused, match=r"tls\.permissions: .*chmod 600"):
        files.context()


def test_an_encrypted_key_is_refused_and_not_asked_for_at_the_terminal(files: TlsFiles) -> None:
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(FormatError, match=r"tls\.pair: .*unencrypted"):
        files.context()


def tmp_path_of(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


@pytest.mark.parametrize("url", ["http://issuer.example", "http://192.0.2.1:8101", "http://localhost.example"])
def test_whoever_calls_speaks_in_the_clear_to_this_machine_alone(url: str) -> None:
    def must_not_be_called(request: httpx.Request) -> httpx.Response:
        raise AssertionError("something was sent")

    transport = httpx.MockTransport(must_not_be_called)
    line = HttpLine(transport)
    for call in (
        lambda: line.get(url, accept="application/json", max_bytes=10),
        lambda: line.post(url, b"", headers={}, max_bytes=10),
        lambda: HttpOrderDesk(url, transport=transport).submit(b""),
        lambda: RelyingParty(url, key=Secret(b"key"), transport=transport).ask("over_18"),
    ):
        with pytest.raises(FormatError, match=r"url\.scheme"):
            call()
