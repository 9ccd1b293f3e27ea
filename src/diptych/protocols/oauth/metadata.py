"""What an authorization server says of itself (RFC 8414), as far as wallets here need it.

Fetching it is left to adapters; that it came from the right place is checked here.
"""

from dataclasses import dataclass

from diptych.errors import FormatError, VerificationError
from diptych.formats import strict_json
from diptych.formats.strict_json import Json
from diptych.protocols.oauth.dpop import ALGORITHMS
from diptych.protocols.oauth.url import parse_url

WELL_KNOWN = "oauth-authorization-server"
MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class AuthorizationServerMetadata:
    """The server's name, where tokens are asked for, and for which grants."""

    issuer: str
    token_endpoint: str
    grant_types: tuple[str, ...]
    dpop_algorithms: tuple[str, ...] = ALGORITHMS
    is_anonymous_access_supported: bool = True

    def encode(self) -> bytes:
        """The JSON document."""
        grant_types: list[Json] = list(self.grant_types)
        algorithms: list[Json] = list(self.dpop_algorithms)
        return strict_json.encode(
            {
                "issuer": self.issuer,
                "token_endpoint": self.token_endpoint,
                "grant_types_supported": grant_types,
                "token_endpoint_auth_methods_supported": ["none"],
                "dpop_signing_alg_values_supported": algorithms,
                # OpenID4VCI 1.0, 12.3: a token request without client_id is accepted.
                "pre-authorized_grant_anonymous_access_supported": self.is_anonymous_access_supported,
            }
        )


def parse_authorization_server_metadata(body: bytes, *, expected_issuer: str) -> AuthorizationServerMetadata:
    """The metadata of `expected_issuer`. `VerificationError` if it names another (RFC 8414 3.3)."""
    if len(body) > MAX_BYTES:
        raise FormatError("oauth.metadata.size", f"server metadata here has at most {MAX_BYTES} bytes")
    members = strict_json.parse_object(body)
    issuer = strict_json.text(members, "issuer")
    if issuer != expected_issuer:
        raise VerificationError("oauth.metadata.issuer", "the metadata is another server's")
    token_endpoint = parse_url(strict_json.text(members, "token_endpoint")).text
    return AuthorizationServerMetadata(
        issuer,
        token_endpoint,
        texts(members, "grant_types_supported"),
        texts(members, "dpop_signing_alg_values_supported"),
        members.get("pre-authorized_grant_anonymous_access_supported") is True,
    )


def texts(members: dict[str, Json], name: str) -> tuple[str, ...]:
    """An optional array of strings, empty if absent; `FormatError` if it is anything else."""
    found = members.get(name, [])
    if not isinstance(found, list):
        raise FormatError(f"json.{name}", f"'{name}' must be an array of strings")
    strings = tuple(item for item in found if isinstance(item, str))
    if len(strings) != len(found):
        raise FormatError(f"json.{name}", f"'{name}' must be an array of strings")
    return strings
