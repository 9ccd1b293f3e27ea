"""The wallet's side of the fast suite's issuance: one holder secret, a commitment for each grant, what came judged.

The secret is made once and is behind every credential, so that all of them speak of one holder; the issuer sees
commitments, which say nothing of it. When to ask is left to `receiving`, what to prove to `planning` and `presenting`.
"""

from dataclasses import dataclass

from diptych.crypto.bls12381 import encode_scalar, random_scalars
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.credential import VerifiedCredential, receive, request
from diptych.errors import FormatError, Refused, VerificationError
from diptych.formats import bbs_credential
from diptych.formats.bbs_credential.credential import IssuedCredential, parse_credential, parse_document_type
from diptych.formats.bbs_credential.trust import FastSuiteTrust, parse_trust
from diptych.private import Personal, Secret
from diptych.protocols.openid4vci.commitment_proof import build_commitment_proof
from diptych.protocols.openid4vci.metadata import IssuerMetadata
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Commitment, Document, Grant, Proving
from diptych.roles.wallet.ports import WalletStore


@dataclass(frozen=True)
class Held:
    """A credential of the fast suite with its values, verified again from what is kept."""

    issued: IssuedCredential
    credential: VerifiedCredential


def fast_suite_trust(contents: Contents) -> FastSuiteTrust | None:
    """What this wallet's trust file says of the fast suite, if anything."""
    try:
        return parse_trust(contents.trust().issuers)
    except FormatError as error:
        if error.check != "wallet.trust_missing":
            raise
        return None


def siblings(metadata: IssuerMetadata, wanted: tuple[str, ...], trust: FastSuiteTrust | None) -> tuple[str, ...]:
    """The configurations of the fast suite beside these, for document types whose keys this wallet believes."""
    if trust is None:
        return ()
    doc_types = {metadata.configurations[name].doc_type for name in wanted if name in metadata.configurations}
    return tuple(
        name
        for name, configuration in metadata.configurations.items()
        if name not in wanted
        and configuration.format == bbs_credential.FORMAT
        and configuration.doc_type in doc_types
        and configuration.doc_type in trust.types
    )


def commit(contents: Contents, store: WalletStore, grant: Grant, *, entropy: Entropy) -> tuple[Commitment, Secret]:
    """The grant's commitment and the holder secret, on disk before they are used. Asked again, the same ones."""
    secret, commitment = contents.holder_secret(), contents.commitment(grant.id)
    if secret is None:
        secret = Secret(encode_scalar(random_scalars(1, entropy)[0]))
        contents.put_holder_secret(secret)
    if commitment is None:
        octets, blind = request(secret, entropy=entropy)
        commitment = Commitment(grant.id, octets, blind)
        contents.put_commitment(commitment)
        contents.save(store)
    return commitment, secret


def proof_for(commitment: Commitment, secret: Secret, *, issuer: str, c_nonce: str, entropy: Entropy) -> bytes:
    """The proof of possession that goes with a request."""
    return build_commitment_proof(
        commitment.commitment,
        blind=commitment.blind,
        holder_secret=secret,
        issuer=issuer,
        c_nonce=c_nonce,
        entropy=entropy,
    )


def judge(
    data: bytes,
    document: Document,
    commitment: Commitment,
    secret: Secret,
    trust: FastSuiteTrust | None,
) -> Proving:
    """What the issuer sent, once it is of a believed key, of this document's type, signed, and on our secret."""
    if trust is None or parse_document_type(data) != document.doc_type:
        raise VerificationError("wallet.proving_type", "the credential is not of the document type it was asked for")
    _open(data, commitment, secret, trust)
    return Proving(document.id, Personal(data))


def open_held(contents: Contents, document: Document, trust: FastSuiteTrust | None) -> Held:
    """The credential beside a document; `Refused` where there is none, or its issuer's key is no longer believed."""
    proving, secret = contents.proving(document.id), contents.holder_secret()
    commitment = contents.commitment(document.grant_id)
    if proving is None or secret is None or commitment is None or trust is None:
        raise Refused("wallet.no_proving", "this document has no credential that the fast suite proves with")
    try:
        return _open(proving.credential.reveal(), commitment, secret, trust)
    except VerificationError as error:
        raise Refused(
            "wallet.signer_lost",
            "the issuer's key of this credential is no longer believed: renew it, or ask for a new one at the counter",
        ) from error


def _open(data: bytes, commitment: Commitment, secret: Secret, trust: FastSuiteTrust) -> Held:
    keys = trust.type(parse_document_type(data))
    issued = parse_credential(data, keys.layout)
    if issued.issuer_key not in keys.keys:
        raise VerificationError("bbs.issuer_key", "the credential is not of a key believed for this document type")
    credential = receive(
        issued.signature,
        issuer_key=issued.issuer_key,
        layout=keys.layout,
        values=issued.values.reveal(),
        holder_secret=secret,
        blind=commitment.blind,
    )
    return Held(issued, credential)
