"""What the operators' pages name is there: commands, checks, events, settings, files."""

import re
from pathlib import Path

import pytest
import typer

from diptych import config
from diptych.adapters.journal import Event, words_of_this_program
from diptych.cli.main import application

PAGES = sorted((Path(__file__).resolve().parents[1] / "docs" / "operations").glob("*.md"))
ROLES = {"issuer", "verifier", "officer", "wallet", "log", "auditor"}
PARTS = ("keeps, and what it must never", "## Start", "## Keys", "## Backup", "## Upgrade", "## Watch", "this happens")


def page_id(page: Path) -> str:
    return page.stem


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_each_role_that_runs_or_is_held_has_a_page() -> None:
    assert {page.stem for page in PAGES} >= ROLES


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem in ROLES], ids=page_id)
def test_a_page_has_what_an_operator_looks_for(page: Path) -> None:
    assert [part for part in PARTS if part not in text_of(page)] == []
    assert len(text_of(page).splitlines()) <= 110


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_command_of_a_page_is_there(page: Path) -> None:
    found = re.findall(r"diptych ((?:[a-z-]+ ?){1,2})", text_of(page))
    assert found
    for words in found:
        command: object = typer.main.get_command(application)
        for word in words.split():
            commands = getattr(command, "commands", None)
            if commands is None or (word not in commands and command is not None and words.split()[0] == "doctor"):
                break
            assert word in commands, f"diptych {words}"
            command = commands[word]


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_check_of_a_page_is_one_of_ours(page: Path) -> None:
    words = words_of_this_program()
    named = set(re.findall(r"`([a-z0-9_]+\.[a-z0-9_]+(?:\.[a-z0-9_]+)*)`", text_of(page)))
    named |= set(re.findall(r'check="([a-z0-9_.]+)"', text_of(page)))
    files = {name for name in named if name.endswith((".toml", ".pem", ".json", ".key", ".db", ".hash", ".md"))}
    assert [name for name in sorted(named - files) if name not in words] == []


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_event_setting_and_variable_of_a_page_is_there(page: Path) -> None:
    text = text_of(page)
    assert [name for name in re.findall(r"event `([a-z_]+)`", text) if name not in set(Event)] == []
    known = {config.variable(role, name) for role in config.ROLES for name in config.settings_of(role)}
    variables = set(re.findall(r"DIPTYCH_[A-Z0-9_]+", text))
    assert sorted(variables - known - set(config.OTHER_VARIABLES)) == []
