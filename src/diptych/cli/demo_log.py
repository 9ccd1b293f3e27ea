"""The demo's chapter about the public log: a log and two witnesses of its own, and what the citizen finds in it.

The story around it is `demo`; the processes are `demo_processes`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from diptych.cli.demo_processes import Commands

if TYPE_CHECKING:
    from rich.console import Console

WITNESSES = ("w1", "w2")
ORIGIN = "log.demo.example/acts"
DAY_SECONDS = 10
"""How long the demo's days are: the log lists its labels once a day."""


@dataclass(frozen=True)
class LogState:
    """The log as it was verified at the end: offline, from its files."""

    size: int
    root: str
    witnesses: list[str]
    acts: dict[str, int]


@dataclass(frozen=True)
class Told:
    """What the public log says, and what the citizen found in it."""

    log: LogState
    receipts_verified: int
    log_path: str
    log_policy: str
    acts: list[dict[str, object]] = field(repr=False)
    absence_proven: bool

    @property
    def holds(self) -> bool:
        """The citizen found every act, proven, and that there is no other."""
        return self.absence_proven and bool(self.acts) and self.receipts_verified == len(self.acts)


@dataclass(frozen=True)
class LogChapter:
    """A log at `url` under the witnesses at `witness_urls`, in the demo's folder."""

    commands: Commands
    url: str
    witness_urls: Sequence[str]

    @property
    def policy(self) -> str:
        """The log's policy, as the others take it."""
        return "log/policy"

    def make(self) -> None:
        """Everybody's keys. Nothing runs yet."""
        run = self.commands.run
        for name, url in zip(WITNESSES, self.witness_urls, strict=True):
            run("witness", "init", name, "--name", f"{name}.demo.example", "--url", url)
        keys = [word for name in WITNESSES for word in ("--witness", f"{name}/witness.keys")]
        run("log", "init", "log", "--origin", ORIGIN, "--url", self.url, *keys, "--threshold", str(len(WITNESSES)))
        for name in WITNESSES:
            run("witness", "follow", name, "log/log.keys")

    def start(self, writers: Sequence[tuple[str, str]]) -> None:
        """Admit whoever has these keys, each in an actor's name, and let all of them run."""
        for key, actor in writers:
            self.commands.run("log", "admit", "log", key, "--actor", actor)
        for name, url in zip(WITNESSES, self.witness_urls, strict=True):
            self.commands.serve("witness", url, folder=name)
        days = {"DIPTYCH_LOG_LABEL_TREE_SECONDS": str(DAY_SECONDS)}
        self.commands.serve("log", self.url, days, is_up="/ready")

    def tell(self, *, stops: bool) -> Told:
        """The citizen looks for the acts about them; then the whole log is verified, stopped first if it may be."""
        self.commands.say(
            "The citizen asks the public log what was done about them, and proves that there was nothing else."
        )
        found = self._found()
        self.commands.say("Anyone can verify the whole log, offline, from its files and the policy.")
        if stops:
            self.commands.stop("log", *WITNESSES)
        verified = self.commands.run("log", "verify", "log/public", "--policy", self.policy, "--details")
        shown = self.commands.run("log", "show", "log/public", "--policy", self.policy)
        signed_by = [str(one["name"]) for one in _rows(shown, "signatures")]
        counts = verified["acts"]
        assert isinstance(counts, dict)
        root = self.commands.root.resolve()
        acts = _rows(found, "acts")
        return Told(
            log=LogState(
                size=int(str(verified["size"])),
                root=str(verified["root"]),
                witnesses=sorted({name for name in signed_by if name != ORIGIN}),
                acts={str(word): int(count) for word, count in counts.items()},
            ),
            receipts_verified=sum(act["shown"] == "proven" for act in acts),
            log_path=str(root / "log" / "public"),
            log_policy=str(root / self.policy),
            acts=acts,
            absence_proven=found["absence_proven_until"] is not None,
        )

    def _found(self) -> dict[str, object]:
        """What the wallet finds once the log has closed the day of the last act."""
        deadline = time.monotonic() + 4 * DAY_SECONDS
        while True:
            found = self.commands.run("wallet", "acts", "--wallet", "wallet")
            if all(act["shown"] == "proven" for act in _rows(found, "acts")) or time.monotonic() > deadline:
                return found
            time.sleep(2)


def show(told: Told, console: "Console") -> None:
    """The chapter for a person at a terminal."""
    from rich.table import Table

    acts = Table("act (copies)", "day", "by", "entry", "proof", title_justify="left")
    acts.title = "What the citizen finds in the public log"
    for act in told.acts:
        acts.add_row(
            _what(act), str(act["day"]), str(act["actor"]), f"#{act['index']}", f"[green]{act['shown']}[/green]"
        )
    kinds = ", ".join(f"{count} {word}" for word, count in told.log.acts.items())
    witnesses = " and ".join(told.log.witnesses)
    console.print(acts)
    console.print(
        f"That no other act about them is in it is {'proven' if told.absence_proven else 'not proven'}. All "
        f"{told.log.size} entries of the log verify\noffline ({kinds}), cosigned by {witnesses}.",
        highlight=False,
    )


def _what(act: dict[str, object]) -> str:
    details = act["details"]
    assert isinstance(details, dict)
    words = [str(act["act"]).replace("_", " "), str(details.get("type") or details.get("purpose") or "")]
    return " ".join(words) + (f" ({details['count']} copies)" if "count" in details else "")


def _rows(value: dict[str, object], name: str) -> list[dict[str, object]]:
    rows = value[name]
    assert isinstance(rows, list)
    return rows


def folders(root: Path) -> list[Path]:
    """Where everything of this chapter lies that must hold nothing of the citizen."""
    return [root / name for name in ("log", *WITNESSES)]
