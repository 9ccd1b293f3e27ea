"""Every setting is documented, checked, named when it is wrong, and the same from file and environment."""

from pathlib import Path

import pytest

from diptych import config
from diptych.errors import FormatError

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"

ENOUGH = {
    "officer": "",
    "issuer": 'url = "https://issuer.example"\nname_en = "A"\nname_fr = "B"\nport = 8101\n',
    "verifier": 'url = "https://verifier.example"\nport = 8102\n',
    "log": 'url = "https://log.example"\nport = 8103\n',
    "witness": 'url = "https://witness.example"\nport = 8104\n',
    "registry": 'url = "https://registry.example"\nport = 8105\nlog_policy = "log.policy"\n',
    "auditor": 'registry = "https://registry.example"\nlog_policy = "log.policy"\n',
    "trustee": 'name = "A"\nurl = "https://trustee.example"\nport = 8106\n',
}
READ = {
    "officer": config.read_officer,
    "issuer": config.read_issuer,
    "verifier": config.read_verifier,
    "log": config.read_log,
    "witness": config.read_witness,
    "registry": config.read_registry,
    "trustee": config.read_trustee,
    "auditor": config.read_auditor,
}
EVERY = [(role, name) for role in config.ROLES for name in config.settings_of(role)]


def rows(role: str) -> list[str]:
    """The table's lines, as docs/configuration.md must have them."""
    found = ["| setting | variable | may be | if not set | meaning |", "|---|---|---|---|---|"]
    for name, (setting, default) in config.settings_of(role).items():
        shown = "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        otherwise = "required" if default is config.REQUIRED else shown
        found.append(
            f"| `{name}` | `{config.variable(role, name)}` | {setting.kind} | {otherwise} | {setting.meaning} |"
        )
    return found


def other_rows() -> list[str]:
    return ["| variable | meaning |", "|---|---|"] + [
        f"| `{name}` | {meaning} |" for name, meaning in config.OTHER_VARIABLES.items()
    ]


@pytest.fixture(autouse=True)
def no_settings_around_us(monkeypatch: pytest.MonkeyPatch) -> None:
    for role, name in EVERY:
        monkeypatch.delenv(config.variable(role, name), raising=False)


def folder_with(folder: Path, text: str) -> Path:
    (folder / config.SETTINGS_FILE).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("role", config.ROLES)
def test_every_setting_is_documented_as_it_is(role: str) -> None:
    table = "\n".join(rows(role))
    assert table in DOCUMENT.read_text(encoding="utf-8"), f"docs/configuration.md, {role}, must have:\n{table}"


def test_every_other_variable_is_documented_as_it_is() -> None:
    table = "\n".join(other_rows())
    assert table in DOCUMENT.read_text(encoding="utf-8"), f"docs/configuration.md must have:\n{table}"


def test_nothing_is_documented_that_is_not_there() -> None:
    documented = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert set(documented) <= {row for role in config.ROLES for row in rows(role)} | set(other_rows())


def test_nothing_else_reads_the_environment() -> None:
    source = Path(config.__file__).parent
    readers = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if "os.environ" in path.read_text(encoding="utf-8") or "os.getenv" in path.read_text(encoding="utf-8")
    }
    # The demo hands its own environment on to the commands that it starts.
    assert readers <= {"config.py", "cli/demo_processes.py"}


@pytest.mark.parametrize("role", config.ROLES)
def test_what_must_be_said_is_enough(tmp_path: Path, role: str) -> None:
    settings = READ[role](folder_with(tmp_path, ENOUGH[role]))
    for name, (_, default) in config.settings_of(role).items():
        if default is not config.REQUIRED:
            assert getattr(settings, name) == default


