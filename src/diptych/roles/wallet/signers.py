"""Whether the key that signed a document was lost since: then nobody believes the document, however long it is dated.

What to do about it is left to `receiving` (what the issuer renews is renewed) and to the person (the counter).
"""

from collections.abc import Mapping
from datetime import datetime

from diptych.errors import FormatError
from diptych.formats.mdoc.issuer_signed import IssuerSigned, parse_issuer_signed
from diptych.formats.mdoc.trust import LostSigner, parse_trust
from diptych.formats.x509 import certificate
from diptych.roles.wallet.contents import Contents
from diptych.roles.wallet.model import Document


def lost_signers(contents: Contents) -> Mapping[bytes, LostSigner]:
    """The lost signers that this wallet's trust file tells of, by fingerprint."""
    try:
        return parse_trust(contents.trust().issuers).lost
    except FormatError as error:
        if error.check != "wallet.trust_missing":
            raise
        return {}


def lost_since(contents: Contents, document: Document, lost: Mapping[bytes, LostSigner]) -> datetime | None:
    """Since when the key that signed this document is lost, or None."""
    copies = contents.copies(document.id) if lost else ()
    # The copies of a document have one signer (`receipt.verify_copies`).
    return signer_lost_since(parse_issuer_signed(copies[0].issuer_signed.reveal()), lost) if copies else None


def signer_lost_since(issuer_signed: IssuerSigned, lost: Mapping[bytes, LostSigner]) -> datetime | None:
    """Since when the key that signed this copy is lost, or None."""
    found = lost.get(certificate.fingerprint(issuer_signed.issuer_auth.x5chain()[0]))
    return None if found is None else found.lost_at
