"""The demo's chapter about the sealed registry: enrolled, noticed twice, opened in public, erased.

The story around it is `demo`; the log that everything stands in is `demo_log`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.cli.demo_log import Told
from diptych.cli.demo_processes import Commands, Server
from diptych.errors import DiptychError

if TYPE_CHECKING:
    from rich.console import Console

THRESHOLD = 3
TRUSTEES = ("Notaries", "Auditors", "University", "Ombudsman", "Archives")
FOLDERS = tuple(f"trustee{number}" for number in range(1, len(TRUSTEES) + 1))
WRITER, ACTORS = "registry/log.pub.pem", ("agency", "registry", "officer")
PERSON, COPY, STATEMENTS = "officer/person.toml", "citizen-copy.cbor", "citizen-erasure.json"


@dataclass(frozen=True)
class RegistryState:
    """What the chapter showed: each is seen, and not assumed."""

    enrolled: bool
    duplicate_found: bool
    opened: bool
    opening_seen_by_citizen: bool
    erased: bool

    @property
    def holds(self) -> bool:
        is_seen = self.opened and self.opening_seen_by_citizen
        return self.enrolled and self.duplicate_found and is_seen and self.erased


@dataclass(frozen=True)
class RegistryChapter:
    """A registry at `url` with trustees at `trustee_urls`, in the demo's folder. Nobody waits 48 hours here."""

    commands: Commands
    url: str
    trustee_urls: Sequence[str]
    log_policy: str
    log_url: str
    officer_key: str

    def make(self) -> None:
        """Everybody's keys. Nothing runs yet."""
        run = self.commands.run
        believed = ("--log-policy", self.log_policy)
        run("registry", "init", "registry", "--url", self.url, *believed, "--log", self.log_url, "--waiting-hours", "0")
        agency = ("--agency", "registry/agency.pem")
        for folder, name, url in zip(FOLDERS, TRUSTEES, self.trustee_urls, strict=True):
            run("trustee", "init", folder, "--name", name, "--url", url, *agency, *believed, "--waiting-hours", "0")
        run("officer", "join", "officer", "--registry", self.url, *agency, *believed, "--log", self.log_url)

    def start(self) -> None:
        """Let all of them run, make the trustees' key, certify the officer."""
        trustees = [Server("trustee", url, folder) for folder, url in zip(FOLDERS, self.trustee_urls, strict=True)]
        self.commands.serve_all([Server("registry", self.url, "registry"), *trustees])
        cards = [f"{folder}/trustee.json" for folder in FOLDERS]
        self.commands.run("registry", "ceremony", "registry", *cards, "--threshold", str(THRESHOLD))
        roles = [word for role in ("enrol", "find", "open", "correct", "erase") for word in ("--role", role)]
        self.commands.run("registry", "certify", "registry", self.officer_key, *roles)

    def enrol(self, order: str) -> dict[str, object]:
        """The person is enrolled, and the order approved in the same step; what the citizen needs."""
        return self.commands.run("officer", "enrol", PERSON, "--order", order, "--copy", COPY, "--officer", "officer")

    def go_on(self, enrolled: dict[str, object]) -> tuple[bool, bool]:
        """The same person at another counter; then an opening with cause. Whether each went as it should."""
        record = str(enrolled["enrolled"])
        self.commands.run(
            "wallet", "record", "--take", COPY, "--code", str(enrolled["copy_code"]), "--wallet", "wallet"
        )
        self.commands.say("At another counter, somebody of that name wants to enrol. The tags are there already.")
        again = self.commands.run(
            "officer", "enrol", PERSON, "--type", "driving-licence", "--officer", "officer", expects=1
        )
        is_noticed = again.get("enrolled") is None and again.get("matches") == [record]
        self.commands.say(
            f"The officer opens the record, with cause: logged first, then by the agency and {THRESHOLD} of "
            f"{len(TRUSTEES)} trustees."
        )
        reason = ("--basis", "reissue", "--purpose", "is this the same person?", "--case", "UT-2026-17")
        opened = self.commands.run("officer", "open", record, *reason, "--officer", "officer")
        return is_noticed, opened.get("record") == record

    def erase(self, enrolled: dict[str, object]) -> bool:
        """The record dies. Whether every trustee said so, and nobody opens it or finds it afterwards."""
        record, folder = str(enrolled["enrolled"]), ("--officer", "officer")
        self.commands.say(
            "The record is erased: every trustee deletes its mask and signs that it did, the registry overwrites what\n"
            "it has. The citizen gets the statements."
        )
        cause = ("--basis", "retention", "--case", "UT-2026-18")
        erased = self.commands.run("officer", "erase", record, *cause, "--to", STATEMENTS, *folder)
        found = self.commands.run("officer", "find", PERSON, *folder, expects=1)
        is_said = erased["erased"] == record and not erased["named"]
        return is_said and not found["matches"] and not self._opens(record)

    def _opens(self, record: str) -> bool:
        cause = ("--basis", "reissue", "--purpose", "is it gone?", "--case", "UT-2026-18")
        try:
            self.commands.run("officer", "open", record, *cause, "--officer", "officer")
        except DiptychError as error:
            return error.check != "registry.erased"
        return True


def state_of(enrolled: dict[str, object], went: tuple[bool, bool], told: Told, *, is_erased: bool) -> RegistryState:
    """What the chapter showed, with what the citizen found in the log."""
    is_noticed, is_opened = went
    proven = [act["act"] for act in told.acts if act["shown"] == "proven"]
    seen = "opened" in proven
    is_erased = is_erased and proven.count("mask_deleted") == len(TRUSTEES)
    return RegistryState(bool(enrolled.get("enrolled")), is_noticed, is_opened, seen, is_erased)


def show(state: RegistryState, console: "Console") -> None:
    """The chapter for a person at a terminal."""
    console.print("\nThe sealed registry:")
    seen = (
        ("a person was enrolled under two keys and a quorum", state.enrolled),
        ("the same person at another counter was noticed", state.duplicate_found),
        ("an officer with cause opened the record", state.opened),
        ("the citizen saw the opening in the public log", state.opening_seen_by_citizen),
        ("the record was erased, and opens and is found no more", state.erased),
    )
    for what, is_so in seen:
        console.print(f"  {what}: {'yes' if is_so else '[red]no[/red]'}", highlight=False)


def write_person(folder: Path, *, family_name: str, given_names: Sequence[str]) -> None:
    """Who stands at the counter."""
    given = ", ".join(f'"{name}"' for name in given_names)
    lines = (
        "[civil_status]",
        f'family_name = "{family_name}"',
        f"given_names = [{given}]",
        'birth_date = "1987-06-05"',
        'birth_place = "29232"',
    )
    (folder / "person.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def folders(root: Path) -> list[Path]:
    """The servers' folders of this chapter."""
    return [root / name for name in ("registry", *FOLDERS)]
