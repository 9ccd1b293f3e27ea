"""DeviceRequest (ISO 18013-5 8.3.2.1.2.1): what a reader asks of a wallet, and its signature over each question.

Whose certificate the reader shows is for `x509.validation.verify_reader` to judge; what may be asked, for the wallet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from diptych.crypto.signing import PublicKey, Signer
from diptych.errors import FormatError, VerificationError
from diptych.formats.cbor import (
    CborKey,
    CborValue,
    EncodedCbor,
    Verbatim,
    as_array,
    as_encoded,
    as_struct,
    as_text,
    as_text_map,
    decode,
    encode,
)
from diptych.formats.cose import sign1
from diptych.formats.cose.sign1 import UnverifiedSign1

VERSION = "1.0"


@dataclass(frozen=True)
class ItemsRequest:
    """The elements asked for, by namespace, each with the reader's intent to retain it."""

    doc_type: str
    namespaces: Mapping[str, Mapping[str, bool]]
    request_info: Mapping[str, CborValue] = field(default_factory=dict)


@dataclass(frozen=True)
class DocRequest:
    """A question about one document: the bytes that the reader signed, what they say, and the signature if any."""

    encoded: EncodedCbor
    items: ItemsRequest
    reader_auth: UnverifiedSign1 | None = None


@dataclass(frozen=True)
class DeviceRequest:
    """A reader's questions."""

    doc_requests: tuple[DocRequest, ...]
    _received: bytes | None = field(init=False, default=None, repr=False, compare=False)

    def encode(self) -> bytes:
        """The exact inverse of `parse_device_request`."""
        if self._received is not None:
            return self._received
        requests: list[CborValue] = []
        for request in self.doc_requests:
            members: dict[CborKey, CborValue] = {"itemsRequest": request.encoded}
            if request.reader_auth is not None:
                members["readerAuth"] = request.reader_auth.to_cbor()
            requests.append(members)
        return encode({"version": VERSION, "docRequests": requests})


def build_doc_request(
    items: ItemsRequest, *, transcript: bytes, signer: Signer | None = None, signer_chain: Sequence[bytes] = ()
) -> DocRequest:
    """The question, signed for one session by the reader where a `signer` is given (9.1.4)."""
    members: dict[CborKey, CborValue] = {
        "docType": items.doc_type,
        "nameSpaces": {namespace: dict(elements.items()) for namespace, elements in items.namespaces.items()},
    }
    if items.request_info:
        members["requestInfo"] = dict(items.request_info.items())
    encoded = EncodedCbor(encode(members))
    if signer is None:
        return DocRequest(encoded, items)
    payload = _reader_authentication(transcript, encoded)
    return DocRequest(encoded, items, sign1.sign(payload, signer=signer, detached=True, x5chain=signer_chain))


def parse_device_request(data: bytes) -> DeviceRequest:
    """The DeviceRequest in `data`, or `FormatError`."""
    members = as_struct(decode(data), "mdoc.device_request", required=("version", "docRequests"))
    if as_text(members["version"], "mdoc.device_request.version") != VERSION:
        raise FormatError("mdoc.device_request.version", f"the version must be {VERSION}")
    requests = tuple(_parse_doc_request(value) for value in as_array(members["docRequests"], "mdoc.device_request"))
    if not requests:
        raise FormatError("mdoc.device_request", "a request asks for something")
    found = DeviceRequest(requests)
    object.__setattr__(found, "_received", data)
    return found


def verify_reader_auth(request: DocRequest, *, transcript: bytes, reader_key: PublicKey) -> ItemsRequest:
    """What the reader with this key asked in this session, or `VerificationError`."""
    if request.reader_auth is None:
        raise VerificationError("mdoc.reader_auth", "the reader did not sign its request")
    try:
        sign1.verify(
            request.reader_auth, reader_key, detached_payload=_reader_authentication(transcript, request.encoded)
        )
    except VerificationError as error:
        raise VerificationError("mdoc.reader_auth", "the reader did not sign this request in this session") from error
    return request.items


def _reader_authentication(transcript: bytes, items: EncodedCbor) -> bytes:
    # 9.1.4.4: ReaderAuthenticationBytes, over the ItemsRequestBytes that came.
    return encode(EncodedCbor(encode(["ReaderAuthentication", Verbatim(transcript), items])))


def _parse_doc_request(value: CborValue) -> DocRequest:
    members = as_struct(value, "mdoc.doc_request", required=("itemsRequest",), optional=("readerAuth",))
    encoded = as_encoded(members["itemsRequest"], "mdoc.items_request")
    items = as_struct(
        encoded.decoded(), "mdoc.items_request", required=("docType", "nameSpaces"), optional=("requestInfo",)
    )
    namespaces: dict[str, dict[str, bool]] = {}
    for namespace, elements in as_text_map(items["nameSpaces"], "mdoc.items_request").items():
        namespaces[namespace] = {}
        for identifier, is_retained in as_text_map(elements, "mdoc.items_request").items():
            if not isinstance(is_retained, bool):
                raise FormatError("mdoc.items_request", "the intent to retain is true or false")
            namespaces[namespace][identifier] = is_retained
    reader_auth = None
    if "readerAuth" in members:
        reader_auth = sign1.from_cbor(members["readerAuth"])
        reader_auth.x5chain()
        if reader_auth.unverified_payload is not None:
            raise FormatError("mdoc.reader_auth", "the payload of reader authentication is detached")  # 9.1.4.5
    return DocRequest(
        encoded,
        ItemsRequest(
            as_text(items["docType"], "mdoc.items_request"),
            namespaces,
            as_text_map(items.get("requestInfo", {}), "mdoc.items_request"),
        ),
        reader_auth,
    )
