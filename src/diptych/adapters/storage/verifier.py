"""The verifier's memory in a database: presentations until their verdict, and verdicts.

A thief of it learns which questions were asked and answered when; never by whom, and nothing of an answer. What moves
are allowed is left to `roles/verifier/model`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import IntegrityError

from diptych.adapters.storage.engine import Location, hold, open_database, transaction
from diptych.crypto.signing import dump_signer, load_signer
from diptych.errors import Conflict, Refused
from diptych.roles.verifier.model import (
    FINAL,
    READABLE_AFTER,
    Event,
    Presentation,
    Session,
    State,
    Verdict,
    move,
    parse_verdict,
)

ROLE = "verifier"

_METADATA = sa.MetaData()
_PRESENTATION = sa.Table(
    "presentation",
    _METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("policy", sa.Text),
    sa.Column("state", sa.Text),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("nonce", sa.Text),
    sa.Column("response_state", sa.Text),
    sa.Column("key", sa.LargeBinary),
    sa.Column("return_uri", sa.Text),
)
_VERDICT = sa.Table(
    "verdict",
    _METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("policy", sa.Text),
    sa.Column("verdict", sa.Text),
    sa.Column("time", sa.BigInteger),
)
KEPT_CONNECTIONS = 4
_SESSION_GONE: dict[str, None] = {"nonce": None, "response_state": None, "key": None}


def open_verifier_store(location: Location) -> "DatabaseVerifierStore":
    """The store in this database, created if there is none."""
    return DatabaseVerifierStore(open_database(location, ROLE, keeps=KEPT_CONNECTIONS))


class DatabaseVerifierStore:
    """A `VerifierStore` over an opened database.

    SQLite's `secure_delete` overwrites what a session leaves behind; PostgreSQL does so when it vacuums, and its
    write-ahead log keeps it longer (docs/decisions/0009).
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Let go of the connections that are kept."""
        self._engine.dispose()

    def add(self, presentation: Presentation) -> None:
        session = presentation.session
        values = {
            "id": presentation.id,
            "policy": presentation.policy,
            "state": presentation.state.value,
            "expires_at": int(presentation.expires_at.timestamp()),
            "nonce": None if session is None else session.nonce,
            "response_state": None if session is None else session.state,
            "key": None if session is None else dump_signer(session.key),
            "return_uri": presentation.return_uri,
        }
        try:
            with transaction(self._engine) as connection:
                connection.execute(sa.insert(_PRESENTATION).values(values))
                # After the insert, which waits for a verdict that is taking the place of a presentation with this id.
                if _verdict_row(connection, presentation.id) is not None:
                    raise Conflict("presentation.exists", "there is a presentation with this id")
        except IntegrityError as error:
            raise Conflict("presentation.exists", "there is a presentation with this id") from error

    def presentation(self, presentation_id: str) -> Presentation | None:
        with transaction(self._engine) as connection:
            row = _row(connection, presentation_id, locks=False)
        return None if row is None else _presentation(row)

    def advance(self, presentation_id: str, event: Event, *, now: datetime) -> Presentation:
        with transaction(self._engine) as connection:
            # Locked from here on: of two moves, the second sees what the first made.
            found = _known(connection, presentation_id)
            if found.is_due(now):
                _update(connection, presentation_id, state=State.EXPIRED, **_SESSION_GONE)
                found = _known(connection, presentation_id)
            elif (state := move(found.state, event)) in FINAL:
                raise Conflict("presentation.verdict", "a verdict is reached by concluding")
            else:
                _update(connection, presentation_id, state=state)
                return _known(connection, presentation_id)
        move(found.state, event)  # outside, so that the expiry is kept: raises
        return found

    def conclude(self, presentation_id: str, verdict: Verdict) -> None:
        with transaction(self._engine) as connection:
            found = _known(connection, presentation_id)
            move(found.state, Event.ACCEPT if verdict.accepted else Event.REFUSE)
            connection.execute(sa.delete(_PRESENTATION).where(_PRESENTATION.c.id == presentation_id))
            connection.execute(
                sa.insert(_VERDICT).values(
                    id=presentation_id,
                    policy=verdict.policy,
                    verdict=verdict.encode(),
                    time=int(verdict.time.timestamp()),
                )
            )

    def verdict(self, presentation_id: str) -> Verdict | None:
        with transaction(self._engine) as connection:
            row = _verdict_row(connection, presentation_id)
        return None if row is None else _verdict(row)

    def verdicts(self) -> Sequence[Verdict]:
        with transaction(self._engine) as connection:
            return [_verdict(row) for row in connection.execute(sa.select(_VERDICT).order_by(_VERDICT.c.time))]

    def forget_expired(self, now: datetime) -> None:
        seconds = int(now.timestamp())
        is_due = (_PRESENTATION.c.expires_at <= seconds) & _PRESENTATION.c.key.is_not(None)
        is_old = _PRESENTATION.c.expires_at <= seconds - int(READABLE_AFTER.total_seconds())
        with transaction(self._engine) as connection:
            hold(connection, "verifier sweep")  # two of them would lock the same rows in different orders
            connection.execute(
                sa.update(_PRESENTATION).where(is_due).values(state=State.EXPIRED.value, **_SESSION_GONE)
            )
            connection.execute(sa.delete(_PRESENTATION).where(is_old))


def _row(connection: Connection, presentation_id: str, *, locks: bool) -> "Row[tuple[object, ...]] | None":
    query = sa.select(_PRESENTATION).where(_PRESENTATION.c.id == presentation_id)
    return connection.execute(query.with_for_update() if locks else query).first()


def _verdict_row(connection: Connection, presentation_id: str) -> "Row[tuple[object, ...]] | None":
    return connection.execute(sa.select(_VERDICT).where(_VERDICT.c.id == presentation_id)).first()


def _known(connection: Connection, presentation_id: str) -> Presentation:
    row = _row(connection, presentation_id, locks=True)
    if row is None and (verdict := _verdict_row(connection, presentation_id)) is not None:
        move(_verdict(verdict).state, Event.ANSWER)  # raises: there is no second answer
    if row is None:
        raise Refused("presentation.unknown", "there is no such presentation", code="invalid_request")
    return _presentation(row)


def _update(connection: Connection, presentation_id: str, *, state: State, **values: None) -> None:
    connection.execute(
        sa.update(_PRESENTATION).where(_PRESENTATION.c.id == presentation_id).values(state=state.value, **values)
    )


def _presentation(row: "Row[tuple[object, ...]]") -> Presentation:
    session = None
    if row.key is not None:
        session = Session(row.nonce, row.response_state, load_signer(row.key))
    return Presentation(
        id=row.id,
        policy=row.policy,
        state=State(row.state),
        expires_at=datetime.fromtimestamp(row.expires_at, UTC),
        session=session,
        return_uri=row.return_uri,
    )


def _verdict(row: "Row[tuple[object, ...]]") -> Verdict:
    return parse_verdict(row.verdict, policy=row.policy, time=datetime.fromtimestamp(row.time, UTC))
