"""A server for the tests of `web/one_request`: run as a program with the limits as JSON."""

import asyncio
import json
import os
import resource
import sys
import time
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from diptych.adapters.counters import Counters
from diptych.adapters.journal import Journal, Role
from diptych.adapters.tls import TlsFiles
from diptych.web import one_request
from diptych.web.admin import build_admin
from diptych.web.errors import LastDoor
from diptych.web.observed import Observed


async def say_pid(request: Request) -> Response:
    return PlainTextResponse(f"{os.getpid()} {os.getppid()}")


async def echo(request: Request) -> Response:
    return Response(await request.body())


async def refuse_early(request: Request) -> Response:
    return PlainTextResponse("too long", status_code=413)


async def sleep(request: Request) -> Response:
    await asyncio.sleep(float(request.path_params["seconds"]))
    return PlainTextResponse("slept")


async def hang(request: Request) -> Response:
    while True:
        time.sleep(1)


async def grow(request: Request) -> Response:
    return PlainTextResponse(str(len(bytearray(int(request.path_params["megabytes"]) * 1024 * 1024))))


async def crash(request: Request) -> Response:
    os.abort()


async def limits(request: Request) -> Response:
    return PlainTextResponse(
        json.dumps({"core": resource.getrlimit(resource.RLIMIT_CORE), "as": resource.getrlimit(resource.RLIMIT_AS)})
    )


def main() -> None:
    given = json.loads(sys.argv[1])
    chore_file, children, folder = given.pop("chore_file"), given.pop("children", 16), given.pop("tls", None)
    listening = given.pop("listening", 8)
    application = Starlette(
        routes=[
            Route("/pid", say_pid),
            Route("/echo", echo, methods=["POST"]),
            Route("/refuse", refuse_early, methods=["POST"]),
            Route("/sleep/{seconds}", sleep),
            Route("/hang", hang),
            Route("/grow/{megabytes}", grow),
            Route("/crash", crash),
            Route("/limits", limits),
        ]
    )

    def chore() -> None:
        with Path(chore_file).open("a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")

    counters = Counters()
    journal = Journal(Role.ISSUER, counters)
    journal.take_over_logging()
    listener, admin = (one_request.listen("127.0.0.1", 0) for _ in range(2))
    tls = None if folder is None else TlsFiles(Path(folder) / "server.pem", Path(folder) / "server.key.pem")
    one_request.serve(
        [
            one_request.Door(listener, Observed(LastDoor(application, journal), journal), children, tls, listening),
            one_request.Door(admin, build_admin(counters, lambda: None, journal), 2),
        ],
        limits=one_request.Limits(**given),
        chore=chore,
        chore_seconds=0.3,
        announce=lambda: print(listener.getsockname()[1], admin.getsockname()[1], flush=True),
        journal=journal,
    )


if __name__ == "__main__":
    main()
