"""A status list believed for documents: signed for that purpose under the roots that documents' signers stand under.

ISO 18013-5, second edition, 12.3.6; fetching and keeping lists is left to the roles.
"""

from datetime import datetime

from diptych.formats.mdoc.trust import IssuerTrust, verify_status_signer
from diptych.formats.status_list import token
from diptych.formats.status_list.token import UnverifiedStatusListToken, VerifiedStatusList


def verify_status_list(
    unverified: UnverifiedStatusListToken, *, expected_uri: str, trust: IssuerTrust, now: datetime
) -> VerifiedStatusList:
    """The list under `expected_uri`, or `VerificationError`.

    1. Its signer is pinned for status lists and stands under a trusted root (`trust.verify_status_signer`).
    2. It signed this list, for this URI, for now (`token.verify`).
    """
    # 1.
    signer = verify_status_signer(unverified.chain(), trust=trust, now=now)
    # 2.
    return token.verify(unverified, signer, expected_uri=expected_uri, now=now)