@pytest.mark.parametrize(("role", "name"), EVERY)
def test_nonsense_is_refused_by_name_in_file_and_environment_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, name: str
) -> None:
    lines = [line for line in ENOUGH[role].splitlines() if not line.startswith(f"{name} =")]
    nonsense = "\n".join([*lines, f'{name} = {{ canary = "Dupont" }}'])
    with pytest.raises(FormatError, match=rf"settings\.{name}: {name} in settings\.toml must be") as from_file:
        READ[role](folder_with(tmp_path, nonsense))
    assert "Dupont" not in str(from_file.value)
    kind = config.settings_of(role)[name][0].kind
    monkeypatch.setenv(config.variable(role, name), "" if isinstance(kind, config.Text) else "Dupont")
    with pytest.raises(FormatError, match=rf"settings\.{name}: {name} in the environment's") as from_environment:
        READ[role](folder_with(tmp_path, ENOUGH[role]))
    assert "Dupont" not in str(from_environment.value)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_with(
        tmp_path, ENOUGH["verifier"] + "workers = 2\ntls_certificate = 'a.pem'\ntls_key = 'a.key.pem'\n"
    )
    assert config.read_verifier(folder).workers == 2
    monkeypatch.setenv("DIPTYCH_VERIFIER_WORKERS", "3")
    monkeypatch.setenv("DIPTYCH_VERIFIER_BEHIND_PROXY", "true")
    monkeypatch.setenv("DIPTYCH_VERIFIER_URL", "https://other.example")
    monkeypatch.setenv("DIPTYCH_VERIFIER_TLS_KEY", "/etc/b.key.pem")
    found = config.read_verifier(folder)
    assert (found.workers, found.behind_proxy, found.url) == (3, True, "https://other.example")
    assert (found.tls_certificate, found.tls_key) == (tmp_path / "a.pem", Path("/etc/b.key.pem"))


def test_the_environment_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIPTYCH_VERIFIER_URL", "https://verifier.example")
    monkeypatch.setenv("DIPTYCH_VERIFIER_PORT", "1")
    assert config.read_verifier(folder_with(tmp_path, "")).port == 1


def test_a_name_that_nobody_knows_is_refused_and_its_value_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FormatError, match=r"settings\.unknown: .* in line\(s\) 3\. Known are url, port") as error:
        config.read_verifier(folder_with(tmp_path, ENOUGH["verifier"] + 'Dupont_keep_documents = "Jean"'))
    assert "Dupont" not in str(error.value)
    monkeypatch.setenv("DIPTYCH_VERIFIER_KEEP", "Jean")
    with pytest.raises(FormatError, match=r"settings\.unknown: the environment's DIPTYCH_VERIFIER_KEEP") as error:
        config.read_verifier(folder_with(tmp_path, ENOUGH["verifier"]))
    assert "Jean" not in str(error.value)
    assert config.unknown_variables() == ["DIPTYCH_VERIFIER_KEEP"]


@pytest.mark.parametrize(
    ("role", "more", "check"),
    [
        ("issuer", 'tls_certificate = "a.pem"', "settings.tls_key"),
        ("verifier", 'tls_key = "a.key.pem"', "settings.tls_key"),
        ("verifier", "admin_port = 8102", "settings.admin_port"),
        ("verifier", "port = 1", "settings.toml"),
    ],
)
def test_what_does_not_belong_together_is_refused(tmp_path: Path, role: str, more: str, check: str) -> None:
    with pytest.raises(FormatError) as error:
        READ[role](folder_with(tmp_path, ENOUGH[role] + more))
    assert error.value.check == check


@pytest.mark.parametrize("url", ["http://issuer.example", "issuer.example", "https://a@issuer.example", 7])
def test_a_role_has_an_https_url(tmp_path: Path, url: object) -> None:
    text = ENOUGH["verifier"].replace('"https://verifier.example"', repr(url).replace("'", '"'))
    with pytest.raises(FormatError, match=r"settings\.url"):
        config.read_verifier(folder_with(tmp_path, text))


def test_a_folder_without_settings_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="run the role's `init` first"):
        config.read_issuer(tmp_path)
    (tmp_path / config.SETTINGS_FILE).mkdir()
    with pytest.raises(FormatError, match=r"settings\.read"):
        config.read_issuer(tmp_path)
