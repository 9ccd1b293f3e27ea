"""`diptych demo`: the first journey on one machine, with a fictional person and real processes.

It starts a public log, its witnesses, a sealed registry with five trustees, an issuer and a verifier as servers of
their own, plays officer and citizen through the commands that a person would type, and then searches the servers'
files for the citizen. A short drill ends it. The folders stay for inspection.
"""

import secrets
import sqlite3
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

from diptych.adapters.canary_search import search
from diptych.cli import demo_drill, demo_fast, demo_log, demo_processes, demo_registry, demo_revocation
from diptych.cli.demo_drill import DrillState
from diptych.cli.demo_log import LogChapter, Told
from diptych.cli.demo_processes import Commands
from diptych.cli.demo_registry import RegistryChapter, RegistryState
from diptych.cli.terminal import EXIT_DOES_NOT_HOLD, emit, progress

PASSPHRASE = "a fictional passphrase for a fictional person"  # noqa: S105  # printed for whoever looks around
DOCUMENT = "driving-licence"
POLICIES = ("over_18", "drive_category_b")


@dataclass(frozen=True)
class Proof:
    """One question, and how it was answered."""

    query: str
    mechanism: str
    accepted: bool
    prove_ms: float
    verify_ms: float
    bytes: int


@dataclass(frozen=True)
class Issued:
    """One kind of document that the wallet holds now."""

    document: str
    format: str
    count: int


@dataclass(frozen=True)
class Story:
    """What happened, as `--json` prints it."""

    issued: list[Issued]
    proofs: list[Proof]
    revoked_refused: bool
    verifier_stored: list[dict[str, object]]
    canaries: list[str]
    canaries_found: int
    server_paths: list[str]
    public: Told
    registry: RegistryState
    drill: DrillState

    @property
    def holds(self) -> bool:
        """Issued in public, accepted, refused once revoked; and no server file holds anything of the citizen."""
        is_done = bool(self.issued) and all(proof.accepted for proof in self.proofs) and self.public.holds
        is_sealed = self.registry.holds and self.canaries_found == 0 and self.drill.holds
        return is_done and self.revoked_refused and is_sealed


def play(root: Path, *, once: bool, as_json: bool) -> None:
    """The whole demo in the folder `root`; unless `once`, the servers then run until Ctrl-C."""
    environment = {"DIPTYCH_WALLET_PASSPHRASE": PASSPHRASE}
    with demo_processes.own_folder(root), Commands(root, environment, quiet=as_json) as commands:
        story = tell(root, commands, once=once)
        emit(_as_json(story), as_json=as_json, prose=lambda: _show(story, root))
        if not once:
            _stay(root)
    if not story.holds:
        raise typer.Exit(EXIT_DOES_NOT_HOLD)


