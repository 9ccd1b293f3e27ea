"""Whom certificates are believed from: the authorities that come with `httpx`."""

import functools
import ssl

import httpx


@functools.cache
def authorities() -> ssl.SSLContext:
    """Read once a process: that takes longer than a request.

    They change with an update of the software alone, after which what runs is started anew; no setting adds to them.
    """
    return httpx.create_ssl_context(trust_env=False)
