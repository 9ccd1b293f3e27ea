"""A private key by where it lies: a file's name in the role's folder, or a `pkcs11:` URI.

Everything that signs or agrees for a role comes through here, so that a role never knows which of the two it has. Only
here is the token's library imported, and only where a key is in a token: it is an optional extra.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diptych.adapters.keys import file, pkcs11_uri
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.crypto.agreement import AgreementKey
from diptych.crypto.signing import Signer, generate_signer
from diptych.errors import FormatError, Unavailable


def open_signer(location: str, folder: Path, access: TokenAccess) -> Signer:
    """The signer there. A file is read now; a token is opened when it first signs."""
    if not pkcs11_uri.is_token_uri(location):
        return file.read_signer(_inside(location, folder))
    with _the_extra():
        from diptych.adapters.keys import pkcs11

    return pkcs11.TokenSigner(pkcs11_uri.parse(location), access)


FILE = "file"


def make_signer(
    wanted: str | None, folder: Path, access: TokenAccess, *, file_name: str, label: str, former: str | None = None
) -> tuple[str, Signer]:
    """A new key, and where it lies: in the token that `wanted` names, in a file (`FILE`), or where `former` lies.

    A URI without an object gets a new key called `label`; one that names a key means that key, made if it is not there.
    """
    if wanted is None and former is not None and pkcs11_uri.is_token_uri(former):
        # A key that was not to leave its token is not replaced by one in a file because nobody said where.
        wanted = pkcs11_uri.token_of(former)
    if wanted is None or wanted == FILE:
        made = generate_signer()
        file.write_signer(_inside(file_name, folder), made)
        return file_name, made
    key = pkcs11_uri.parse(wanted)
    if key.object is None and key.id is None:
        key = pkcs11_uri.with_object(key, label)
    with _the_extra():
        from diptych.adapters.keys import pkcs11

    if not pkcs11.has_key(key, access):
        pkcs11.make_key(key, access)
    return key.encode(), pkcs11.TokenSigner(key, access)


def open_agreement_key(location: str, access: TokenAccess) -> AgreementKey:
    """The key of an outer envelope (docs/spec/quorum.md, "Envelopes"): in a token, or there is no outer envelope."""
    key = pkcs11_uri.parse(location)
    with _the_extra():
        from diptych.adapters.keys import pkcs11

    return pkcs11.TokenAgreementKey(key, access)


def make_agreement_key(wanted: str, access: TokenAccess, *, label: str) -> tuple[str, AgreementKey]:
    """A new one in the token that `wanted` names, and where it lies; named as `make_signer` names keys."""
    key = pkcs11_uri.parse(wanted)
    if key.object is None and key.id is None:
        key = pkcs11_uri.with_object(key, label)
    with _the_extra():
        from diptych.adapters.keys import pkcs11

    if not pkcs11.has_key(key, access):
        pkcs11.make_agreement_key(key, access)
    return key.encode(), pkcs11.TokenAgreementKey(key, access)


def forget_key(location: str, folder: Path) -> bool:
    """Delete a key file whose key no longer signs; False for a key in a token: its owner destroys it there."""
    if pkcs11_uri.is_token_uri(location):
        return False
    _inside(location, folder).unlink(missing_ok=True)
    return True


def _inside(name: str, folder: Path) -> Path:
    if ".." in Path(name).parts:
        raise FormatError("key.location", "a key's file is named inside its folder, or by its whole path")
    return folder / name


@contextmanager
def _the_extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise Unavailable("pkcs11.extra", "keys in tokens need the extra: pip install 'diptych[pkcs11]'") from error
