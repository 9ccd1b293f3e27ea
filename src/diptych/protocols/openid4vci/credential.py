"""Credential requests and responses (OpenID4VCI 1.0, 8.2 and 8.3), a batch of mdocs at a time, optionally encrypted.

Proofs travel through here unverified (`key_proof.py` verifies them), and what comes back is bytes that the wallet has
yet to verify.
"""

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from diptych.crypto.signing import PublicKey
from diptych.errors import FormatError, VerificationError
from diptych.formats import base64url, strict_json
from diptych.formats.jose import jwe, jwk
from diptych.formats.strict_json import Json
from diptych.protocols.openid4vci import recorded
from diptych.protocols.openid4vci.commitment_proof import PROOF_TYPE
from diptych.protocols.openid4vci.errors import (
    INVALID_CREDENTIAL_REQUEST,
    INVALID_ENCRYPTION_PARAMETERS,
    INVALID_PROOF,
    UNKNOWN_CREDENTIAL_IDENTIFIER,
)
from diptych.protocols.openid4vci.recorded import RecordedBatch

MEDIA_TYPE = "application/json"
ENCRYPTED_MEDIA_TYPE = "application/jwt"  # 10: an encrypted message is a JWT
MAX_REQUEST_BYTES = 256 * 1024
MAX_RESPONSE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ResponseEncryption:
    """The key that the wallet wants its response encrypted to."""

    public_key: PublicKey
    encryption: str = "A256GCM"
    kid: str | None = None


@dataclass(frozen=True)
class CredentialRequest:
    """A request for one copy of `configuration_id` for each key proof, or for a credential on a commitment.

    Of `proofs` (JWTs) and `commitment_proof` (see `commitment_proof.py`) one is empty: the standard takes one type.
    """

    configuration_id: str
    proofs: tuple[str, ...]
    response_encryption: ResponseEncryption | None = None
    commitment_proof: bytes | None = None

    def encode(self) -> bytes:
        """The JSON body."""
        proofs: dict[str, Json] = {"jwt": list(self.proofs)}
        if self.commitment_proof is not None:
            proofs = {PROOF_TYPE: [base64url.encode(self.commitment_proof)]}
        members: dict[str, Json] = {"credential_configuration_id": self.configuration_id, "proofs": proofs}
        if self.response_encryption is not None:
            key = {**jwk.encode(self.response_encryption.public_key), "use": "enc", "alg": jwe.KEY_AGREEMENT}
            if self.response_encryption.kid is not None:
                key["kid"] = self.response_encryption.kid
            members["credential_response_encryption"] = {"jwk": key, "enc": self.response_encryption.encryption}
        return strict_json.encode(members)


def parse_credential_request(body: bytes) -> CredentialRequest:
    """The request in a JSON body, or `FormatError` with OpenID4VCI's code. Unknown members are ignored (8.2)."""
    try:
        if len(body) > MAX_REQUEST_BYTES:
            raise FormatError("credential.size", f"a credential request has at most {MAX_REQUEST_BYTES} bytes")
        members = strict_json.parse_object(body)
        if "credential_identifier" in members:
            # 8.2: only where the token response named identifiers, and ours names none.
            raise FormatError(
                "credential.identifier",
                "no credential identifiers were given out: name a credential_configuration_id",
                code=UNKNOWN_CREDENTIAL_IDENTIFIER,
            )
        configuration_id = strict_json.text(members, "credential_configuration_id")
    except FormatError as error:
        raise FormatError(error.check, error.message, code=error.code or INVALID_CREDENTIAL_REQUEST) from error
    commitment_proof = _commitment_proof(members)
    proofs = () if commitment_proof is not None else _proofs(members)
    return CredentialRequest(configuration_id, proofs, _response_encryption(members), commitment_proof)


@dataclass(frozen=True)
class CredentialResponse:
    """The issued documents, each an encoded `IssuerSigned`, in the order of the request's proofs.

    `recorded` shows that issuing them stands in the public log, where the issuer has one.
    """

    credentials: tuple[bytes, ...]
    recorded: RecordedBatch | None = None

    def encode(self) -> bytes:
        """The JSON body (appendix A.2.4: base64url of the CBOR); `Cache-Control: no-store`."""
        credentials: list[Json] = [{"credential": base64url.encode(credential)} for credential in self.credentials]
        members: dict[str, Json] = {"credentials": credentials}
        if self.recorded is not None:
            members[recorded.MEMBER] = self.recorded.encode()
        return strict_json.encode(members)


