"""The issuer's keys of the fast suite on disk: one signer for each document type, the digits, the signer of epochs.

fast_suite/public.json            what the trust file says of them: the one file that decides, replaced whole
fast_suite/TYPE-xxxxxxxx.key      a signer's secret (32 bytes in hexadecimal), named by its public key
fast_suite/epochs.key.pem         signs which key is an epoch's; makes no token and no credential

The digits' own secret signs 256 tokens when it is made and is never written down. These keys are on BLS12-381, which
tokens with PKCS#11 do not have: they lie in files that their owner alone can read. Epochs are left to `epoch_folder`.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from diptych.adapters.keys import file
from diptych.crypto import bbs
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.tokens import issue_tokens, public_set, token_public_key
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import DiptychError, FormatError, Unavailable
from diptych.formats import strict_json
from diptych.formats.bbs_credential.presentation import key_id
from diptych.formats.bbs_credential.trust import DIGITS, FastSuiteTrust, TypeKeys, encode_member, parse_member
from diptych.formats.catalogue.model import Catalogue, DocumentType
from diptych.private import Secret
from diptych.roles.issuer.ports import ProvingSigner

FOLDER = "fast_suite"
PUBLIC = "public.json"
EPOCH_SIGNER = "epochs.key.pem"
OWNER_ONLY = 0o600
SEED_BYTES = 32


@dataclass(frozen=True)
class FastSuiteKeys:
    """The keys in one issuer's folder."""

    folder: Path
    url: str

    def public(self) -> FastSuiteTrust | None:
        """What others are to believe; None in a folder that has no such keys."""
        try:
            data = (self.folder / FOLDER / PUBLIC).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("fast_suite.keys", f"{FOLDER}/{PUBLIC} cannot be read: {error.strerror}") from error
        return parse_member(strict_json.parse_object(data))

    def ensure(self, catalogue: Catalogue, *, entropy: Entropy) -> None:
        """Keys for every type that has a layout, where there are none yet or the layout is another now.

        Killed between two writes, it leaves secrets that nobody names, and goes on at the next call.
        """
        (self.folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
        public = self.public()
        if public is None:
            public = self._first(entropy)
        types = dict(public.types)
        for document_type in catalogue.types.values():
            if document_type.layout is not None and (
                document_type.doc_type not in types or types[document_type.doc_type].layout != document_type.layout
            ):
                types[document_type.doc_type] = self._fresh(document_type, entropy)
        self._save(replace(public, types=types))

    def give_up(self, types: Collection[DocumentType], *, entropy: Entropy) -> None:
        """The secrets of these types are lost: new ones sign from now on, and nobody believes the old ones."""
        public = self.public()
        if public is None:
            return
        lost = [one for one in types if one.layout is not None and one.doc_type in public.types]
        fresh = {one.doc_type: self._fresh(one, entropy) for one in lost}
        old = [self._path(one, key) for one in lost for key in public.types[one.doc_type].keys]
        self._save(replace(public, types={**public.types, **fresh}))
        for path in old:
            path.unlink(missing_ok=True)

    def signer_for(self, document_type: DocumentType | None) -> ProvingSigner:
        """The present signer of a type; `Unavailable` if there is none."""
        public = self.public()
        found = None if document_type is None or public is None else public.types.get(document_type.doc_type)
        if found is None or document_type is None or found.layout != document_type.layout:
            raise Unavailable(
                "fast_suite.signer",
                "the fast suite has no key for this document type: run `diptych issuer rotate-signer`",
            )
        public_key = found.keys[-1]
        return ProvingSigner(_read_secret(self._path(document_type, public_key)), public_key)

    def epoch_signer(self) -> SoftwareSigner:
        """The key that signs epochs."""
        return file.read_signer(self.folder / FOLDER / EPOCH_SIGNER)

    def _first(self, entropy: Entropy) -> FastSuiteTrust:
        path = self.folder / FOLDER / EPOCH_SIGNER
        if not path.exists():
            file.write_signer(path, generate_signer())
        # Used 256 times, here, and gone with this call (docs/spec/fast-suite.md, 6).
        digits = _new_secret(entropy)
        return FastSuiteTrust(
            url=self.url,
            types={},
            digits=public_set(DIGITS, token_public_key(digits)),
            digit_tokens=tuple(issue_tokens(digits, DIGITS)),
            epoch_signer=file.read_signer(path).public_key,
        )

    def _fresh(self, document_type: DocumentType, entropy: Entropy) -> TypeKeys:
        assert document_type.layout is not None
        secret = _new_secret(entropy)
        public_key = token_public_key(secret)
        file.replace_file(
            self._path(document_type, public_key), secret.reveal().hex().encode() + b"\n", mode=OWNER_ONLY
        )
        return TypeKeys(document_type.layout, (public_key,))

    def _path(self, document_type: DocumentType, public_key: bytes) -> Path:
        return self.folder / FOLDER / f"{document_type.id}-{key_id(public_key).hex()}.key"

    def _save(self, public: FastSuiteTrust) -> None:
        if public.types and public != self.public():
            file.replace_file(self.folder / FOLDER / PUBLIC, strict_json.encode(encode_member(public)))


class CurrentProvingSigners:
    """`ProvingSigners` that looks, at each request, which key signs now."""

    def __init__(self, keys: FastSuiteKeys, catalogue: Catalogue) -> None:
        self._keys = keys
        self._catalogue = catalogue

    def signer_for(self, doc_type: str) -> ProvingSigner:
        document_type = self._catalogue.by_doc_type(doc_type)
        try:
            return self._keys.signer_for(document_type)
        except DiptychError as error:
            if error.check != "key.missing":
                raise
            # Given up between a look at public.json and the key: what is there now is its successor.
            return self._keys.signer_for(document_type)


def _new_secret(entropy: Entropy) -> Secret:
    return Secret(bbs.keygen(entropy(SEED_BYTES)))


def _read_secret(path: Path) -> Secret:
    try:
        secret = bytes.fromhex(file.read_secret(path).reveal().decode("ascii"))
    except ValueError as error:
        raise FormatError("fast_suite.key", f"{path.name} is not a key in hexadecimal") from error
    if len(secret) != SEED_BYTES:
        raise FormatError("fast_suite.key", f"{path.name} is not a key of {SEED_BYTES} bytes")
    return Secret(secret)
