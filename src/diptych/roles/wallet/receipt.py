"""What the issuer sent, judged before it is kept: nothing that could not be shown later gets in.

Talking to the issuer is left to `issuance`, storing to `receiving`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from diptych.crypto.signing import SoftwareSigner
from diptych.errors import VerificationError
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.mdoc.trust import IssuerTrust
from diptych.formats.mdoc.verify import VerifiedIssuerSigned, verify_issuer_signed
from diptych.private import Personal


@dataclass(frozen=True)
class VerifiedCopies:
    """Copies of one document that say the same, each for one of our keys, and their common dates."""

    copies: tuple[tuple[Personal[bytes], SoftwareSigner], ...]
    signed: datetime
    valid_from: datetime
    valid_until: datetime


def verify_copies(
    credentials: Sequence[bytes],
    *,
    device_signers: Sequence[SoftwareSigner],
    expected_doc_type: str,
    trust: IssuerTrust,
    now: datetime,
) -> VerifiedCopies:
    """The copies, or `FormatError` or `VerificationError` naming the first check that failed.

    1. There are no more copies than keys were offered, and at least one.
    2. Each is signed by a signer pinned for this document type, valid now, and whole.
    3. Each is for one of the offered keys, and no two for the same.
    4. All say the same, with the same dates, from the same signer: nothing tells one copy from another but its key.
    """
    # 1.
    if not 1 <= len(credentials) <= len(device_signers):
        raise VerificationError("wallet.copy_count", "the issuer sent another number of copies than keys were offered")
    first: VerifiedIssuerSigned | None = None
    copies: list[tuple[Personal[bytes], SoftwareSigner]] = []
    keys = list(device_signers)
    for credential in credentials:
        # 2.
        issuer_signed = parse_issuer_signed(credential)
        verified = verify_issuer_signed(issuer_signed, expected_doc_type=expected_doc_type, trust=trust, now=now)
        # 3.
        signer = next((signer for signer in keys if signer.public_key == verified.device_key), None)
        if signer is None:
            raise VerificationError("wallet.copy_key", "a copy is for a key that was not offered for it")
        keys.remove(signer)
        # 4. A copy with a spelling of its own would be recognised wherever it is shown.
        first = first or verified
        if _what_it_says(verified) != _what_it_says(first):
            raise VerificationError("wallet.copies_differ", "the copies of the document do not say the same")
        copies.append((Personal(credential), signer))
    assert first is not None  # by 1.
    return VerifiedCopies(tuple(copies), first.signed, first.valid_from, first.valid_until)


def _what_it_says(
    verified: VerifiedIssuerSigned,
) -> tuple[Mapping[tuple[str, str], object], datetime, datetime, datetime, bytes]:
    return (verified.claims, verified.signed, verified.valid_from, verified.valid_until, verified.signer_fingerprint)
