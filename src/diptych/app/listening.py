"""Where a role listens, and how it is seen there: address, TLS, and the operator's own door."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diptych.adapters.tls import TlsFiles
    from diptych.config import (
        IssuerSettings,
        LogSettings,
        RegistrySettings,
        TrusteeSettings,
        VerifierSettings,
        WitnessSettings,
    )

LOOPBACK = "127.0.0.1"
ADMIN_AT_ONCE = 2


def where(url: str, port: int) -> tuple[str, int]:
    """The URL as it is kept, and the port to listen on: the URL's own on this machine, else the role's usual one."""
    from diptych.protocols.oauth.url import LOOPBACK_HOSTS, parse_url

    location = parse_url(url.rstrip("/"))
    return location.text, int(location.port) if location.host in LOOPBACK_HOSTS else port


def role_tls(
    settings: "IssuerSettings | VerifierSettings | LogSettings | WitnessSettings | TrusteeSettings | RegistrySettings",
    host: str | None,
) -> "TlsFiles | None":
    """The role's TLS, if it has any; `Refused` where it would listen beyond this machine without."""
    from diptych.adapters.tls import TlsFiles, check_exposure

    certificate, key = settings.tls_certificate, settings.tls_key
    tls = None if certificate is None or key is None else TlsFiles(certificate, key)
    check_exposure(host or settings.host, tls, behind_proxy=settings.behind_proxy)
    return tls


def check_tls(tls: "TlsFiles") -> None:
    tls.context()
