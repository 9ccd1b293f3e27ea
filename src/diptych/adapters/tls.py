"""Who may listen where, and with which TLS: 1.2 with forward secrecy and AEAD, or 1.3.

Plain HTTP is for this machine alone, unless the operator says that something in front ends TLS.
"""

import ipaddress
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import FormatError, Refused, Unavailable

CIPHERS_OF_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"


@dataclass(frozen=True)
class TlsFiles:
    """Where a server's certificate chain and its key are. They are read where they are needed, and not before."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """The server's side of TLS. `FormatError` or `Refused` says which file is wrong, and what to do."""
        try:
            mode = self.key.stat().st_mode
        except FileNotFoundError as error:
            raise FormatError("tls.key", f"there is no {self.key.name}: tls_key names it") from error
        except OSError as error:
            raise Unavailable("tls.key", f"{self.key.name} cannot be read: {error.strerror}") from error
        if stat.S_IMODE(mode) & 0o077:
            raise Refused("tls.permissions", f"others can read the private key {self.key.name}: run chmod 600 on it")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(CIPHERS_OF_1_2)
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_NO_TICKET
        context.num_tickets = 0  # nothing to take a session up again with
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
        except FileNotFoundError as error:
            raise FormatError(
                "tls.certificate", f"there is no {self.certificate.name}: tls_certificate names it"
            ) from error
        except ssl.SSLError as error:
            raise FormatError(
                "tls.pair",
                f"{self.certificate.name} and {self.key.name} are not a PEM certificate chain, leaf first, "
                "and its unencrypted key",
            ) from error
        except OSError as error:
            raise Unavailable("tls.certificate", f"{self.certificate.name} cannot be read: {error.strerror}") from error
        return context


def check_exposure(host: str, tls: TlsFiles | None, *, behind_proxy: bool) -> None:
    """Raises `Refused` for an address beyond this machine without TLS, or somebody who answers for it."""
    if tls is None and not behind_proxy and not is_loopback(host):
        raise Refused(
            "serve.tls",
            f"{host} is reached from beyond this machine: set tls_certificate and tls_key, or listen on 127.0.0.1, "
            "or set behind_proxy = true if something in front ends TLS",
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address. A name may mean anything: only `localhost` is believed."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _no_passphrase() -> str:
    """Asked for a key's passphrase, OpenSSL would stop at the terminal: an encrypted key is refused instead."""
    return ""
