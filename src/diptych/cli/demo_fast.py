"""The demo's chapter about the fast suite: what is proved in milliseconds, of a licence that stands.

The story around it is `demo`; the processes are `demo_processes`.
"""

from diptych.cli.demo_processes import Commands

QUERIES = ("age_on_the_day", "licence_stands", "same_customer")


def fetch_ahead(commands: Commands) -> None:
    """An epoch is published, and the wallet fetches from it what it will need."""
    commands.say("The issuer publishes an epoch of the fast suite; the wallet fetches its tokens, ahead of need.")
    commands.run("issuer", "publish-epoch", "issuer")
    commands.run("wallet", "tokens", "--wallet", "wallet")
