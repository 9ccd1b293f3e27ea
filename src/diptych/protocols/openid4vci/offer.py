"""Credential offers by value, as a link or QR code (OpenID4VCI 1.0, 4.1), with a pre-authorized code.

An offer by reference is refused: the code would have to lie on a server until it is fetched, and here codes are
keys. Whether the issuer is to be trusted is left to the wallet.
"""

from dataclasses import dataclass
from typing import Literal

from diptych.errors import FormatError
from diptych.formats import strict_json
from diptych.formats.strict_json import Json
from diptych.private import Secret
from diptych.protocols.oauth.form import parse_form, percent_encode
from diptych.protocols.oauth.url import parse_url

GRANT_PRE_AUTHORIZED = "urn:ietf:params:oauth:grant-type:pre-authorized_code"
SCHEMES = ("openid-credential-offer://", "haip-vci://")  # the second: HAIP 1.0, 4.2
MAX_CHARACTERS = 8192
MAX_DESCRIPTION_CHARACTERS = 300
MAX_CODE_CHARACTERS = 512
MAX_TX_CODE_LENGTH = 64


@dataclass(frozen=True)
class TxCode:
    """How the transaction code looks that the person is asked for. `length` None: the issuer does not say."""

    length: int | None = None
    input_mode: Literal["numeric", "text"] = "numeric"
    description: str | None = None


@dataclass(frozen=True)
class CredentialOffer:
    """An issuer's offer of some of its credential configurations, against a one-time code.

    `code` holds the code's ASCII characters exactly as they travel: what is hashed, and what keys are derived from.
    """

    issuer: str
    configuration_ids: tuple[str, ...]
    code: Secret
    tx_code: TxCode | None

    def link(self) -> str:
        """The link (and QR text) that hands this offer to a wallet. It carries the code: show it, never log it."""
        offer = strict_json.encode(self._members()).decode()
        return f"{SCHEMES[0]}?credential_offer={percent_encode(offer)}"

    def _members(self) -> dict[str, Json]:
        grant: dict[str, Json] = {"pre-authorized_code": self.code.reveal().decode("ascii")}
        if self.tx_code is not None:
            tx_code: dict[str, Json] = {"input_mode": self.tx_code.input_mode}
            if self.tx_code.length is not None:
                tx_code["length"] = self.tx_code.length
            if self.tx_code.description is not None:
                tx_code["description"] = self.tx_code.description
            grant["tx_code"] = tx_code
        return {
            "credential_issuer": self.issuer,
            "credential_configuration_ids": list(self.configuration_ids),
            "grants": {GRANT_PRE_AUTHORIZED: grant},
        }


def parse_offer(link: str) -> CredentialOffer:
    """The offer in a link, or `FormatError`. Unknown members are ignored (4.1.1)."""
    if len(link) > MAX_CHARACTERS:
        raise FormatError("offer.size", f"an offer here has at most {MAX_CHARACTERS} characters")
    scheme = next((scheme for scheme in SCHEMES if link.startswith(scheme)), None)
    if scheme is None:
        raise FormatError("offer.scheme", f"an offer is a link that starts with {SCHEMES[0]}")
    slash, question, query = link.removeprefix(scheme).partition("?")
    if slash not in ("", "/") or not question or not query.isascii():
        raise FormatError("offer.link", "an offer link carries its offer after '?'")
    parameters = parse_form(query.encode("ascii"))
    if "credential_offer_uri" in parameters:
        raise FormatError("offer.by_reference", "offers by reference are not accepted: ask for the offer by value")
    if "credential_offer" not in parameters:
        raise FormatError("offer.missing", "the link has no 'credential_offer'")
    return _parse_members(strict_json.parse_object(parameters["credential_offer"]))


def _parse_members(members: dict[str, Json]) -> CredentialOffer:
    issuer = strict_json.text(members, "credential_issuer")
    parse_url(issuer)
    ids = members.get("credential_configuration_ids")
    if not isinstance(ids, list) or not ids:
        raise FormatError("offer.configurations", "'credential_configuration_ids' must be a non-empty array")
    names = tuple(name for name in ids if isinstance(name, str) and name)
    if len(names) != len(ids) or len(set(names)) != len(names):
        raise FormatError("offer.configurations", "'credential_configuration_ids' must be unique strings")
    grants = members.get("grants")
    grant = grants.get(GRANT_PRE_AUTHORIZED) if isinstance(grants, dict) else None
    if not isinstance(grant, dict):
        raise FormatError("offer.grant", "the offer has no pre-authorized code, the one grant accepted here")
    code = strict_json.text(grant, "pre-authorized_code")
    if not 0 < len(code) <= MAX_CODE_CHARACTERS or not code.isascii() or not code.isprintable():
        raise FormatError("offer.code", f"a code is 1 to {MAX_CODE_CHARACTERS} printable ASCII characters")
    tx_code = _parse_tx_code(grant["tx_code"]) if "tx_code" in grant else None
    return CredentialOffer(issuer, names, Secret(code.encode("ascii")), tx_code)


def _parse_tx_code(value: Json) -> TxCode:
    if not isinstance(value, dict):
        raise FormatError("offer.tx_code", "'tx_code' must be an object")
    length, mode, description = value.get("length"), value.get("input_mode", "numeric"), value.get("description")
    if length is not None and (
        not isinstance(length, int) or isinstance(length, bool) or not 0 < length <= MAX_TX_CODE_LENGTH
    ):
        raise FormatError("offer.tx_code.length", f"'length' must be 1 to {MAX_TX_CODE_LENGTH}")
    if mode not in ("numeric", "text"):
        raise FormatError("offer.tx_code.input_mode", "'input_mode' must be 'numeric' or 'text'")
    if description is not None and (not isinstance(description, str) or len(description) > MAX_DESCRIPTION_CHARACTERS):
        raise FormatError(
            "offer.tx_code.description", f"'description' has at most {MAX_DESCRIPTION_CHARACTERS} characters"
        )
    return TxCode(length, "text" if mode == "text" else "numeric", description)
