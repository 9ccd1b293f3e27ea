"""Keys that never leave a token (PKCS#11): the token signs or agrees, this process sees what comes of it alone.

One session for each token and process, opened where it is first needed: PKCS#11 sessions do not survive a fork, so a
request's process opens its own. What the token does with the PIN's tries is its own affair, but the last one is left.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import KDF, Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, _pkcs11
from pkcs11.types import DeriveMixin, PrivateKey, Session, SignMixin

from diptych.adapters.keys import file
from diptych.adapters.keys.pkcs11_uri import TokenAccess, TokenKey
from diptych.crypto import agreement, signing
from diptych.crypto.signing import PublicKey
from diptych.errors import Conflict, FormatError, Refused, Unavailable, VerificationError
from diptych.private import Secret

T = TypeVar("T")
P256 = bytes.fromhex("06082a8648ce3d030107")  # EC_PARAMS: the OID of prime256v1, DER
POINT_HEAD = bytes.fromhex("0441")  # EC_POINT: an octet string of 65 bytes, DER
ID_BYTES = 16
SOFT_HSM = "libsofthsm"


class TokenSigner:
    """`Signer` with a P-256 key in a token. Nothing is opened before it is used; safe to use from threads and forks."""

    def __init__(self, key: TokenKey, access: TokenAccess) -> None:
        self._key = key
        self._access = access
        self._public_key: PublicKey | None = None

    @property
    def public_key(self) -> PublicKey:
        """The public half, from the token. `Unavailable` if the token cannot be reached."""
        if self._public_key is None:
            self._public_key = _with_session(self._key, self._access, lambda session: _public_key(session, self._key))
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """`r || s`, as every ES256 signature here. `Unavailable`, by name, if the token cannot be reached."""

        digest = hashlib.sha256(message).digest()
        signature = _with_session(
            self._key,
            self._access,
            lambda session: bytes(_signing_key(session, self._key).sign(digest, mechanism=Mechanism.ECDSA)),
        )
        try:
            # A faulty signature tells about the key, and one by another key would be found out only by verifiers.
            signing.verify(self.public_key, signature, message)
        except VerificationError as error:
            raise Unavailable("pkcs11.signature", f"{self._named} made a signature that does not hold") from error
        return signature

    def __repr__(self) -> str:
        return "<signer in a token>"

    @property
    def _named(self) -> str:
        return f"the token {self._key.token}"


class TokenAgreementKey:
    """`AgreementKey` with a P-256 key in a token: the outer envelope's, which signs nothing (docs/spec/quorum.md)."""

    def __init__(self, key: TokenKey, access: TokenAccess) -> None:
        self._key = key
        self._access = access
        self._public_key: PublicKey | None = None

    @property
    def public_key(self) -> PublicKey:
        """The public half, from the token. `Unavailable` if the token cannot be reached."""
        if self._public_key is None:
            self._public_key = _with_session(self._key, self._access, lambda session: _public_key(session, self._key))
        return self._public_key

    def exchange(self, public: PublicKey) -> Secret:
        """The x-coordinate of the shared point; the token computes it, and the private key stays there."""
        point = agreement.encode_point(public)
        shared = _with_session(self._key, self._access, lambda session: _derive(session, self._key, point))
        if len(shared) != agreement.KEY_BYTES:
            raise Unavailable("pkcs11.agreement", f"the token {self._key.token} agreed on something else than 32 bytes")
        return Secret(shared)

    def __repr__(self) -> str:
        return "<agreement key in a token>"


def make_key(key: TokenKey, access: TokenAccess) -> TokenSigner:
    """A new key in the token under this name, which never leaves it. `Conflict` if there is one of that name."""
    _make(key, access, MechanismFlag.SIGN | MechanismFlag.VERIFY)
    return TokenSigner(key, access)


def make_agreement_key(key: TokenKey, access: TokenAccess) -> TokenAgreementKey:
    """As `make_key`, for a key that agrees on secrets and signs nothing."""
    _make(key, access, MechanismFlag.DERIVE)
    return TokenAgreementKey(key, access)


def has_key(key: TokenKey, access: TokenAccess) -> bool:
    """Whether the token has a private key of that name."""

    def look(session: Session) -> bool:
        try:
            _private_key(session, key)
        except pkcs11.NoSuchKey:
            return False
        return True

    return _with_session(key, access, look)