def tell(root: Path, commands: Commands, *, once: bool) -> Story:
    """Play the journey with `commands` in `root`, and look at what it left behind."""
    urls = [f"http://127.0.0.1:{port}" for port in demo_processes.free_ports(6 + len(demo_registry.TRUSTEES))]
    issuer_url, verifier_url, log_url = urls[:3]
    log = LogChapter(commands, log_url, urls[3:5])

    commands.say("Everybody makes their keys and a folder of their own: two witnesses and the public log first,")
    log.make()
    commands.say("then the officer, the issuer, the verifier and the wallet.")
    officer = commands.run("officer", "init", "officer", "--issuer", issuer_url)
    officer_key = ("--officer-key", str(officer["public_key"]))
    commands.run("issuer", "init", "issuer", "--url", issuer_url, *officer_key, "--log-policy", log.policy)
    believed = ("--trust", "issuer/trust.json", "--log-policy", log.policy)
    commands.run("verifier", "init", "verifier", "--url", verifier_url, *believed)
    trust = (
        "--trust",
        "issuer/trust.json",
        "--verifier-trust",
        "verifier/verifier-trust.json",
        "--log-policy",
        log.policy,
    )
    commands.run("wallet", "init", "--wallet", "wallet", *trust)
    registry = RegistryChapter(commands, urls[5], urls[6:], log.policy, log_url, str(officer["public_key"]))
    registry.make()
    writers = [("issuer/log.pub.pem", "issuer"), *((demo_registry.WRITER, actor) for actor in demo_registry.ACTORS)]
    log.start(writers)
    commands.serve("issuer", issuer_url)
    commands.serve("verifier", verifier_url)
    commands.say("The registry and five trustees start; the trustees make a key together that none of them has.")
    registry.start()

    commands.say(
        "At the counter a person is enrolled: looked up without telling anyone whom, sealed under two keys and a\n"
        "quorum, and the order for the licence is approved in the same step. Nothing readable leaves the workstation."
    )
    canaries = _write_order(root / "officer")
    approval = registry.enrol("officer/order.toml")

    commands.say(
        "The citizen scans the offer and types the transaction code; the wallet redeems it.\n"
        "Nothing is handed out before it stands in the public log, under both witnesses; nothing is taken without."
    )
    codes = ("--tx-code", str(approval["tx_code"]))
    commands.run("wallet", "accept", str(approval["offer"]), *codes, "--wallet", "wallet", "--yes")
    held = commands.run("wallet", "list", "--wallet", "wallet")

    proofs = [_prove(commands, policy) for policy in POLICIES]

    commands.say("The short-lived proofs are renewed: no officer is needed, and it is an act like any other.")
    commands.run("wallet", "renew", "proof-of-age", "--wallet", "wallet")

    demo_fast.fetch_ahead(commands)
    proofs += [_prove(commands, policy) for policy in demo_fast.QUERIES]
    went = registry.go_on(approval)
    is_erased = registry.erase(approval)
    revoked_refused = demo_revocation.is_refused_once_revoked(commands, str(approval["order"]))
    told = log.tell(stops=once)

    commands.say("Now for what is left on the servers: every file is searched for the citizen.")
    servers = [root / "issuer", root / "verifier", *demo_log.folders(root), *demo_registry.folders(root)]
    return Story(
        issued=[Issued(str(one["document"]), str(one["format"]), int(str(one["copies"]))) for one in _rows(held)],
        proofs=proofs,
        revoked_refused=revoked_refused,
        verifier_stored=_all_rows(root / "verifier" / "verifier.db"),
        canaries=canaries,
        canaries_found=len(search(servers, canaries)),
        server_paths=[str(path) for path in servers],
        public=told,
        registry=demo_registry.state_of(approval, went, told, is_erased=is_erased),
        drill=demo_drill.drill(commands),
    )


def _prove(commands: Commands, policy: str) -> Proof:
    commands.say(f"The verifier asks {policy}. The wallet shows who asks, proves the one fact, and sends the proof.")
    asked = commands.run("verifier", "ask", policy, "--verifier", "verifier", "--no-wait")
    answered = commands.run("wallet", "present", str(asked["link"]), "--wallet", "wallet", "--yes")
    verdict = commands.run("verifier", "verdict", str(asked["id"]), "--verifier", "verifier")
    return Proof(
        query=policy,
        mechanism=str(answered["mechanism"]),
        accepted=verdict["verdict"] == "accepted",
        prove_ms=float(str(answered["prove_ms"])),
        verify_ms=float(str(verdict["verify_ms"])),
        bytes=int(str(answered["bytes"])),
    )


def _as_json(story: Story) -> dict[str, object]:
    """One object: what the log says stands beside the rest."""
    members = asdict(story)
    public = members.pop("public")
    return {**members, **{name: public[name] for name in ("log", "receipts_verified", "log_path", "log_policy")}}


