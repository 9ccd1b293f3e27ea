"""What a witness needs from outside: a place for one checkpoint per log that never goes back."""

from typing import Protocol

from diptych.roles.witness.model import Cosigned


class WitnessStore(Protocol):
    """The last checkpoint cosigned, per origin."""

    def latest(self, origin: str) -> Cosigned | None:
        """The last one kept, or None."""
        ...

    def keep(self, origin: str, *, after: Cosigned | None, cosigned: Cosigned) -> None:
        """Replace `after` by `cosigned`; durable on return.

        `Conflict` if `after` is no longer what is kept: comparing and replacing are one atomic step, so that of two
        racing checkpoints one loses. `Unavailable` if it is not known whether it was saved.
        """
        ...
