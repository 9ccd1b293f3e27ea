"""Device authentication (ISO 18013-5 9.1.3): the device key speaks for one document in one session.

By signature, or by a MAC under a key agreed between device and reader. Whether that key belongs to the document is
in what the issuer signed: see `verify`.
"""

import hashlib

from diptych.crypto import agreement
from diptych.crypto.signing import PublicKey, Signer, SoftwareSigner
from diptych.errors import VerificationError
from diptych.formats.cbor import EncodedCbor, Verbatim, encode
from diptych.formats.cose import mac0, sign1
from diptych.formats.cose.mac0 import UnverifiedMac0
from diptych.formats.cose.sign1 import UnverifiedSign1
from diptych.private import Secret


def sign(*, transcript: bytes, doc_type: str, name_spaces: EncodedCbor, device_signer: Signer) -> UnverifiedSign1:
    """DeviceSignature over the session (9.1.3.6); the payload is detached."""
    payload = _device_authentication(transcript, doc_type, name_spaces)
    return sign1.sign(payload, signer=device_signer, detached=True)


def authenticate(
    *, transcript: bytes, doc_type: str, name_spaces: EncodedCbor, device_key: SoftwareSigner, reader_key: PublicKey
) -> UnverifiedMac0:
    """DeviceMac over the session (9.1.3.5) for the reader with the ephemeral `reader_key`; the payload is detached."""
    payload = _device_authentication(transcript, doc_type, name_spaces)
    return mac0.authenticate(payload, key=_mac_key(device_key, reader_key, transcript), detached=True)


def verify_signature(
    unverified: UnverifiedSign1, *, transcript: bytes, doc_type: str, name_spaces: EncodedCbor, device_key: PublicKey
) -> None:
    """Raises `VerificationError` unless `device_key` signed for this document in this session."""
    payload = _device_authentication(transcript, doc_type, name_spaces)
    try:
        sign1.verify(unverified, device_key, detached_payload=payload)
    except VerificationError as error:
        raise VerificationError(
            "mdoc.device_signature", "the device did not sign for this document in this session"
        ) from error


def verify_mac(
    unverified: UnverifiedMac0,
    *,
    transcript: bytes,
    doc_type: str,
    name_spaces: EncodedCbor,
    device_key: PublicKey,
    reader_key: SoftwareSigner,
) -> None:
    """Raises `VerificationError` unless a device with `device_key` tagged this document for this reader and session."""
    payload = _device_authentication(transcript, doc_type, name_spaces)
    try:
        mac0.verify(unverified, _mac_key(reader_key, device_key, transcript), detached_payload=payload)
    except VerificationError as error:
        raise VerificationError(
            "mdoc.device_mac", "the device did not authenticate this document in this session"
        ) from error


def _device_authentication(transcript: bytes, doc_type: str, name_spaces: EncodedCbor) -> bytes:
    # 9.1.3.4: DeviceAuthenticationBytes. The transcript is spliced in as it is: both sides hash the same bytes.
    return encode(EncodedCbor(encode(["DeviceAuthentication", Verbatim(transcript), doc_type, name_spaces])))


def _mac_key(private: SoftwareSigner, public: PublicKey, transcript: bytes) -> Secret:
    # 9.1.3.5: EMacKey, salted with SessionTranscriptBytes.
    salt = hashlib.sha256(encode(EncodedCbor(transcript))).digest()
    return agreement.agree(private, public, salt=salt, info=b"EMacKey")
