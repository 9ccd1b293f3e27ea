"""What is used here of distributed, typed: the library's own annotations do not cover it."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

R = TypeVar("R")

class Future(Generic[R]):
    def result(self, *, timeout: float) -> R: ...
    def release(self) -> None: ...

class Client:
    def __init__(self, address: str, *, timeout: float, set_as_default: bool, name: str) -> None: ...
    def run(
        self, function: Callable[..., R], *args: Any, workers: list[str] | None = None, **kwargs: Any
    ) -> dict[str, R]: ...
    def submit(
        self,
        function: Callable[..., R],
        *args: object,
        workers: list[str],
        pure: bool,
        retries: int,
    ) -> Future[R]: ...
    def nthreads(self) -> dict[str, int]: ...
    def as_current(self) -> AbstractContextManager[None]: ...
    def close(self) -> None: ...

class DoneAndNotDoneFutures(Generic[R]):
    done: set[Future[R]]

def wait(fs: Iterable[Future[R]], *, timeout: float, return_when: str) -> DoneAndNotDoneFutures[R]: ...