def _make(key: TokenKey, access: TokenAccess, usage: MechanismFlag) -> None:
    if key.object is None:
        raise FormatError("pkcs11.object", "the URI must name the key: pkcs11:token=...;object=...")
    _with_session(key, access, lambda session: _generate(session, key, usage), is_writing=True)


def _generate(session: Session, key: TokenKey, usage: MechanismFlag) -> None:

    assert key.object is not None  # `_make` looked
    for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
        if list(session.get_objects({Attribute.CLASS: kind, Attribute.LABEL: key.object})):
            raise Conflict("pkcs11.exists", f"there is a key {key.object} in the token already; it is never replaced")
    parameters = session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: P256}, local=True)
    parameters.generate_keypair(
        store=True,
        label=key.object,
        id=key.id or os.urandom(ID_BYTES),
        capabilities=usage,
        private_template={
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: False,
            Attribute.PRIVATE: True,
            Attribute.DERIVE: usage is MechanismFlag.DERIVE,
        },
    )


def _private_key(session: Session, key: TokenKey) -> PrivateKey:

    found = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=key.object, id=key.id)
    if found[Attribute.EXTRACTABLE] or not found[Attribute.SENSITIVE]:
        raise Refused("pkcs11.extractable", f"the key {key.object} can leave its token: make one that cannot")
    assert isinstance(found, PrivateKey)  # that class was asked for
    return found


def _signing_key(session: Session, key: TokenKey) -> SignMixin:
    found = _private_key(session, key)
    if not isinstance(found, SignMixin):
        raise Refused("pkcs11.usage", f"the key {key.object} is not for signing")
    return found


def _derive(session: Session, key: TokenKey, point: bytes) -> bytes:
    found = _private_key(session, key)
    # A key that signs as well would let one protocol's messages be used in another.
    if not isinstance(found, DeriveMixin) or isinstance(found, SignMixin):
        raise Refused("pkcs11.usage", f"the key {key.object} is not for key agreement alone")
    shared = found.derive_key(
        KeyType.GENERIC_SECRET,
        agreement.KEY_BYTES * 8,
        mechanism=Mechanism.ECDH1_DERIVE,
        mechanism_param=(KDF.NULL, None, point),
        store=False,
        template={Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    )
    return bytes(shared[Attribute.VALUE])


def _public_key(session: Session, key: TokenKey) -> PublicKey:

    found = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=key.object, id=key.id)
    if found[Attribute.EC_PARAMS] != P256:
        raise FormatError("key.curve", "only P-256 keys are used here")
    point = bytes(found[Attribute.EC_POINT]).removeprefix(POINT_HEAD)
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise FormatError("key.point", "the token's public key is not a point of P-256") from error


class _Sessions:
    """The open sessions of this process. One lock: libraries differ on threads, and a token serves one at a time."""

    def __init__(self) -> None:
        self.forget()
        os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """In a child: what the parent opened is the parent's (PKCS#11 2.40, 5.1: a child initialises anew)."""
        self._lock = threading.RLock()
        self._open: dict[tuple[str, str, str | None, bool], Session] = {}
        self._process = 0

    @contextmanager
    def session(self, key: TokenKey, access: TokenAccess, *, is_writing: bool) -> Iterator[Session]:
        with self._lock:
            module = _module(key, access)
            name = (module, key.token, key.serial, is_writing)
            if name not in self._open:
                with _alone(module):
                    self._open[name] = _log_in(self._library(module), key, access, is_writing=is_writing)
            yield self._open[name]

    def start_again(self, key: TokenKey, access: TokenAccess) -> None:
        """After a session that died, with its token or with the service behind it."""
        with self._lock:
            self._open.clear()
            self._process = 0
            module = _module(key, access)
            with _alone(module):
                self._library(module)

    def _library(self, module: str) -> _pkcs11.lib:

        was_loaded = module in pkcs11._loaded
        library = pkcs11.lib(module)
        if was_loaded and self._process != os.getpid():
            library.reinitialize()
        self._process = os.getpid()
        return library


