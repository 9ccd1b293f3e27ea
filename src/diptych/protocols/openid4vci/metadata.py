"""What a credential issuer says of itself and of the documents it issues (OpenID4VCI 1.0, 12.2).

Configurations in formats other than `mso_mdoc` and `bbs_zk` are passed over when reading: nothing here could ask for
them. Display names are the issuer's claim about itself; trust comes from certificates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError, VerificationError
from diptych.formats import bbs_credential, strict_json
from diptych.formats.jose import jwe, jwk
from diptych.formats.strict_json import Json
from diptych.protocols.oauth.metadata import texts
from diptych.protocols.oauth.url import parse_url
from diptych.protocols.openid4vci.commitment_proof import PROOF_TYPE

WELL_KNOWN = "openid-credential-issuer"
FORMAT = "mso_mdoc"
FORMATS = (FORMAT, bbs_credential.FORMAT)
MAX_BYTES = 1024 * 1024
# Appendix A.2.2: ECDSA with SHA-256, and the same fully specified for P-256.
COSE_ALGORITHMS = (-7, -9)


@dataclass(frozen=True)
class ClaimDescription:
    """One attribute of a document: (namespace, identifier) and its names by language."""

    path: tuple[str, ...]
    names: Mapping[str, str]
    is_mandatory: bool


@dataclass(frozen=True)
class CredentialConfiguration:
    """One document type on offer, and its names by language."""

    doc_type: str
    scope: str
    names: Mapping[str, str]
    claims: tuple[ClaimDescription, ...] = ()
    format: str = FORMAT


@dataclass(frozen=True)
class RequestEncryption:
    """The key to which credential requests may be encrypted."""

    public_key: PublicKey
    kid: str


@dataclass(frozen=True)
class IssuerMetadata:
    """An issuer: its name, its endpoints, how many copies it issues at a time, and which documents."""

    issuer: str
    credential_endpoint: str
    nonce_endpoint: str
    batch_size: int
    configurations: Mapping[str, CredentialConfiguration]
    names: Mapping[str, str] = field(default_factory=dict)
    request_encryption: RequestEncryption | None = None
    authorization_servers: tuple[str, ...] = ()

    @property
    def authorization_server(self) -> str:
        """Where tokens come from: the issuer itself unless it names another."""
        return self.authorization_servers[0] if self.authorization_servers else self.issuer

    def encode(self) -> bytes:
        """The JSON document."""
        members: dict[str, Json] = {"credential_issuer": self.issuer}
        if self.authorization_servers:
            members["authorization_servers"] = list(self.authorization_servers)
        members["credential_endpoint"] = self.credential_endpoint
        members["nonce_endpoint"] = self.nonce_endpoint
        if self.request_encryption is not None:
            encryptions: list[Json] = list(jwe.CONTENT_ENCRYPTIONS)
            key = jwk.encode(self.request_encryption.public_key)
            key.update({"kid": self.request_encryption.kid, "use": "enc", "alg": jwe.KEY_AGREEMENT})
            members["credential_request_encryption"] = {
                "jwks": {"keys": [key]},
                "enc_values_supported": encryptions,
                "encryption_required": False,
            }
            members["credential_response_encryption"] = {
                "alg_values_supported": [jwe.KEY_AGREEMENT],
                "enc_values_supported": encryptions,
                "encryption_required": False,
            }
        if self.batch_size >= 2:
            members["batch_credential_issuance"] = {"batch_size": self.batch_size}
        if self.names:
            members["display"] = _encode_names(self.names)
        members["credential_configurations_supported"] = {
            identifier: _encode_configuration(configuration)
            for identifier, configuration in self.configurations.items()
        }
        return strict_json.encode(members)


def parse_issuer_metadata(body: bytes, *, expected_issuer: str) -> IssuerMetadata:
    """The metadata of `expected_issuer`; `VerificationError` if it names another, compared to the letter (12.2.4)."""
    if len(body) > MAX_BYTES:
        raise FormatError("metadata.size", f"issuer metadata here has at most {MAX_BYTES} bytes")
    members = strict_json.parse_object(body)
    issuer = strict_json.text(members, "credential_issuer")
    if issuer != expected_issuer:
        raise VerificationError("metadata.issuer", "the metadata is another issuer's")
    configurations = members.get("credential_configurations_supported")
    if not isinstance(configurations, dict):
        raise FormatError("metadata.configurations", "'credential_configurations_supported' must be an object")
    batch = members.get("batch_credential_issuance")
    batch_size = 1 if batch is None else strict_json.integer(_object(batch, "batch_credential_issuance"), "batch_size")
    if batch is not None and batch_size < 2:
        raise FormatError("metadata.batch_size", "'batch_size' must be 2 or greater")
    servers = texts(members, "authorization_servers")
    for server in servers:
        parse_url(server)
    return IssuerMetadata(
        issuer=issuer,
        credential_endpoint=parse_url(strict_json.text(members, "credential_endpoint")).text,
        nonce_endpoint=parse_url(strict_json.text(members, "nonce_endpoint")).text,
        batch_size=batch_size,
        configurations={
            identifier: _parse_configuration(_object(value, "credential_configurations_supported"))
            for identifier, value in configurations.items()
            if isinstance(value, dict) and value.get("format") in FORMATS
        },
        names=_parse_names(members),
        request_encryption=_parse_request_encryption(members),
        authorization_servers=servers,
    )


def _encode_configuration(configuration: CredentialConfiguration) -> Json:
    claims: list[Json] = [
        {"path": list(claim.path), "mandatory": claim.is_mandatory, "display": _encode_names(claim.names)}
        for claim in configuration.claims
    ]
    metadata: dict[str, Json] = {"display": _encode_names(configuration.names)}
    if claims:
        metadata["claims"] = claims
    if configuration.format != FORMAT:
        return {
            "format": configuration.format,
            "doctype": configuration.doc_type,
            "scope": configuration.scope,
            "proof_types_supported": {PROOF_TYPE: {"proof_signing_alg_values_supported": [bbs_credential.SYSTEM]}},
            "credential_metadata": metadata,
        }
    return {
        "format": FORMAT,
        "doctype": configuration.doc_type,
        "scope": configuration.scope,
        "cryptographic_binding_methods_supported": ["cose_key"],
        "credential_signing_alg_values_supported": list(COSE_ALGORITHMS),
        "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": ["ES256"]}},
        "credential_metadata": metadata,
    }


def _parse_configuration(value: dict[str, Json]) -> CredentialConfiguration:
    metadata = value.get("credential_metadata")
    details = _object(metadata, "credential_metadata") if metadata is not None else {}
    claims = details.get("claims", [])
    if not isinstance(claims, list):
        raise FormatError("metadata.claims", "'claims' must be an array")
    return CredentialConfiguration(
        doc_type=strict_json.text(value, "doctype"),
        scope=strict_json.text(value, "scope") if "scope" in value else "",
        names=_parse_names(details),
        claims=tuple(
            ClaimDescription(texts(item, "path"), _parse_names(item), item.get("mandatory") is True)
            for item in (_object(claim, "claims") for claim in claims)
        ),
        format=strict_json.text(value, "format"),
    )


def _parse_request_encryption(members: dict[str, Json]) -> RequestEncryption | None:
    """The first key that we can encrypt to; None if there is none."""
    value = members.get("credential_request_encryption")
    if value is None:
        return None
    jwks = _object(_object(value, "credential_request_encryption").get("jwks"), "jwks")
    keys = jwks.get("keys")
    if not isinstance(keys, list):
        raise FormatError("metadata.jwks", "'jwks' must have an array 'keys'")
    for key in keys:
        if isinstance(key, dict) and key.get("crv") == "P-256" and key.get("alg") == jwe.KEY_AGREEMENT:
            return RequestEncryption(jwk.parse(key), strict_json.text(key, "kid"))
    return None


def _encode_names(names: Mapping[str, str]) -> Json:
    return [{"name": name, "locale": locale} for locale, name in names.items()]


def _parse_names(members: dict[str, Json]) -> dict[str, str]:
    display = members.get("display", [])
    if not isinstance(display, list):
        raise FormatError("metadata.display", "'display' must be an array")
    names = {}
    for item in display:
        entry = _object(item, "display")
        name, locale = entry.get("name"), entry.get("locale", "")
        if isinstance(name, str) and isinstance(locale, str):
            names[locale] = name
    return names


def _object(value: Json, name: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise FormatError(f"metadata.{name}", f"'{name}' must be made of objects")
    return value
