"""`diptych trustee expire` destroys the months that were named, asks first, and no command brings one back."""

import json
import os
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from diptych.adapters import trustee_folder
from diptych.adapters.keys import file
from diptych.adapters.month_keys import MonthKeyFolder
from diptych.app import House
from diptych.cli.main import application
from diptych.crypto.signing import generate_signer
from diptych.errors import FormatError, Refused
from tests.formats.tlog_specimen import POLICY

CLASS, OTHER = "identity-15y", "permit.short"
LAST_MONTHS = (date(2026, 9, 1), date(2026, 10, 1), date(2026, 11, 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    file.write_public_key(tmp_path / "agency.pem", generate_signer().public_key)
    (tmp_path / "policy").write_bytes(POLICY.encode())
    House().new_trustee(
        tmp_path / "trustee",
        name="Notaries",
        url="http://127.0.0.1:8106",
        agency_key=tmp_path / "agency.pem",
        log_policy=tmp_path / "policy",
        waiting_hours=48,
        key=None,
    )
    for day in LAST_MONTHS:
        for retention in (CLASS, OTHER):
            months(tmp_path / "trustee").current(retention, day)
    return tmp_path / "trustee"


def months(folder: Path) -> MonthKeyFolder:
    return MonthKeyFolder(folder / trustee_folder.MONTHS, os.urandom)


def expire(folder: Path, *arguments: str, said: str | None = None, exit_code: int = 0) -> str:
    called = ["trustee", "expire", str(folder), *arguments]
    outcome = CliRunner().invoke(application, called, obj=House(), input=said)
    if isinstance(outcome.exception, FormatError):
        raise outcome.exception
    assert outcome.exit_code == exit_code, outcome.output
    return outcome.stdout


def test_the_months_before_are_destroyed_of_that_class_alone_and_never_made_again(folder: Path) -> None:
    answer = expire(folder, "--retention", CLASS, "--before", "2026-11", "--yes", "--json")
    gone = [f"{CLASS}.2026-09", f"{CLASS}.2026-10"]
    assert json.loads(answer) == {"destroyed": gone}
    assert list(months(folder).periods()) == [
        f"{CLASS}.2026-11",
        *(f"{OTHER}.{day:%Y-%m}" for day in LAST_MONTHS),
    ]
    with pytest.raises(Refused, match=r"retention\.expired"):
        months(folder).current(CLASS, LAST_MONTHS[0])
    again = expire(folder, "--retention", CLASS, "--before", "2026-11", "--json")
    assert json.loads(again) == {"destroyed": []}


def test_it_asks_first_and_no_is_no(folder: Path) -> None:
    expire(folder, "--retention", OTHER, "--before", "2027-01", said="n\n", exit_code=1)
    assert len(months(folder).periods()) == 2 * len(LAST_MONTHS)
    expire(folder, "--retention", OTHER, "--before", "2027-01", said="y\n")
    assert len(months(folder).periods()) == len(LAST_MONTHS)


def test_what_is_no_month_destroys_nothing(folder: Path) -> None:
    for written in ("2026-13", "2026", "november"):
        with pytest.raises(FormatError, match=r"expiry\.month"):
            expire(folder, "--retention", CLASS, "--before", written, "--yes")
    assert len(months(folder).periods()) == 2 * len(LAST_MONTHS)
