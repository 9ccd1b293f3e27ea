"""A client of `httpx` that lives as long as who asks with it."""

import ssl
import weakref

import httpx

from diptych.adapters.http.authorities import authorities

IDLE_SECONDS = 2.0
"""Servers, ours too, close what is idle for five seconds: who asks then, on the same connection, gets no answer."""


def open_client(
    owner: object, *, seconds: float, transport: httpx.BaseTransport | None = None, tls: ssl.SSLContext | None = None
) -> httpx.Client:
    """Connections that stay open until nobody has `owner` any more, if they are not closed before.

    No redirects, no proxies; `seconds` bounds each wait. `transport` stands in for the network in tests; `tls`, made
    before, spares a process that asks once from making it.
    """
    client = httpx.Client(
        transport=transport,
        timeout=seconds,
        verify=tls or authorities(),
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS),
    )
    weakref.finalize(owner, client.close)
    return client
