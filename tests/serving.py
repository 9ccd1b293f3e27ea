"""An application on a real socket of this machine, in a thread beside the test."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from diptych.web import one_request


class _InThread(uvicorn.Server):
    """uvicorn beside the tests: signals stay with them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def serving(build: Callable[[str], ASGIApp]) -> Iterator[str]:
    """The URL at which the application that `build` makes for it is served."""
    listener = one_request.listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = _InThread(uvicorn.Config(build(url), log_config=None, access_log=False, http="h11", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
