"""The demo's chapter about revocation: what was proved of a licence that stood is refused once it does not.

The citizen has read the question and not yet agreed when the licence is revoked: so the very answer that was good a
moment before reaches the verifier. The story around it is `demo`; the processes are `demo_processes`.
"""

import time

from diptych.adapters.http.epochs import KEPT_FOR
from diptych.cli.demo_processes import Commands
from diptych.errors import Unavailable

QUERY = "licence_stands"
PROMPT = b"Do you agree?"
PUBLIC_SECONDS = 60.0


def is_refused_once_revoked(commands: Commands, order: str) -> bool:
    """Revoke `order` in the middle of an answer; whether the verifier then refuses that answer for its epoch."""
    commands.say(f"The verifier asks {QUERY} again. The citizen reads the question, and takes a while to agree.")
    asked = commands.run("verifier", "ask", QUERY, "--verifier", "verifier", "--no-wait")
    with commands.begin("wallet", "present", str(asked["link"]), "--wallet", "wallet") as question:
        question.wait_for(PROMPT)
        commands.say("Meanwhile an officer revokes the licence. An incident: every earlier epoch ends at once.")
        commands.run("officer", "revoke", order, "--reason", "lost", "--yes", "--officer", "officer")
        _publish_without(commands)
        # A verifier asks which epochs count as often as this: after it, none believes the one before.
        time.sleep(KEPT_FOR.total_seconds())
        commands.say("The citizen agrees now. The token is of an epoch that has ended, and there is none in the next.")
        answered = question.answer("y", expects=1)
    verdict = commands.run("verifier", "verdict", str(asked["id"]), "--verifier", "verifier", expects=1)
    return answered.get("verdict") == "refused" and (verdict["verdict"], verdict.get("check")) == (
        "refused",
        "bbs.epoch",
    )


def _publish_without(commands: Commands) -> None:
    """An epoch that has nothing of the revoked order: revoked counts once its act stands in the public log."""
    deadline = time.monotonic() + PUBLIC_SECONDS
    while True:
        time.sleep(1)  # an epoch is named after the second it begins in
        if commands.run("issuer", "publish-epoch", "issuer", "--incident", "--workers", "1")["ids"] == 0:
            return
        if time.monotonic() > deadline:
            raise Unavailable("demo.revoked", "the revocation did not reach the public log: look at issuer/server.log")
