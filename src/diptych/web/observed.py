"""One line of the journal for each request: its endpoint by our own handler's name, its status, its duration.

Nothing that the request carries is looked at. What is written, and that it cannot say more, is left to the journal.
"""

from contextvars import ContextVar
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from diptych.adapters.journal import Check, Endpoint, Event, Journal, Line, RequestId, Stopwatch


@dataclass
class _Noted:
    """What is known of the request at hand before it is over."""

    id: RequestId = field(default_factory=RequestId)
    check: str | None = None


_AT_HAND: ContextVar[_Noted | None] = ContextVar("diptych_request_at_hand", default=None)


def note_check(check: str) -> None:
    """The request at hand fails this check: for its line in the journal. Outside of a request it does nothing."""
    noted = _AT_HAND.get()
    if noted is not None:
        noted.check = check


def request_at_hand() -> RequestId | None:
    """The random number of the request at hand."""
    noted = _AT_HAND.get()
    return None if noted is None else noted.id


class Observed:
    """An application whose requests are written down, the outermost layer."""

    def __init__(self, app: ASGIApp, journal: Journal) -> None:
        self._app = app
        self._journal = journal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        noted, stopwatch, status = _Noted(), Stopwatch(), None

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        token = _AT_HAND.set(noted)
        try:
            await self._app(scope, receive, watch)
        finally:
            _AT_HAND.reset(token)
            self._journal.write(
                Line(
                    Event.REQUEST,
                    endpoint=_endpoint(scope),
                    status=status,
                    milliseconds=stopwatch.milliseconds(),
                    check=None if noted.check is None else Check(noted.check),
                    request=noted.id,
                )
            )


def _endpoint(scope: Scope) -> Endpoint:
    """The router leaves the handler in the scope; its name is a word of ours, or it is not written."""
    name = getattr(scope.get("endpoint"), "__name__", "")
    return Endpoint(name) if name in set(Endpoint) else Endpoint.NONE