@contextmanager
def _alone(module: str) -> Iterator[None]:
    """One process at a time loads SoftHSM and logs in: it truncates its token's file before it locks it.

    Measured: of twelve processes at once, half found no token. Other modules need no such care and get none.
    """
    if not Path(module).name.startswith(SOFT_HSM):
        yield
        return
    try:
        opened = os.open(module, os.O_RDONLY)
    except OSError as error:
        raise Unavailable("pkcs11.failed", f"the module {module} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield
    finally:
        os.close(opened)


def _log_in(library: _pkcs11.lib, key: TokenKey, access: TokenAccess, *, is_writing: bool) -> Session:

    token = library.get_token(token_label=key.token, token_serial=None if key.serial is None else key.serial.encode())
    if token.flags & pkcs11.TokenFlag.USER_PIN_FINAL_TRY:
        raise Unavailable(
            "pkcs11.pin_tries",
            f"one wrong PIN more locks the token {key.token}: set the right one, and log in once with the token's tool",
        )
    try:
        return token.open(rw=is_writing, user_pin=_pin(key, access))
    except pkcs11.UserAlreadyLoggedIn:
        return token.open(rw=is_writing)  # logged in is the process, not the session


def _with_session(key: TokenKey, access: TokenAccess, act: Callable[[Session], T], *, is_writing: bool = False) -> T:
    """What `act` returns; a session that died since it was opened is opened anew, once. Errors get their names here."""
    sessions = _sessions()
    # What these say ends a session, and says nothing about the PIN: a wrong one is never tried twice.
    died = (
        pkcs11.SessionHandleInvalid,
        pkcs11.SessionClosed,
        pkcs11.ObjectHandleInvalid,
        pkcs11.KeyHandleInvalid,
        pkcs11.DeviceRemoved,
        pkcs11.UserNotLoggedIn,
    )
    try:
        try:
            with sessions.session(key, access, is_writing=is_writing) as session:
                return act(session)
        except died:
            sessions.start_again(key, access)
            with sessions.session(key, access, is_writing=is_writing) as session:
                return act(session)
    except (pkcs11.NoSuchToken, pkcs11.TokenNotPresent, pkcs11.TokenNotRecognised, pkcs11.DeviceRemoved) as error:
        raise Unavailable(
            "pkcs11.token", f"there is no token {key.token}: is it in, and is it the right one?"
        ) from error
    except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange) as error:
        raise Unavailable("pkcs11.pin", f"the token {key.token} does not take this PIN") from error
    except (pkcs11.PinLocked, pkcs11.PinExpired, pkcs11.UserPinNotInitialized) as error:
        raise Unavailable("pkcs11.pin_locked", f"the PIN of the token {key.token} is locked or not set") from error
    except pkcs11.NoSuchKey as error:
        raise Unavailable("pkcs11.key", f"the token {key.token} has no key {key.object or 'of that id'}") from error
    except (pkcs11.MultipleTokensReturned, pkcs11.MultipleObjectsReturned) as error:
        raise FormatError("pkcs11.ambiguous", "the URI fits more than one token or key: add serial or id") from error
    except pkcs11.PKCS11Error as error:
        # The library's own words hold no secret: names of errors, and file names.
        raise Unavailable("pkcs11.failed", f"the token {key.token} failed: {type(error).__name__} {error}") from error


def _module(key: TokenKey, access: TokenAccess) -> str:
    if key.module_path is not None:
        return key.module_path
    if access.module is None:
        raise FormatError(
            "pkcs11.module", "which PKCS#11 module? set DIPTYCH_PKCS11_MODULE, or add ?module-path=... to the URI"
        )
    return str(access.module)


def _pin(key: TokenKey, access: TokenAccess) -> str:
    pin_file = access.pin_file if key.pin_source is None else Path(key.pin_source)
    pin = access.pin if pin_file is None else file.read_secret(pin_file)
    if pin is None:
        raise FormatError(
            "pkcs11.pin_missing", "which PIN? set DIPTYCH_PKCS11_PIN_FILE or _PIN, or add ?pin-source=FILE to the URI"
        )
    try:
        return pin.reveal().decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("pkcs11.pin_text", "a PIN is UTF-8 text") from error


_FOUND: list[_Sessions] = []


def _sessions() -> _Sessions:
    """The one of this process, made when a token is first used."""
    if not _FOUND:
        _FOUND.append(_Sessions())
    return _FOUND[0]
