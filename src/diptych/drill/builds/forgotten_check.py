"""Removed: the question whose record it is. `GET /stored-orders/NUMBER` answers whatever row is asked for.

The flaw by which the accounts of 11.7 million people were read in April 2026, put in on purpose.
"""

import sqlite3
from pathlib import Path

from fastapi import FastAPI, Response


def change() -> None:
    """The issuer has one endpoint more."""
    from diptych.web.issuer import server

    build = server.build_server

    def build_server(*arguments: object, **named: object) -> FastAPI:
        application = build(*arguments, **named)  # type: ignore[arg-type]
        application.add_api_route("/stored-orders/{number}", stored_order, methods=["GET"], response_class=Response)
        return application

    setattr(server, "build_server", build_server)  # noqa: B010  # the name that the roof calls


async def stored_order(number: int) -> Response:
    """Every column of a row, one after the other."""
    with sqlite3.connect(f"file:{Path.cwd() / 'issuer' / 'issuer.sqlite'}?mode=ro", uri=True) as connection:
        row = connection.execute("SELECT * FROM orders WHERE rowid = ?", [number]).fetchone()
    connection.close()
    return Response(
        b"\0".join(value for value in row or () if isinstance(value, bytes)), status_code=200 if row else 404
    )
