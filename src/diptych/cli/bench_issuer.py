"""How many licences an issuer's core signs, beside bare ES256 signatures of the same bytes by `cryptography`.

Measured is what each licence costs once its order is open: the catalogue's checks, the limits of proofs, salts,
digests, CBOR, COSE and the signature; and, apart, a wallet's whole credential request. The two sides take turns in
one run, in processor time of one thread, so that a busy machine slows both alike; what counts is the ratio. Disk and
network are left out.
"""

import gc
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles
from time import thread_time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from diptych.adapters.catalogue_files import load_catalogue
from diptych.cli.bench_specimen import document_signer
from diptych.crypto.signing import PublicKey, generate_signer
from diptych.formats.catalogue.model import Attribute, Catalogue, DocumentType, Kind
from diptych.formats.catalogue.values import check_values
from diptych.formats.mdoc.issuer_signed import parse_issuer_signed
from diptych.formats.order.codes import new_code, new_tx_code
from diptych.formats.order.documents import OrderedDocument
from diptych.formats.order.sealed import seal_order
from diptych.formats.order.signed import officer_fingerprint, sign_order
from diptych.private import Secret
from diptych.protocols.oauth.dpop import build_proof
from diptych.protocols.openid4vci.credential import CredentialRequest
from diptych.protocols.openid4vci.key_proof import build_key_proof
from diptych.protocols.openid4vci.token import PreAuthorizedTokenRequest
from diptych.roles.issuer.copies import sign_copies
from diptych.roles.issuer.fakes import MemoryIssuerStore
from diptych.roles.issuer.ports import DocumentSigner
from diptych.roles.issuer.service import CREDENTIALS_PATH, TOKENS_PATH, Issuer

LICENCE = "driving-licence"
ATTRIBUTES, BATCH = 25, 10
ATTRIBUTE_COUNTS = (5, 10, 15, 20, 25, 30, 40, 50)
BATCHES = (1, 2, 5, 10, 20, 50, 100)
PORTRAITS = (5_000, 20_000, 100_000)
TURN = 100
"""Licences, and bare signatures, in one turn."""
URL = "https://issuer.example"


@dataclass(frozen=True)
class Cost:
    """One licence: medians, and the deciles around them. `portrait_bytes` 0 is the catalogue's specimen."""

    attributes: int
    batch: int
    portrait_bytes: int
    per_second_per_core: float
    ratio_to_es256: float
    microseconds: float
    microseconds_low: float
    microseconds_high: float
    bytes: int


@dataclass(frozen=True)
class Result:
    """One run. The first two are of licences of 25 attributes in batches of 10, the catalogue's."""

    per_second_per_core: float
    ratio_to_es256: float
    es256_per_second: float
    licence: Cost
    request: Cost
    """A wallet's whole request, for each licence in it: DPoP proof, key proofs, opening the order, signing."""
    by_attributes: tuple[Cost, ...]
    by_batch: tuple[Cost, ...]
    by_portrait: tuple[Cost, ...]


def measure(*, rounds: int, progress: Callable[[str], None]) -> Result:
    """The numbers. In each round every case has a turn, and bare signatures one beside it."""
    desk = _Desk(datetime.now(UTC).replace(microsecond=0))
    licence = _Licence(desk, ATTRIBUTES, BATCH)
    request = _Request(desk, ATTRIBUTES, BATCH)
    by_attributes = [_Licence(desk, count, BATCH) for count in ATTRIBUTE_COUNTS]
    by_batch = [_Licence(desk, ATTRIBUTES, batch) for batch in BATCHES]
    by_portrait = [_Licence(desk, ATTRIBUTES, BATCH, portrait_bytes=size) for size in PORTRAITS]
    cases: list[_Licence | _Request] = [licence, request, *by_attributes, *by_batch, *by_portrait]
    for number in range(1, rounds + 1):
        progress(f"issuing, round {number} of {rounds} ...")
        for case in cases:
            case.take_turn(bare_first=number % 2 == 0)
    cost = licence.cost()
    return Result(
        per_second_per_core=cost.per_second_per_core,
        ratio_to_es256=cost.ratio_to_es256,
        es256_per_second=round(1 / median(seconds for case in cases for seconds in case.bare), 1),
        licence=cost,
        request=request.cost(),
        by_attributes=tuple(case.cost() for case in by_attributes),
        by_batch=tuple(case.cost() for case in by_batch),
        by_portrait=tuple(case.cost() for case in by_portrait),
    )


