"""The authority that the benches issue with: a root, one document signer under it, made anew for each run."""

import os
from datetime import datetime, timedelta

from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.formats.x509 import profiles

_CRL = "https://utopia.example/crl"


def document_signer(now: datetime) -> tuple[SoftwareSigner, bytes]:
    """A document signer that is valid from the start of today, and its certificate (DER)."""
    root, signer = generate_signer(), generate_signer()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    iaca = profiles.build_iaca(
        signer=root,
        country="UT",
        common_name="Bench root",
        contact="https://utopia.example",
        crl=_CRL,
        not_before=midnight,
        not_after=midnight + timedelta(days=3650),
        entropy=os.urandom,
    )
    leaf = profiles.build_document_signer(
        public_key=signer.public_key,
        issuer=iaca,
        issuer_signer=root,
        common_name="Bench signer",
        crl=_CRL,
        not_before=midnight,
        not_after=midnight + timedelta(days=400),
        entropy=os.urandom,
    )
    return signer, leaf
