"""What docs/verifier.md tells a developer to type is what works."""

import contextlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from diptych.adapters import verifier_folder
from diptych.adapters.storage.verifier import open_verifier_store
from diptych.formats.mdoc.trust import encode_trust
from diptych.protocols.oauth.form import encode_form
from diptych.protocols.openid4vp import registration, request_object
from diptych.roles.verifier.fakes import FakeProofVerifier
from diptych.roles.verifier.policy import parse
from diptych.roles.verifier.service import Verifier
from diptych.web.verifier.server import build_server
from tests import verifying
from tests.protocols.openid4vp_parties import NOW, counting
from tests.serving import serving

TEXT = (Path(__file__).parents[1] / "docs" / "verifier.md").read_text(encoding="utf-8")
WRITTEN_URL = "http://127.0.0.1:8102"


def snippet(language: str, containing: str) -> str:
    (found,) = (text for text in re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL) if containing in text)
    return str(found)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Callable[[str], None]]]:
    """A verifier served from its own folder, and a wallet that answers a link."""
    folder = tmp_path / "verifier"
    trust = encode_trust(verifying.TRUST)
    verifier_folder.create(
        folder, name="Café Utopia", country="UT", trust=trust, settings=("s", ""), now=NOW, entropy=counting()
    )
    opened = verifier_folder.open_folder(folder)

    def build(url: str) -> FastAPI:
        verifier = Verifier(
            url=url,
            party=opened.party,
            policies=opened.policies,
            trust=opened.trust,
            store=open_verifier_store(folder / verifier_folder.DATABASE),
            proofs=FakeProofVerifier(),
            entropy=counting(),
            stopwatch=lambda: 0.0,
        )
        return build_server(verifier, url=url, key_hash=opened.key_hash, clock=lambda: NOW, on_close=lambda: None)

    def answer(link: str) -> None:
        found = request_object.parse_link(link)
        form = request_object.encode_fetch("wallet-nonce")
        fetched = httpx.post(found.request_uri, data=form, trust_env=False)
        verified = request_object.verify(
            fetched.text,
            expected_client_id=found.client_id,
            expected_wallet_nonce="wallet-nonce",
            trust=registration.parse_trust((folder / verifier_folder.WALLETS_TRUST).read_bytes()),
            now=NOW,
        )
        assert verified.verifier.name == "Café Utopia"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        body = verifying.proven(verified)
        assert httpx.post(verified.request.response_uri, content=body, headers=headers, trust_env=False).is_success

    monkeypatch.chdir(tmp_path)
    with serving(build) as url:
        yield url, answer


def test_the_ten_lines_of_python(running: tuple[str, Callable[[str], None]]) -> None:
    url, answer = running
    code = snippet("python", "RelyingParty")
    assert len(code.splitlines()) <= 10

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            if text.startswith("openid4vp://"):
                answer(text)
            return super().write(text)

    screen = Screen()
    with contextlib.redirect_stdout(screen):
        exec(compile(code.replace(WRITTEN_URL, url), "docs/verifier.md", "exec"), {})
    assert screen.getvalue().splitlines()[-1] == "welcome"


def test_the_one_http_call(running: tuple[str, Callable[[str], None]]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    url, answer = running
    command = snippet("sh", "curl").replace(WRITTEN_URL, url)
    with subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        answer(json.loads(curl.stdout.readline())["link"])
        verdict = json.loads(curl.stdout.readline())
    assert (verdict["verdict"], verdict["mechanism"]) == ("accepted", "longfellow")


def test_the_policy_that_is_shown_is_the_one_that_is_packaged() -> None:
    assert parse(snippet("toml", "over_18").encode()) == verifying.POLICIES["over_18"]


def test_a_secret_is_kept_for_later_and_then_dropped(tmp_path: Path) -> None:
    from diptych.errors import FormatError
    from diptych.private import Secret

    verifier_folder.keep_secret(tmp_path, "a" * 32, Secret(b"secret"))
    assert verifier_folder.kept_secret(tmp_path, "a" * 32) == Secret(b"secret")
    verifier_folder.drop_secret(tmp_path, "a" * 32)
    for name in ("a" * 32, "../trust", "-x"):
        with pytest.raises(FormatError, match=r"verifier\.asked"):
            verifier_folder.kept_secret(tmp_path, name)


def test_a_folder_is_made_whole_and_never_over_another(tmp_path: Path) -> None:
    from diptych.errors import Conflict, FormatError

    folder = tmp_path / "verifier"
    trust = encode_trust(verifying.TRUST)

    def create(trust: bytes) -> None:
        verifier_folder.create(
            folder, name="Café", country="UT", trust=trust, settings=("s", ""), now=NOW, entropy=counting()
        )

    with pytest.raises(FormatError):
        create(b"{}")
    assert list(tmp_path.iterdir()) == []
    create(trust)
    before = (folder / verifier_folder.KEY).read_bytes()
    with pytest.raises(Conflict, match=r"verifier\.exists"):
        create(trust)
    assert (folder / verifier_folder.KEY).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["verifier"]


def test_a_changed_policy_is_registered_anew(tmp_path: Path) -> None:
    folder = tmp_path / "verifier"
    trust = encode_trust(verifying.TRUST)
    verifier_folder.create(
        folder, name="Café", country="UT", trust=trust, settings=("s", ""), now=NOW, entropy=counting()
    )
    (folder / "policies" / "over_18.toml").unlink()
    assert [use.id for use in verifier_folder.register(folder, now=NOW).uses] == [
        "age_on_the_day",
        "drive_category_b",
        "identity_name",
        "licence_stands",
        "resident",
        "same_customer",
    ]
    assert "over_18" not in verifier_folder.open_folder(folder).policies


def test_the_fetch_is_a_form() -> None:
    assert encode_form(request_object.encode_fetch("a+b")) == b"wallet_nonce=a%2Bb"