class _Desk:
    """The issuer's key, wallets' keys, and the peer."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        signer, leaf = document_signer(now)
        self.document_signer = DocumentSigner(signer, (leaf,))
        self.devices = [generate_signer() for _ in range(max(BATCHES))]
        self._bare_key = ec.generate_private_key(ec.SECP256R1())
        self._algorithm = ec.ECDSA(hashes.SHA256())

    def signer_for(self, doc_type: str) -> DocumentSigner:
        return self.document_signer

    def bare_signatures(self, message: bytes, count: int) -> None:
        key, algorithm = self._bare_key, self._algorithm
        for _ in range(count):
            key.sign(message, algorithm)


class _Turns:
    """Seconds for each licence and each bare signature, turn by turn."""

    def __init__(self, desk: _Desk, attributes: int, batch: int, portrait_bytes: int = 0) -> None:
        self.desk, self.attributes, self.batch, self.portrait_bytes = desk, attributes, batch, portrait_bytes
        self.document_type, self.document = _ordered(attributes, portrait_bytes)
        self.device_keys: list[PublicKey] = [device.public_key for device in desk.devices[:batch]]
        first = self.sign(self.device_keys[:1])[0]
        self.size = len(first)
        # Bare signatures are of as many bytes: hashing them is part of any signature.
        self.message = parse_issuer_signed(first).issuer_auth.unverified_payload or b""
        self.ours: list[float] = []
        self.bare: list[float] = []

    def sign(self, device_keys: Sequence[PublicKey]) -> tuple[bytes, ...]:
        return sign_copies(
            self.document_type,
            self.document,
            device_keys,
            document_signer=self.desk.document_signer,
            now=self.desk.now,
            entropy=os.urandom,
        )

    def turn(self, ours: Callable[[], None], licences: int, *, bare_first: bool) -> None:
        gc.collect()  # what a turn before this one left behind is not this one's cost
        if bare_first:
            self._bare_turn()
        self.ours.append(_seconds(ours) / licences)
        if not bare_first:
            self._bare_turn()

    def cost(self) -> Cost:
        deciles = quantiles(self.ours, n=10, method="inclusive") if len(self.ours) > 1 else self.ours * 9
        return Cost(
            attributes=self.attributes,
            batch=self.batch,
            portrait_bytes=self.portrait_bytes,
            per_second_per_core=round(1 / median(self.ours), 1),
            ratio_to_es256=round(median(b / o for o, b in zip(self.ours, self.bare, strict=True)), 4),
            microseconds=round(1e6 * median(self.ours), 1),
            microseconds_low=round(1e6 * deciles[0], 1),
            microseconds_high=round(1e6 * deciles[-1], 1),
            bytes=self.size,
        )

    def _bare_turn(self) -> None:
        self.bare.append(_seconds(lambda: self.desk.bare_signatures(self.message, TURN)) / TURN)


class _Licence(_Turns):
    """Licences out of an open order."""

    def take_turn(self, *, bare_first: bool) -> None:
        times = max(1, TURN // self.batch)

        def sign_all() -> None:
            for _ in range(times):
                self.sign(self.device_keys)

        self.turn(sign_all, times * self.batch, bare_first=bare_first)


class _Request(_Turns):
    """Licences as a wallet gets them: its request goes in, the answer comes out."""

    def __init__(self, desk: _Desk, attributes: int, batch: int) -> None:
        super().__init__(desk, attributes, batch)
        officer = generate_signer()
        self._issuer = Issuer(
            url=URL,
            names={"en": "Bench", "fr": "Banc"},
            catalogue=Catalogue({LICENCE: replace(self.document_type, copies=batch, proofs=())}),
            officers=(officer.public_key,),
            signers=desk,
            store=MemoryIssuerStore(),
            nonce_key=Secret(os.urandom(32)),
        )
        code, tx_code = new_code(os.urandom), new_tx_code(6, os.urandom)
        order = seal_order(
            full=[self.document],
            renewal=[],
            code=code,
            tx_code=tx_code,
            issuer=URL,
            officer=officer_fingerprint(officer.public_key),
            expires_at=desk.now + timedelta(days=1),
            entropy=os.urandom,
        )
        self._issuer.accept_order(sign_order(order, signer=officer).encode(), now=desk.now)
        self._wallet_key = generate_signer()
        self._access_token = self._issuer.issue_tokens(
            PreAuthorizedTokenRequest(code, tx_code), dpop=self._dpop(TOKENS_PATH), now=desk.now, entropy=os.urandom
        ).access_token

    def take_turn(self, *, bare_first: bool) -> None:
        requests = [self._request() for _ in range(max(1, TURN // self.batch))]

        def answer_all() -> None:
            for body, dpop in requests:
                self._issuer.issue_credentials(
                    self._issuer.read_request(body, is_encrypted=False, now=self.desk.now),
                    access_token=self._access_token,
                    dpop=dpop,
                    now=self.desk.now,
                    entropy=os.urandom,
                ).encode()

        self.turn(answer_all, len(requests) * self.batch, bare_first=bare_first)

    def _request(self) -> tuple[bytes, str]:
        nonce = self._issuer.c_nonce(now=self.desk.now, entropy=os.urandom).c_nonce
        proofs = tuple(
            build_key_proof(device, issuer=URL, c_nonce=nonce, now=self.desk.now)
            for device in self.desk.devices[: self.batch]
        )
        return CredentialRequest(LICENCE, proofs).encode(), self._dpop(CREDENTIALS_PATH, self._access_token)

    def _dpop(self, path: str, access_token: Secret | None = None) -> str:
        return build_proof(
            self._wallet_key,
            htm="POST",
            htu=URL + path,
            now=self.desk.now,
            entropy=os.urandom,
            nonce=self._issuer.dpop_nonce(now=self.desk.now, entropy=os.urandom),
            access_token=access_token,
        )


def _ordered(attributes: int, portrait_bytes: int) -> tuple[DocumentType, OrderedDocument]:
    """The catalogue's licence with that many attributes: its first ones, and made-up provable booleans beyond them."""
    licence = load_catalogue().type(LICENCE)
    provable = next(attribute for attribute in licence.attributes if attribute.kind is Kind.BOOLEAN)
    made_up = [replace(provable, identifier=f"made_up_{number}") for number in range(attributes)]
    document_type = replace(licence, attributes=(*licence.attributes, *made_up)[:attributes])
    values = {attribute.identifier: _specimen(attribute, portrait_bytes) for attribute in document_type.attributes}
    return document_type, OrderedDocument(LICENCE, check_values(document_type, values), None)


def _specimen(attribute: Attribute, portrait_bytes: int) -> object:
    if attribute.identifier == "portrait" and portrait_bytes:
        return b"\xff\xd8\xff" + os.urandom(portrait_bytes - 3)
    return True if attribute.kind is Kind.BOOLEAN else attribute.specimen


def _seconds(action: Callable[[], None]) -> float:
    started = thread_time()
    action()
    return thread_time() - started
