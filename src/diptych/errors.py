"""What can go wrong, named by what the caller can do about it.

Every error carries `check`, the stable dotted name of the check that failed (tests and operators compare it),
a sentence for a person, and, where a standard defines one, the standard's own `code`. Personal data never
enters a message. Only `web/errors.py` turns these into HTTP.
"""


class DiptychError(Exception):
    """The family of every error that a caller is meant to handle."""

    def __init__(self, check: str, message: str, *, code: str | None = None) -> None:
        super().__init__(f"{check}: {message}")
        self.check = check
        self.message = message
        self.code = code


class FormatError(DiptychError):
    """The bytes are not what they claim to be: nonsense, whoever sent it."""


class VerificationError(DiptychError):
    """Well formed and untrue: a signature, digest, date or binding does not hold."""


class Refused(DiptychError):
    """True, and not allowed: a policy, a limit or the person said no."""


class Conflict(DiptychError):
    """The right message at the wrong moment: used, superseded, out of order."""


class Unavailable(DiptychError):
    """Nothing is wrong with the request: try again later."""
