"""A specimen authority of Utopia, its document signer, and Erika Mustermann's licence, made the same on every run."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import SoftwareSigner
from diptych.formats.cbor import CborValue, EncodedCbor, FullDate, decode, encode
from diptych.formats.mdoc import session_transcript
from diptych.formats.mdoc.issue import issue
from diptych.formats.mdoc.issuer_signed import IssuerSigned
from diptych.formats.mdoc.trust import IssuerTrust
from diptych.formats.x509 import profiles

NOW = datetime(2026, 5, 1, 12, 0, 0, tzinfo=UTC)
DOC_TYPE = "org.iso.18013.5.1.mDL"
NAMESPACE = "org.iso.18013.5.1"
TRANSCRIPT = session_transcript.openid4vp_redirect(
    client_id="x509_hash:specimen", nonce="nonce", jwk_thumbprint=bytes(32), response_uri="https://verifier.example/r"
)
ELEMENTS: Mapping[str, CborValue] = {
    "family_name": "Mustermann",
    "given_name": "Erika",
    "birth_date": FullDate("1971-09-01"),
    "document_number": "UT-0000001",
    "age_over_18": True,
    "age_in_years": 54,
    "portrait": b"\xff\xd8" + bytes(3000),
    "driving_privileges": [{"vehicle_category_code": "B", "issue_date": FullDate("1990-02-03")}],
}


def entropy_from(seed: str) -> Entropy:
    """Entropy that looks random and is the same on every run."""
    drawn = 0

    def entropy(length: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(f"{seed} {drawn}".encode()).digest(length)

    return entropy


def key(name: str) -> SoftwareSigner:
    """The specimen key of that name."""
    scalar = int.from_bytes(hashlib.sha256(name.encode()).digest(), "big") >> 1
    return SoftwareSigner(ec.derive_private_key(scalar, ec.SECP256R1()))


@dataclass(frozen=True)
class Authority:
    """A root and one document signer under it."""

    root_key: SoftwareSigner
    root: bytes
    signer_key: SoftwareSigner
    signer: bytes


def authority(name: str = "utopia", *, signer_since: datetime = NOW - timedelta(days=30)) -> Authority:
    """A specimen authority; another name gives other keys."""
    entropy = entropy_from(name)
    root_key, signer_key = key(f"{name} root"), key(f"{name} signer")
    root = profiles.build_iaca(
        signer=root_key,
        country="UT",
        common_name=f"{name} IACA",
        contact="https://authority.example",
        crl="https://authority.example/crl",
        not_before=NOW - timedelta(days=400),
        not_after=NOW + timedelta(days=4000),
        entropy=entropy,
    )
    signer = profiles.build_document_signer(
        public_key=signer_key.public_key,
        issuer=root,
        issuer_signer=root_key,
        common_name=f"{name} document signer",
        crl="https://authority.example/crl",
        not_before=signer_since,
        not_after=signer_since + timedelta(days=400),
        entropy=entropy,
    )
    return Authority(root_key, root, signer_key, signer)


AUTHORITY = authority()
DEVICE = key("device")
TRUST = IssuerTrust(signers={DOC_TYPE: (AUTHORITY.signer,)}, roots=(AUTHORITY.root,))


def licence(
    *,
    by: Authority = AUTHORITY,
    doc_type: str = DOC_TYPE,
    elements: Mapping[str, CborValue] = ELEMENTS,
    namespace: str = NAMESPACE,
) -> IssuerSigned:
    """Erika's licence, fresh from the issuer."""
    return issue(
        doc_type=doc_type,
        namespaces={namespace: elements},
        device_key=DEVICE.public_key,
        signer=by.signer_key,
        signer_chain=[by.signer],
        signed=NOW - timedelta(days=1),
        valid_from=NOW - timedelta(days=1),
        valid_until=NOW + timedelta(days=13),
        entropy=entropy_from("licence"),
    )


Step = str | int | bytes | type[EncodedCbor] | type[bytes]
"""A map key or array index; or, as a type, into tag 24 or into a byte string that is CBOR."""


def changed(value: CborValue, path: tuple[Step, ...], change: Callable[[CborValue], CborValue]) -> CborValue:
    """A copy of `value` with the item at `path` changed, through tag 24 and byte strings alike."""
    if not path:
        return change(value)
    step, rest = path[0], path[1:]
    if isinstance(value, EncodedCbor):
        assert step is EncodedCbor
        return EncodedCbor(encode(changed(decode(value.raw), rest, change)))
    if isinstance(value, bytes):
        assert step is bytes
        return encode(changed(decode(value), rest, change))
    if isinstance(value, dict):
        assert not isinstance(step, type)
        return {name: changed(member, rest, change) if name == step else member for name, member in value.items()}
    assert isinstance(value, list)
    return [changed(item, rest, change) if place == step else item for place, item in enumerate(value)]


def signed_again(issuer_signed: IssuerSigned, change: Callable[[CborValue], CborValue]) -> IssuerSigned:
    """The document with its MSO changed and signed again: what a careless or dishonest signer could hand out."""
    from diptych.formats.cose import sign1

    payload = issuer_signed.issuer_auth.unverified_payload
    assert payload is not None
    mso = encode(changed(decode(payload), (EncodedCbor,), change))
    signature = sign1.sign(mso, signer=AUTHORITY.signer_key, x5chain=[AUTHORITY.signer])
    return IssuerSigned(issuer_signed.namespaces, signature)