def parse_credential_response(body: bytes) -> CredentialResponse:
    """The documents in a JSON body, or `FormatError`. A deferred answer is a `FormatError`: none is asked for."""
    if len(body) > MAX_RESPONSE_BYTES:
        raise FormatError("credential.size", f"a credential response has at most {MAX_RESPONSE_BYTES} bytes")
    members = strict_json.parse_object(body)
    credentials = members.get("credentials")
    if not isinstance(credentials, list) or not credentials:
        raise FormatError("credential.credentials", "'credentials' must be a non-empty array")
    found = []
    for item in credentials:
        if not isinstance(item, dict):
            raise FormatError("credential.credentials", "each of 'credentials' must be an object")
        found.append(base64url.decode(strict_json.text(item, "credential")))
    beside = members.get(recorded.MEMBER)
    return CredentialResponse(tuple(found), None if beside is None else recorded.parse_recorded(beside))


def encrypt_request(request: CredentialRequest, recipient: PublicKey, *, kid: str) -> bytes:
    """The request, encrypted to the key in the issuer's metadata (10). Send it as `application/jwt`."""
    return jwe.encrypt(request.encode(), recipient, kid=kid).encode("ascii")


def decrypt_request(body: bytes, private_key: ec.EllipticCurvePrivateKey, *, now: datetime) -> CredentialRequest:
    """The request in an encrypted body; `FormatError` if it does not open or is no request."""
    if len(body) > 2 * MAX_REQUEST_BYTES:
        raise FormatError("credential.size", "the encrypted request is too long", code=INVALID_CREDENTIAL_REQUEST)
    try:
        plaintext = jwe.decrypt(body.decode("ascii"), private_key, now=now)
    except (FormatError, VerificationError, UnicodeDecodeError) as error:
        raise FormatError(
            "credential.encrypted",
            "the encrypted request does not open: use the key and algorithms in the issuer's metadata",
            code=INVALID_ENCRYPTION_PARAMETERS,
        ) from error
    return parse_credential_request(plaintext)


def encrypt_response(response: CredentialResponse, encryption: ResponseEncryption) -> bytes:
    """The response, encrypted to the wallet's key (10). Send it as `application/jwt`."""
    return jwe.encrypt(
        response.encode(), encryption.public_key, encryption=encryption.encryption, kid=encryption.kid
    ).encode("ascii")


def decrypt_response(body: bytes, private_key: ec.EllipticCurvePrivateKey, *, now: datetime) -> CredentialResponse:
    """The response in an encrypted body. `VerificationError` if it does not open with our key."""
    if len(body) > 2 * MAX_RESPONSE_BYTES:
        raise FormatError("credential.size", "the encrypted response is too long")
    try:
        compact = body.decode("ascii")
    except UnicodeDecodeError as error:
        raise FormatError("credential.encrypted", "an encrypted response is a compact JWE") from error
    return parse_credential_response(jwe.decrypt(compact, private_key, now=now))


def _commitment_proof(members: dict[str, Json]) -> bytes | None:
    """The one commitment proof of a request whose proofs are of that type; None for another type."""
    proofs = members.get("proofs")
    if not isinstance(proofs, dict) or set(proofs) != {PROOF_TYPE}:
        return None
    found = proofs[PROOF_TYPE]
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], str):
        raise FormatError("credential.proofs", f"'proofs.{PROOF_TYPE}' holds one string", code=INVALID_PROOF)
    try:
        return base64url.decode(found[0])
    except FormatError as error:
        raise FormatError(error.check, error.message, code=INVALID_PROOF) from error


def _proofs(members: dict[str, Json]) -> tuple[str, ...]:
    proofs = members.get("proofs")
    found = proofs.get("jwt") if isinstance(proofs, dict) and len(proofs) == 1 else None
    if not isinstance(found, list) or not found:
        # 8.2: exactly one proof type, a non-empty array; ours is `jwt`.
        raise FormatError(
            "credential.proofs", "'proofs' must be an object with one non-empty array 'jwt'", code=INVALID_PROOF
        )
    strings = tuple(item for item in found if isinstance(item, str))
    if len(strings) != len(found):
        raise FormatError("credential.proofs", "each of 'proofs.jwt' must be a string", code=INVALID_PROOF)
    return strings


def _response_encryption(members: dict[str, Json]) -> ResponseEncryption | None:
    value = members.get("credential_response_encryption")
    if value is None:
        return None
    try:
        if not isinstance(value, dict):
            raise FormatError("credential.encryption", "'credential_response_encryption' must be an object")
        key = value.get("jwk")
        public_key = jwk.parse(key)
        assert isinstance(key, dict)  # jwk.parse accepts nothing else
        encryption = strict_json.text(value, "enc")
        kid = strict_json.text(key, "kid") if "kid" in key else None
        if key.get("alg") != jwe.KEY_AGREEMENT or encryption not in jwe.CONTENT_ENCRYPTIONS or "zip" in value:
            raise FormatError("credential.encryption", "only ECDH-ES with AES-GCM, uncompressed, is accepted")
    except FormatError as error:
        raise FormatError(error.check, error.message, code=INVALID_ENCRYPTION_PARAMETERS) from error
    return ResponseEncryption(public_key, encryption, kid)
