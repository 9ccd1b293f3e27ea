"""What the officer does: checks an order against the catalogue, derives what follows from it, seals, signs, submits.

The attributes are readable here and nowhere else. Asking the person at the counter who they are is left to the
officer; issuing is left to the issuer, once the citizen comes with both codes.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import Signer
from diptych.errors import DiptychError, FormatError, Unavailable
from diptych.formats import cbor
from diptych.formats.catalogue import derived
from diptych.formats.catalogue.model import Catalogue, DocumentType
from diptych.formats.catalogue.values import check_values
from diptych.formats.cbor import CborValue, FullDate
from diptych.formats.order.codes import new_code, new_tx_code
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.order.sealed import seal_order
from diptych.formats.order.signed import officer_fingerprint, sign_order
from diptych.formats.order.standing import Standing, StandingOrder
from diptych.formats.order.standing import sign as sign_standing
from diptych.private import Personal, Secret
from diptych.protocols.openid4vci.offer import CredentialOffer, TxCode
from diptych.roles.officer.model import Approval, Attempt, Declared, OrderFile, replayable
from diptych.roles.officer.order_file import parse_order_file, with_files
from diptych.roles.officer.ports import Attempts, OrderDesk

SEED_BYTES = 32
TX_CODE_DESCRIPTION = "The code that the officer gave you apart from the link."

Values = Mapping[str, Personal[CborValue]]


@dataclass(frozen=True)
class Officer:
    """One officer at one workstation, ordering from the issuer at `issuer`."""

    catalogue: Catalogue
    signer: Signer
    issuer: str
    desk: OrderDesk
    attempts: Attempts
    tx_code_length: int = 6
    offer_lifetime: timedelta = timedelta(days=7)

    def approve(self, order_file: bytes, files: Mapping[str, bytes], *, now: datetime, entropy: Entropy) -> Approval:
        """Place the order of a file and return what the citizen needs. Nothing is approved unless this returns.

        `FormatError` lists what to mend in the file. After `Unavailable`, approving the same file again places the
        same order again, so that one approval is one order however often it is tried.
        """
        fingerprint = self._fingerprint(order_file, files)
        attempt = self._attempt(fingerprint, now, entropy)
        approval, signed_order = self._prepare(order_file, files, attempt)
        self.attempts.keep(fingerprint, attempt)
        try:
            self.desk.submit(signed_order)
        except Unavailable:
            raise
        except DiptychError:
            # The desk's last word: trying again is a new approval.
            self.attempts.forget(fingerprint)
            raise
        self.attempts.forget(fingerprint)
        return approval

    def declare(self, order_id: bytes, standing: Standing, reason: str, *, now: datetime) -> Declared:
        """Suspend, reinstate or revoke what was issued under an order. After `Unavailable`, say the same again."""
        said = StandingOrder(
            order_id=order_id,
            issuer=self.issuer,
            officer=officer_fingerprint(self.signer.public_key),
            standing=standing,
            reason=reason,
            said_at=now.replace(microsecond=0),
        )
        return Declared(order_id, standing, self.desk.declare(sign_standing(said, signer=self.signer)))

    def documents(self, order_file: bytes, files: Mapping[str, bytes], *, now: datetime) -> tuple[OrderedDocument, ...]:
        """What an order file would have issued: for the record that stands behind it. Nothing is placed."""
        written = parse_order_file(order_file)
        found, _ = self._documents(written, self.catalogue.type(written.type_id), files, now.date())
        return tuple(found)

    def _attempt(self, fingerprint: bytes, now: datetime, entropy: Entropy) -> Attempt:
        # An attempt as old as its offer's life would place an expired order.
        self.attempts.forget_before(now - self.offer_lifetime + timedelta(seconds=1))
        kept = self.attempts.find(fingerprint)
        return (
            kept
            if kept is not None and kept.approved_at <= now
            else Attempt(now.replace(microsecond=0), Secret(entropy(SEED_BYTES)))
        )

    def _fingerprint(self, order_file: bytes, files: Mapping[str, bytes]) -> bytes:
        parts = [
            self.issuer.encode(),
            order_file,
            *(part for name in sorted(files) for part in (name.encode(), files[name])),
        ]
        return hashlib.sha256(cbor.encode(parts)).digest()

    def _prepare(self, order_file: bytes, files: Mapping[str, bytes], attempt: Attempt) -> tuple[Approval, bytes]:
        """Everything but sending; the same for the same file and attempt."""
        written = parse_order_file(order_file)
        document_type = self.catalogue.type(written.type_id)
        documents, left_out = self._documents(written, document_type, files, attempt.approved_at.date())
        entropy = replayable(attempt.seed)
        code, tx_code = new_code(entropy), new_tx_code(self.tx_code_length, entropy)
        expires_at = attempt.approved_at + self.offer_lifetime
        order = seal_order(
            full=documents,
            renewal=[document for document in documents if self.catalogue.type(document.type_id).renewable],
            code=code,
            tx_code=tx_code,
            issuer=self.issuer,
            officer=officer_fingerprint(self.signer.public_key),
            expires_at=expires_at,
            entropy=entropy,
        )
        names = tuple(document.type_id for document in documents)
        offer = CredentialOffer(self.issuer, names, code, TxCode(self.tx_code_length, "numeric", TX_CODE_DESCRIPTION))
        signed_order = sign_order(order, signer=self.signer).encode()
        return Approval(order.order_id, offer, tx_code, names, left_out, expires_at), signed_order

    def _documents(
        self, written: OrderFile, document_type: DocumentType, files: Mapping[str, bytes], day: date
    ) -> tuple[list[OrderedDocument], tuple[str, ...]]:
        """The documents to issue, and the proofs left out because nothing in them would be true."""
        values = _checked(document_type, with_files(written, document_type, files), day)
        wanted = _wanted(written, document_type)
        cap = _cap(written, values, day)
        documents: list[OrderedDocument] = []
        if document_type.id in wanted:
            derived_values = {} if document_type.renewable else derived.derive(document_type, values, day=day)
            documents.append(OrderedDocument(document_type.id, {**values, **derived_values}, cap))
        proofs = {name: self._proof(self.catalogue.type(name), values, cap, day) for name in document_type.proofs}
        documents += [proof for name, proof in proofs.items() if proof is not None and name in wanted]
        left_out = tuple(name for name, proof in proofs.items() if proof is None and name in wanted)
        if written.documents is not None and left_out:
            raise FormatError("order_file.documents", f"documents: nothing in it would be true: {', '.join(left_out)}")
        return documents, left_out

    @staticmethod
    def _proof(proof: DocumentType, values: Values, cap: datetime | None, day: date) -> OrderedDocument | None:
        found = derived.derive(proof, values, day=day)
        held = tuple(a for a in proof.attributes if a.identifier in found and found[a.identifier].reveal() is True)
        if not held:
            return None
        ends = [end for end in (cap, derived.holds_until(held, values, day=day)) if end is not None]
        return OrderedDocument(
            proof.id,
            check_values(proof, {name: value.reveal() for name, value in found.items()}),
            min(ends, default=None),
        )


def _checked(document_type: DocumentType, raw: Mapping[str, object], day: date) -> Values:
    """The values as the catalogue wants them; what is derived is refused where a person wrote it."""
    problems: list[str] = []
    if not document_type.renewable:
        problems += [
            f"{attribute.identifier}: worked out at approval; remove the line"
            for attribute in document_type.attributes
            if attribute.derived is not None and attribute.identifier in raw
        ]
    try:
        values = check_values(document_type, raw)
    except FormatError as error:
        raise FormatError(error.check, "\n".join([*error.message.splitlines(), *problems])) from error
    problems += _date_problems(values, day)
    if problems:
        raise FormatError("catalogue.values", "\n".join(problems))
    return values


def _date_problems(values: Values, day: date) -> Iterator[str]:
    birth, issue, expiry = (_day(values, name) for name in ("birth_date", "issue_date", "expiry_date"))
    if birth is not None and birth > day:
        yield "birth_date: this day is still to come"
    if expiry is not None and expiry < day:
        yield "expiry_date: this day has passed: an expired document is not issued"
    if issue is not None and expiry is not None and issue > expiry:
        yield "issue_date: it lies after expiry_date"
    if birth is not None and issue is not None and issue < birth:
        yield "issue_date: it lies before birth_date"


def _day(values: Values, identifier: str) -> date | None:
    found = values[identifier].reveal() if identifier in values else None
    return found.day() if isinstance(found, FullDate) else None


def _wanted(written: OrderFile, document_type: DocumentType) -> Sequence[str]:
    orderable = (document_type.id, *document_type.proofs)
    if written.documents is None:
        return orderable
    if not set(written.documents).issubset(orderable):
        raise FormatError("order_file.documents", f"documents: with this type go only: {', '.join(orderable)}")
    return written.documents


def _cap(written: OrderFile, values: Values, day: date) -> datetime | None:
    """The moment that no copy outlives: the document's own expiry, or earlier if the officer says so."""
    days = [found for found in (_day(values, "expiry_date"), written.valid_until) if found is not None]
    if written.valid_until is not None and written.valid_until < day:
        raise FormatError("order_file.valid_until", "valid_until: this day has passed")
    return derived.after(min(days)) if days else None
