"""An issuer's keys in a folder, on a clock of the test's."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from diptych.adapters.issuer_keys import CurrentDocumentSigners, IssuerKeys
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.formats.catalogue.model import Catalogue
from diptych.formats.mdoc.trust import IssuerTrust, parse_trust
from diptych.roles.issuer.ports import DocumentSigner
from tests.issuing import CATALOGUE, NOW, URL, Dice


@dataclass
class Keys:
    """`DocumentSigners` of a folder, and the operator's commands on it, at `now`."""

    folder: Path
    catalogue: Catalogue = CATALOGUE
    access: TokenAccess = field(default_factory=TokenAccess)
    now: datetime = NOW
    dice: Dice = field(default_factory=lambda: Dice(7))

    @property
    def keys(self) -> IssuerKeys:
        return IssuerKeys(self.folder, URL, self.catalogue, self.access)

    def create(self, *, key: str | None = None) -> "Keys":
        self.folder.mkdir(parents=True)
        self.keys.create(country="UT", key=key, now=self.now, entropy=self.dice)
        return self

    def rotate(self, *type_ids: str, **more: object) -> None:
        self.keys.rotate(type_ids or None, now=self.now, entropy=self.dice, **more)

    def rotate_root(self) -> None:
        self.keys.rotate_root(now=self.now, entropy=self.dice)

    def lose(self, *type_ids: str, **more: object) -> None:
        self.keys.declare_loss(type_ids or None, now=self.now, entropy=self.dice, **more)

    def signer_for(self, doc_type: str) -> DocumentSigner:
        return CurrentDocumentSigners(self.keys, lambda: self.now).signer_for(doc_type)

    def leaf(self, doc_type: str) -> bytes:
        return self.signer_for(doc_type).chain[0]

    def trust(self) -> IssuerTrust:
        """What lies in the folder for others to take."""
        return parse_trust((self.folder / "trust.json").read_bytes())
