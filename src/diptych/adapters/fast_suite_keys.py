"""The issuer's keys of the fast suite on disk: the signers of each document type, the digits, the signer of epochs.

fast_suite/public.json            what the trust file says of them, and from when and until when each signer: the one
                                  file that decides, replaced whole
fast_suite/TYPE-xxxxxxxx.key      a signer's secret (32 bytes in hexadecimal), named by its public key
fast_suite/epochs.key.pem         signs which key is an epoch's; makes no token and no credential

The digits' own secret signs 256 tokens when it is made and is never written down. These keys are on BLS12-381, which
tokens with PKCS#11 do not have: they lie in files that their owner alone can read. Epochs are left to `epoch_folder`.

    announced --its moment comes--> signing --a successor's moment comes--> retired --all it signed expired--> gone
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from diptych.adapters.keys import file
from diptych.crypto import bbs
from diptych.crypto.entropy import Entropy
from diptych.crypto.fast_suite.tokens import issue_tokens, public_set, token_public_key
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import DiptychError, FormatError, Refused, Unavailable
from diptych.formats import base64url, strict_json
from diptych.formats.bbs_credential.presentation import key_id
from diptych.formats.bbs_credential.trust import (
    DIGITS,
    MAX_KEYS,
    FastSuiteTrust,
    TypeKeys,
    encode_member,
    parse_member,
)
from diptych.formats.catalogue.model import Catalogue, DocumentType
from diptych.formats.mdoc.trust import encode_moment, parse_moment
from diptych.formats.strict_json import Json
from diptych.private import Secret
from diptych.roles.issuer.ports import ProvingSigner

FOLDER = "fast_suite"
PUBLIC = "public.json"
EPOCH_SIGNER = "epochs.key.pem"
OWNER_ONLY = 0o600
SEED_BYTES = 32
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)

Terms = Mapping[bytes, datetime]
"""From when on each key signs. A key that is not named signed from the beginning."""


@dataclass(frozen=True)
class FastSuiteKeys:
    """The keys in one issuer's folder."""

    folder: Path
    url: str

    def public(self) -> FastSuiteTrust | None:
        """What others are to believe; None in a folder that has no such keys."""
        found = self._read()
        return None if found is None else found[0]

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

    def rotate(self, types: Collection[DocumentType], *, signs_from: datetime, now: datetime, entropy: Entropy) -> None:
        """New signers for those of these types that have one: believed at once, signing from `signs_from` on.

        Those before are believed until the last that they may have signed has expired; their secrets are destroyed as
        soon as they sign no more. `Refused` "fast_suite.too_many" if more are believed than a trust file can say.
        """
        found = self._read()
        if found is None:
            return
        public, terms = found[0], dict(found[1])
        changed = dict(public.types)
        for one in types:
            keys = public.types.get(one.doc_type)
            if one.layout is None or keys is None or keys.layout != one.layout:
                continue
            believed = _still_believed(keys.keys, terms, one.validity_days, now)
            if len(believed) == MAX_KEYS:
                raise Refused(
                    "fast_suite.too_many",
                    f"{one.id} has {MAX_KEYS} keys that are still believed: wait until one is not",
                )
            (fresh,) = self._fresh(one, entropy).keys
            terms[fresh] = signs_from
            ordered = sorted((*believed, fresh), key=lambda key: terms.get(key, ALWAYS))
            changed[one.doc_type] = TypeKeys(keys.layout, tuple(ordered))
        self._save(replace(public, types=changed), terms)
        self.tidy(types, now=now)

    def tidy(self, types: Collection[DocumentType], *, now: datetime) -> None:
        """Destroy the secrets that sign no more."""
        found = self._read()
        for one in () if found is None else types:
            assert found is not None
            keys = found[0].types.get(one.doc_type)
            kept = () if keys is None else _will_sign(keys.keys, found[1], now)
            for path in (self.folder / FOLDER).glob(f"{one.id}-{'[0-9a-f]' * 16}.key"):
                if path not in {self._path(one, key) for key in kept}:
                    path.unlink(missing_ok=True)

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

    def signer_for(self, document_type: DocumentType | None, *, now: datetime) -> ProvingSigner:
        """The present signer of a type; `Unavailable` if there is none."""
        read = self._read()
        found = None if document_type is None or read is None else read[0].types.get(document_type.doc_type)
        if read is None or found is None or document_type is None or found.layout != document_type.layout:
            raise Unavailable(
                "fast_suite.signer",
                "the fast suite has no key for this document type: run `diptych issuer rotate-signer`",
            )
        public_key = _will_sign(found.keys, read[1], now)[0]
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

    def _read(self) -> tuple[FastSuiteTrust, Terms] | None:
        """The public file: of a release before keys were rotated, it is the trust file's member alone."""
        try:
            data = (self.folder / FOLDER / PUBLIC).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("fast_suite.keys", f"{FOLDER}/{PUBLIC} cannot be read: {error.strerror}") from error
        members = strict_json.parse_object(data)
        if "signs_from" not in members:
            return parse_member(members), {}
        moments = members["signs_from"]
        if not isinstance(moments, dict):
            raise FormatError("fast_suite.keys", f"'signs_from' in {FOLDER}/{PUBLIC} is by key")
        terms = {base64url.decode(key): parse_moment(moment) for key, moment in moments.items()}
        return parse_member(members.get("public")), terms

    def _save(self, public: FastSuiteTrust, terms: Terms | None = None) -> None:
        former = self._read()
        kept = terms if terms is not None else {} if former is None else former[1]
        named = {key for found in public.types.values() for key in found.keys}
        kept = {key: moment for key, moment in kept.items() if key in named}
        if public.types and (public, kept) != former:
            moments: dict[str, Json] = {base64url.encode(key): encode_moment(kept[key]) for key in sorted(kept)}
            members: dict[str, Json] = {"public": encode_member(public), "signs_from": moments}
            file.replace_file(self.folder / FOLDER / PUBLIC, strict_json.encode(members))


class CurrentProvingSigners:
    """`ProvingSigners` that looks, at each request, which key signs now."""

    def __init__(self, keys: FastSuiteKeys, catalogue: Catalogue, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._catalogue = catalogue
        self._clock = clock

    def signer_for(self, doc_type: str) -> ProvingSigner:
        document_type = self._catalogue.by_doc_type(doc_type)
        try:
            return self._keys.signer_for(document_type, now=self._clock())
        except DiptychError as error:
            if error.check != "key.missing":
                raise
            # Replaced between a look at public.json and the key: what is there now is its successor.
            return self._keys.signer_for(document_type, now=self._clock())


def _will_sign(keys: tuple[bytes, ...], terms: Terms, now: datetime) -> tuple[bytes, ...]:
    """The key that signs now, and those announced after it. `keys` stand in the order in which they sign."""
    announced = [key for key in keys if terms.get(key, ALWAYS) > now]
    signing = [key for key in keys if terms.get(key, ALWAYS) <= now][-1:]
    return (*signing, *announced)


def _still_believed(keys: tuple[bytes, ...], terms: Terms, validity_days: int, now: datetime) -> list[bytes]:
    """The keys of which something may not have expired: credentials count whole days from the day they are signed."""
    believed: list[bytes] = []
    for key, successor in zip(keys, (*keys[1:], None), strict=True):
        last = None if successor is None else terms.get(successor, ALWAYS)
        if last is None or now < datetime.combine(last.date(), time(), UTC) + timedelta(days=validity_days):
            believed.append(key)
    return believed


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