def _write_order(folder: Path) -> list[str]:
    """A made-up person, marked so that any trace of them is found. Returns the marks."""
    mark = "".join(secrets.choice("bcdfghjklmnpqrstvwxz") for _ in range(10))  # a civil status has no digits
    canaries = {
        "family_name": f"Kœnig-Quintrel {mark}a",
        "given_name": f"Zéphyrine Aïssatou {mark}b",
        "document_number": f"UT-{mark}C",
        "birth_place": f"Saint-Vaast-{mark}D",
        "resident_address": f"14 rue des Écluses {mark}E",
    }
    portrait = f"portrait-of-{mark}F"
    (folder / "portrait.jpg").write_bytes(b"\xff\xd8\xff\xe0" + portrait.encode() + bytes(1024) + b"\xff\xd9")
    lines = [
        f'type = "{DOCUMENT}"',
        "[attributes]",
        *(f'{name} = "{value}"' for name, value in canaries.items()),
        "birth_date = 1987-06-05",
        "issue_date = 2026-03-02",
        "expiry_date = 2041-03-01",
        'issuing_country = "UT"',
        'issuing_authority = "Utopia Document Agency"',
        'portrait = "portrait.jpg"',
        'un_distinguishing_sign = "UTO"',
        "[[attributes.driving_privileges]]",
        'vehicle_category_code = "B"',
        "issue_date = 2006-07-01",
        "expiry_date = 2041-03-01",
    ]
    demo_registry.write_person(folder, family_name=canaries["family_name"], given_names=canaries["given_name"].split())
    (folder / "order.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [*canaries.values(), portrait]


def _all_rows(database: Path) -> list[dict[str, object]]:
    """Every row of every table, as an inspector with the file alone reads it."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        tables = [
            str(row["name"])
            for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        ]
        found = [
            {"table": table, **{name: _readable(row[name]) for name in row.keys()}}  # noqa: SIM118  # a Row has no items
            for table in tables
            if table != "alembic_version"
            for row in connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608  # names come from the file itself
        ]
    connection.close()
    return found


def _readable(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _rows(value: dict[str, object]) -> list[dict[str, object]]:
    documents = value["documents"]
    assert isinstance(documents, list)
    return documents


def _show(story: Story, root: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    issued = Table("document", "format", "copies", title="In the wallet", title_justify="left")
    for one in story.issued:
        issued.add_row(one.document, one.format, str(one.count))
    proofs = Table("asked", "answered with", "verdict", "prove", "verify", "size", title_justify="left")
    proofs.title = "What the verifier was told"
    for proof in story.proofs:
        proofs.add_row(
            proof.query,
            proof.mechanism,
            "accepted" if proof.accepted else "refused",
            f"{proof.prove_ms / 1000:.2f} s",
            f"{proof.verify_ms / 1000:.2f} s",
            f"{proof.bytes / 1000:.0f} kB",
        )
    console.print(issued, proofs)
    seen = "was refused" if story.revoked_refused else "was [red]not[/red] refused"
    console.print(f"Once the licence was revoked, in the next epoch, the same answer {seen}.\n")
    console.print("What the verifier kept, all of it:")
    for row in story.verifier_stored:
        console.print("  " + "  ".join(f"{name}={value}" for name, value in row.items()), highlight=False)
    console.print()
    demo_log.show(story.public, console)
    demo_registry.show(story.registry, console)
    console.print(
        f"\nSearched for {len(story.canaries)} planted values in {' and '.join(story.server_paths)}: "
        f"[bold]{story.canaries_found} found[/bold]."
    )
    demo_drill.show(story.drill, root, console)


def _stay(root: Path) -> None:
    """Leave the servers running for whoever wants to look around, until Ctrl-C."""
    progress("\nThe servers keep running. To look around, in another terminal:")
    progress(f"  cd {root}")
    progress(f"  export PATH={Path(sys.argv[0]).resolve().parent}:$PATH DIPTYCH_WALLET_PASSPHRASE='{PASSPHRASE}'")
    progress("  diptych wallet show driving-licence --wallet wallet")
    progress("  diptych wallet acts --wallet wallet      # what was done about you, proven in the public log")
    progress("  diptych verifier ask identity_name       # in one terminal; it prints a link and waits")
    progress("  diptych wallet present LINK --wallet wallet")
    progress("Ctrl-C stops them.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        progress("Stopping the servers. Their folders stay.")
