"""Documents to prove from, and one proof that many tests share: issued, presented and proven by our own code."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from diptych.adapters.provers import frames
from diptych.adapters.provers.prover import DisposableProver
from diptych.crypto.longfellow import Claim, circuit_for
from diptych.crypto.signing import PublicKey, SoftwareSigner, coordinates, generate_signer
from diptych.formats import cbor
from diptych.formats.cbor import CborValue, FullDate
from diptych.formats.mdoc.device_response import DeviceResponse
from diptych.formats.mdoc.issue import issue
from diptych.formats.mdoc.issuer_signed import IssuerSigned
from diptych.formats.mdoc.present import present
from diptych.formats.status_list.reference import StatusReference
from diptych.formats.x509 import profiles

NOW = datetime(2026, 6, 15, 9, 30, 0, tzinfo=UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0)
AGE = "eu.europa.ec.av.1"
LICENCE = "org.iso.18013.5.1.mDL"
LICENCE_NAMESPACE = "org.iso.18013.5.1"
TRANSCRIPT = cbor.encode([None, None, ["OpenID4VPHandover", b"\x07" * 32]])

LICENCE_ELEMENTS: dict[str, CborValue] = {
    "family_name": "Mustermann-Canary-4711",
    "given_name": "Erika",
    "birth_date": FullDate("1971-09-01"),
    "issue_date": FullDate("2024-03-15"),
    "expiry_date": FullDate("2034-03-14"),
    "issuing_country": "UT",
    "issuing_authority": "Utopia Roads",
    "document_number": "12345678",
    "portrait": b"\xff\xd8" + bytes(20_000),
    "driving_privileges": [{"vehicle_category_code": "B", "issue_date": FullDate("2024-03-15")}],
    "un_distinguishing_sign": "UT",
    "sex": 2,
    "height": 175,
    "weight": 68,
    "eye_colour": "black",
    "hair_colour": "black",
    "birth_place": "Utopia City",
    "resident_address": "1 Harbour Street",
    "portrait_capture_date": cbor.TDate("2024-03-01T10:00:00Z"),
    "age_in_years": 54,
    "age_birth_year": 1971,
    "nationality": "UT",
    "resident_city": "Utopia City",
    "resident_state": "Harbour",
    "resident_postal_code": "10001",
    "resident_country": "UT",
    "family_name_national_character": "Mustermann",
    "given_name_national_character": "Erika",
    **{f"age_over_{years}": True for years in (16, 18, 21, 50)},
    "age_over_65": False,
}


@dataclass(frozen=True)
class Specimen:
    """An issued document with every key that a test may want to misuse."""

    doc_type: str
    issuer_signed: IssuerSigned
    signer: SoftwareSigner = field(repr=False)
    device: SoftwareSigner = field(repr=False)

    def present(self, *disclosed: str, transcript: bytes = TRANSCRIPT, **more: Any) -> bytes:
        """An encoded DeviceResponse with only those elements."""
        disclose = {
            namespace: [item.element_identifier for item in items if item.element_identifier in disclosed]
            for namespace, items in self.issuer_signed.namespaces.items()
        }
        document = present(
            self.issuer_signed,
            doc_type=self.doc_type,
            disclose=disclose,
            transcript=transcript,
            device_signer=self.device,
        )
        return DeviceResponse((replace(document, **more),)).encode()


def specimen(
    namespaces: Mapping[str, Mapping[str, CborValue]],
    *,
    doc_type: str = AGE,
    valid_from: datetime = MIDNIGHT,
    valid_until: datetime = MIDNIGHT + timedelta(days=14),
    signer: SoftwareSigner | None = None,
    status: StatusReference | None = None,
) -> Specimen:
    """A document with those elements, by a new signer under a new root."""
    root, signer, device = generate_signer(), signer or generate_signer(), generate_signer()
    dates = {"not_before": MIDNIGHT - timedelta(days=30), "not_after": MIDNIGHT + timedelta(days=300)}
    iaca = profiles.build_iaca(
        signer=root,
        country="UT",
        common_name="Utopia root",
        contact="https://utopia.example",
        crl="https://utopia.example/crl",
        entropy=_zeros_and_one,
        **dates,
    )
    leaf = profiles.build_document_signer(
        public_key=signer.public_key,
        issuer=iaca,
        issuer_signer=root,
        common_name="Utopia signer",
        crl="https://utopia.example/crl",
        entropy=_zeros_and_one,
        **dates,
    )
    issued = issue(
        doc_type=doc_type,
        namespaces=namespaces,
        device_key=device.public_key,
        signer=signer,
        signer_chain=[leaf],
        signed=valid_from,
        valid_from=valid_from,
        valid_until=valid_until,
        entropy=_zeros_and_one,
        status=status,
    )
    return Specimen(doc_type, issued, signer, device)


def claim(namespace: str, identifier: str, value: CborValue) -> Claim:
    """A claim of a value given in Python."""
    return Claim(namespace, identifier, cbor.encode(value))


@dataclass(frozen=True)
class Proven:
    """A proof and the statement for which it holds."""

    issuer_key: PublicKey
    transcript: bytes
    claims: tuple[Claim, ...]
    timestamp: datetime
    proof: bytes = field(repr=False)
    doc_type: str
    zk_system_id: str

    def statement(self, **changed: Any) -> dict[str, Any]:
        """The arguments of `verify`, some of them changed."""
        return {**{name: getattr(self, name) for name in self.__dataclass_fields__}, **changed}

    def task(self, **changed: Any) -> frames.Task:
        """The same, past the checks that `verify` makes first."""
        values = self.statement(**changed)
        values["issuer_key"] = coordinates(values["issuer_key"])
        return frames.Task(action=frames.VERIFY, data=values.pop("proof"), **values)


def prove(document: Specimen, *claims: Claim, version: int = 7, **more: Any) -> Proven:
    """A proof of `claims` from the document, made by our own prover."""
    circuit = circuit_for(len(claims), now=NOW, version=version)
    proof = DisposableProver().prove(
        document=document.present(*(found.identifier for found in claims), **more),
        issuer_key=document.signer.public_key,
        transcript=TRANSCRIPT,
        claims=claims,
        timestamp=NOW,
        zk_system_id=circuit.zk_system_id,
    )
    return Proven(
        issuer_key=document.signer.public_key,
        transcript=TRANSCRIPT,
        claims=claims,
        timestamp=NOW,
        proof=proof,
        doc_type=more.get("doc_type", document.doc_type),
        zk_system_id=circuit.zk_system_id,
    )


@cache
def proof_of_age() -> Proven:
    """One proof of `age_over_18`, made once for all tests of a process."""
    return prove(specimen({AGE: {"age_over_18": True}}), claim(AGE, "age_over_18", True))


def _zeros_and_one(count: int) -> bytes:
    return bytes(count - 1) + b"\x01"
