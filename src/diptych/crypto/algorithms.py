"""The algorithms accepted in messages: an allow-list, each with a date after which it is refused.

A date makes somebody look again before it passes. Circuits have their own list (`longfellow/circuits`), and so have
the log's signatures (`log_signing`); what only ever protects our own storage is not a message and not listed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from diptych.errors import FormatError, VerificationError


class Use(StrEnum):
    """What an algorithm is for; a name is accepted for its own use alone."""

    SIGNATURE = "signature"
    KEY_AGREEMENT = "key agreement"
    ENCRYPTION = "content encryption"
    MAC = "MAC"
    DIGEST = "digest"


@dataclass(frozen=True)
class Algorithm:
    """One algorithm under the name that JOSE or ISO 18013-5 gives it; `cose` is its number in COSE, if it has one."""

    name: str
    use: Use
    accepted_until: datetime
    cose: int | None = None


# ECDSA and ECDH on P-256 end where NIST IR 8547 (draft) disallows 112- to 128-bit classical public keys, less the life
# of a document; symmetric algorithms and hashes stand until somebody looks again.
_CLASSICAL = datetime(2033, 12, 31, 23, 59, 59, tzinfo=UTC)
_SYMMETRIC = datetime(2035, 12, 31, 23, 59, 59, tzinfo=UTC)

ES256 = Algorithm("ES256", Use.SIGNATURE, _CLASSICAL, cose=-7)  # RFC 7518 3.4, RFC 9053 2.1
ECDH_ES = Algorithm("ECDH-ES", Use.KEY_AGREEMENT, _CLASSICAL)  # RFC 7518 4.6
A256GCM = Algorithm("A256GCM", Use.ENCRYPTION, _SYMMETRIC)  # RFC 7518 5.3
A128GCM = Algorithm("A128GCM", Use.ENCRYPTION, _CLASSICAL)
HMAC_256_256 = Algorithm("HMAC 256/256", Use.MAC, _SYMMETRIC, cose=5)  # RFC 9053 3.1
SHA_256 = Algorithm("SHA-256", Use.DIGEST, _SYMMETRIC)  # ISO 18013-5 9.1.2.5

ALGORITHMS: tuple[Algorithm, ...] = (ES256, ECDH_ES, A256GCM, A128GCM, HMAC_256_256, SHA_256)


def names(use: Use) -> tuple[str, ...]:
    """The names in the list for this use, preferred first, whatever their dates."""
    return tuple(algorithm.name for algorithm in ALGORITHMS if algorithm.use is use)


def named(name: object, use: Use) -> Algorithm:
    """The algorithm of that name for that use, or `FormatError`: what is not in the list is not read here."""
    for algorithm in ALGORITHMS:
        if algorithm.use is use and algorithm.name == name:
            return algorithm
    raise FormatError("algorithm.unknown", f"the {use} must be one of {', '.join(names(use))}")


def check_accepted(algorithms: Collection[Algorithm], *, now: datetime) -> None:
    """`VerificationError` if the date of one of them has passed: the message may be true, and proves nothing now."""
    for algorithm in algorithms:
        if now > algorithm.accepted_until:
            raise VerificationError("algorithm.expired", f"{algorithm.name} is no longer accepted for {algorithm.use}")
