"""The issuer's keys on disk: made, replaced and given up so that a kill between any two writes leaves a working folder.

keys.json                   which keys there are, and where (`roles/issuer/keyring`): the one file that decides
root.key.pem                the root's key: needed only to certify signers, and best kept elsewhere meanwhile
signers/TYPE-xxxx.key.pem   signers' keys, where they are not in a token
fast_suite/                 the keys of the fast suite: see `fast_suite_keys`
trust.json                  what wallets and verifiers take: written again from keys.json

In this order: new private keys, under names that nobody knows yet; keys.json, replaced whole: this is the moment;
trust.json; old private keys destroyed; keys.json without them. Each command first finishes what a former one began.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

from diptych.adapters.fast_suite_keys import FastSuiteKeys
from diptych.adapters.keys import file, locations
from diptych.adapters.keys.pkcs11_uri import TokenAccess, is_token_uri, names_one_key
from diptych.crypto.entropy import Entropy
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable
from diptych.formats.bbs_credential.trust import encode_member
from diptych.formats.catalogue.model import Catalogue, DocumentType
from diptych.formats.mdoc.trust import STATUS_LISTS, encode_trust
from diptych.formats.x509 import certificate, profiles
from diptych.roles.issuer import keyring
from diptych.roles.issuer.keyring import Emergency, Keyring, RootKey, SignerKey
from diptych.roles.issuer.ports import DocumentSigner

KEYS, TRUST = "keys.json", "trust.json"
SIGNERS = "signers"
ROOT_KEY = "root.key.pem"
ROOT_YEARS = 10
NAME_BYTES = 4
OWNER_ONLY = 0o600


@dataclass(frozen=True)
class KeyUse:
    """What a signer signs: a document type of the catalogue, or status lists."""

    id: str
    doc_type: str
    validity_days: int
    """For how long what it signed is believed."""
    needs_approval: bool
    """Whether what a lost one signed has to be approved anew by an officer."""

    @classmethod
    def of(cls, document_type: DocumentType) -> "KeyUse":
        return cls(document_type.id, document_type.doc_type, document_type.validity_days, not document_type.renewable)


# A version of a list lives hours (`Publication`), and signers are replaced in whole days.
FOR_STATUS_LISTS = KeyUse(STATUS_LISTS, STATUS_LISTS, 2, needs_approval=False)


@dataclass(frozen=True)
class IssuerKeys:
    """The keys of one issuer's folder. `url` is the issuer's: certificates name it."""

    folder: Path
    url: str
    catalogue: Catalogue
    access: TokenAccess

    def ring(self) -> Keyring:
        """What keys there are; of a folder made before there was a keys.json, what its files say."""
        path = self.folder / KEYS
        try:
            return keyring.parse(path.read_bytes())
        except FileNotFoundError:
            return self._ring_of_old_folder()
        except OSError as error:
            raise Unavailable("issuer.keys", f"{KEYS} cannot be read: {error.strerror}") from error

    def create(self, *, country: str, key: str | None, now: datetime, entropy: Entropy) -> None:
        """The first root, and a signer for each type of the catalogue."""
        (self.folder / SIGNERS).mkdir(mode=0o700, exist_ok=True)
        root, root_signer = self._new_root(country, ROOT_KEY, now=now, entropy=entropy)
        ring = Keyring((root,), ())
        self.fast_suite.ensure(self.catalogue, entropy=entropy)
        self._save(
            self._certified(
                ring, self._uses(None), root_signer, key=key, signs_from=_day(now), now=now, entropy=entropy
            )
        )

    def rotate(
        self,
        type_ids: Collection[str] | None,
        *,
        now: datetime,
        entropy: Entropy,
        signs_from: datetime | None = None,
        key: str | None = None,
        root_key: Path | None = None,
    ) -> Keyring:
        """New signers for these types, or all: they sign from now on, or from `signs_from` on.

        `key` says where the new keys are to be, if not where the old ones are: a `pkcs11:` URI, or `file`; `root_key`
        where the root's key is kept meanwhile.
        """
        with self._changing(now=now):
            ring = self.ring().pruned(now=now)
            self.fast_suite.ensure(self.catalogue, entropy=entropy)
            since = (signs_from or now).replace(microsecond=0)
            documents = self._documents(self._uses(type_ids))
            root_signer = self._root_signer(ring, root_key)
            ring = self._certified(
                ring, self._uses(type_ids), root_signer, key=key, signs_from=since, now=now, entropy=entropy
            )
            # Last of what can fail, and before trust.json is written: a kill in between leaves keys that it names next.
            self.fast_suite.rotate(documents, signs_from=since, now=now, entropy=entropy)
            self._save(ring)
            return self._tidied(now=now)

    def rotate_root(self, *, now: datetime, entropy: Entropy, key: str | None = None) -> Keyring:
        """A new root, and new signers of every type under it. The old root is believed while its signers are."""
        with self._changing(now=now):
            ring = self.ring().pruned(now=now)
            root, root_signer = self._new_root(_country(ring), _fresh_name("root", entropy), now=now, entropy=entropy)
            self._save(
                self._certified(
                    ring.with_root(root),
                    self._uses(None),
                    root_signer,
                    key=key,
                    signs_from=now.replace(microsecond=0),
                    now=now,
                    entropy=entropy,
                )
            )
            return self._tidied(now=now)

    def declare_loss(
        self,
        type_ids: Collection[str] | None,
        *,
        now: datetime,
        entropy: Entropy,
        is_root_lost: bool = False,
        retired_too: bool = False,
        key: str | None = None,
        root_key: Path | None = None,
    ) -> Keyring:
        """The signers of these types, or all, are lost: nobody is to believe them, and new ones sign at once.

        One write: there is no moment at which the lost ones are given up and nobody signs. Where no new ones can be
        made (the root's key is elsewhere, a token is out) the loss is written all the same, and the error raised.
        The keyring holds the emergency until `end_emergency`. Called again meanwhile, for the same types, it goes on
        with that one and loses nothing more; further types join it.
        """
        with self._changing(now=now):
            ring = self.ring()
            types = self._uses(None if is_root_lost else type_ids)
            under_way = () if ring.emergency is None else ring.emergency.type_ids
            further = [one for one in types if one.id not in under_way]
            if further:
                # Beside the lost keys lay those of the fast suite.
                self.fast_suite.give_up(self._documents(further), entropy=entropy)
                ring = self._without(ring, further, is_root_lost=is_root_lost, retired_too=retired_too, now=now)
            if ring.emergency is not None:
                try:
                    ring = self._healed(ring, ring.emergency, key=key, root_key=root_key, now=now, entropy=entropy)
                finally:
                    self._save(ring)
            return self._tidied(now=now)

    def end_emergency(self, *, now: datetime) -> Keyring:
        """All that follows from the loss is dealt with."""
        with self._changing(now=now):
            self._save(replace(self.ring(), emergency=None))
            return self.ring()

    def trust(self) -> bytes:
        """The trust file of the keys as they are."""
        return self._trust(self.ring())

    @property
    def fast_suite(self) -> FastSuiteKeys:
        """The keys of the fast suite beside them."""
        return FastSuiteKeys(self.folder, self.url)

    def _trust(self, ring: Keyring) -> bytes:
        public = self.fast_suite.public()
        return encode_trust(replace(ring.trust(), fast_suite=None if public is None else encode_member(public)))

    @contextmanager
    def _changing(self, *, now: datetime) -> Iterator[None]:
        """One command at a time changes keys; first, what a former one left undone."""
        if not self.folder.is_dir():
            raise FormatError("issuer.missing", "there is no such folder: run `diptych issuer init` first")
        with file.only_command(self.folder, "issuer.keys_busy"):
            self._save(self.ring())
            self._tidied(now=now)
            yield

    def _save(self, ring: Keyring) -> None:
        """keys.json, which decides, then trust.json, which follows from it. What stands there already is left alone."""
        for name, data in ((KEYS, keyring.encode(ring)), (TRUST, self._trust(ring))):
            path = self.folder / name
            if not path.exists() or path.read_bytes() != data:
                file.replace_file(path, data, mode=OWNER_ONLY if name == KEYS else file.PUBLIC)

    def _tidied(self, *, now: datetime) -> Keyring:
        """Destroy private keys that will never sign again. A key in a token is left to its owner."""
        self.fast_suite.tidy(list(self.catalogue.types.values()), now=now)
        ring = self.ring()
        gone = [one for one in ring.idle_keys(now=now) if one.key is not None and not is_token_uri(one.key)]
        for one in gone:
            assert one.key is not None
            locations.forget_key(one.key, self.folder)
        if gone:
            ring = ring.with_destroyed(gone)
            self._save(ring)
        return ring

    def _uses(self, type_ids: Collection[str] | None) -> tuple[KeyUse, ...]:
        if type_ids is None:
            return (*(KeyUse.of(one) for one in self.catalogue.types.values()), FOR_STATUS_LISTS)
        return tuple(self._use(type_id) for type_id in type_ids)

    def _documents(self, uses: Sequence[KeyUse]) -> list[DocumentType]:
        return [self.catalogue.types[one.id] for one in uses if one.id in self.catalogue.types]

    def _use(self, type_id: str) -> KeyUse:
        return FOR_STATUS_LISTS if type_id == STATUS_LISTS else KeyUse.of(self.catalogue.type(type_id))

    def _without(
        self, ring: Keyring, types: Sequence[KeyUse], *, is_root_lost: bool, retired_too: bool, now: datetime
    ) -> Keyring:
        at = now.replace(microsecond=0)
        ids = tuple(one.id for one in types)
        after = ring.without(ids, at=at, is_root_lost=is_root_lost, retired_too=retired_too or is_root_lost)
        lost = [new for old, new in zip(ring.signers, after.signers, strict=True) if old.lost_at != new.lost_at]
        if not lost:
            raise Refused("issuer.nothing_lost", "there is no signer of these types that could be lost")
        renewed = {one.id for one in types if not one.needs_approval}
        emergency = Emergency(
            at,
            ids,
            signed_since=_day(min(one.signs_from for one in lost)),
            documents_live_days=max(0 if one.type_id in renewed else self._longest_life(one) for one in lost),
        )
        return replace(after, emergency=emergency if ring.emergency is None else ring.emergency.joined_by(emergency))

    def _healed(
        self,
        ring: Keyring,
        emergency: Emergency,
        *,
        key: str | None,
        root_key: Path | None,
        now: datetime,
        entropy: Entropy,
    ) -> Keyring:
        """The ring with a root, if that was lost, and with a signer of each type whose signer was."""
        types = [one for one in self._uses(emergency.type_ids) if ring.signing(one.id, now=now) is None]
        if not types:
            return ring
        if ring.root.lost_at is None:
            root_signer = self._root_signer(ring, root_key)
        else:
            root, root_signer = self._new_root(_country(ring), _fresh_name("root", entropy), now=now, entropy=entropy)
            ring = ring.with_root(root)
        since = now.replace(microsecond=0)
        return self._certified(ring, types, root_signer, key=key, signs_from=since, now=now, entropy=entropy)

    def _longest_life(self, one: SignerKey) -> int:
        return max(one.documents_live_days, self._use(one.type_id).validity_days)

    def _certified(
        self,
        ring: Keyring,
        types: Sequence[KeyUse],
        root_signer: SoftwareSigner,
        *,
        key: str | None,
        signs_from: datetime,
        now: datetime,
        entropy: Entropy,
    ) -> Keyring:
        """The ring with a new signer for each of the types; their private keys are where it says when this returns."""
        if key not in (None, locations.FILE) and len(types) > 1 and names_one_key(key):
            raise Refused("issuer.key_shared", "one key signs one type: name the token alone, or give --type")
        fresh: list[SignerKey] = []
        for document_type in types:
            name = _fresh_name(document_type.id, entropy)
            location, signer = locations.make_signer(
                key,
                self.folder,
                self.access,
                file_name=f"{SIGNERS}/{name}",
                label=name.removesuffix(".key.pem"),
                former=next((one.key for one in reversed(ring.signers) if one.type_id == document_type.id), None),
            )
            root = ring.root
            # Certificates are valid from the day's start, because documents are signed "at" the day's start.
            start = _day(now)
            build = profiles.build_document_signer
            if document_type is FOR_STATUS_LISTS:
                build = profiles.build_status_list_signer
            leaf = build(
                public_key=signer.public_key,
                issuer=root.certificate,
                issuer_signer=root_signer,
                common_name=f"Diptych signer of {document_type.id}",
                crl=f"{self.url}/crl",
                not_before=start,
                not_after=min(start + profiles.DOCUMENT_SIGNER_VALIDITY, _expires(root)),
                entropy=entropy,
            )
            if any(one.fingerprint != certificate.fingerprint(leaf) and _same_key(one, leaf) for one in ring.signers):
                raise Conflict("issuer.key_used", "this key has a certificate already: rotation needs a new key")
            fresh.append(
                SignerKey(
                    type_id=document_type.id,
                    doc_type=document_type.doc_type,
                    certificate=leaf,
                    root=root.fingerprint,
                    key=location,
                    signs_from=signs_from,
                    documents_live_days=document_type.validity_days,
                )
            )
        days = {one.id: one.validity_days for one in self._uses(None)}
        days |= {one.type_id: one.documents_live_days for one in ring.signers if one.type_id not in days}
        return ring.with_signers(fresh, live_days=days)

    def _new_root(self, country: str, name: str, *, now: datetime, entropy: Entropy) -> tuple[RootKey, SoftwareSigner]:
        signer = generate_signer()
        start = _day(now)
        root = profiles.build_iaca(
            signer=signer,
            country=country,
            common_name="Diptych issuing authority",
            contact=self.url,
            crl=f"{self.url}/crl",
            not_before=start,
            not_after=start + timedelta(days=365 * ROOT_YEARS),
            entropy=entropy,
        )
        file.write_signer(self.folder / name, signer)
        return RootKey(root, name), signer

    def _root_signer(self, ring: Keyring, root_key: Path | None) -> SoftwareSigner:
        """The root's key, from where it is kept offline if need be."""
        path = root_key or self.folder / ring.root.key
        if not path.exists():
            raise FormatError(
                "issuer.root_key", f"the root's key is not in {path.parent}: say where it is with --root-key FILE"
            )
        signer = file.read_signer(path)
        if signer.public_key != certificate.public_key(certificate.parse(ring.root.certificate)):
            raise Refused("x509.issuer_key", "this is not the key of the present root")
        return signer

    def _ring_of_old_folder(self) -> Keyring:
        """A folder of the first release: one root, one signer a type, each beside its certificate."""
        root_file = self.folder / "root.pem"
        if not root_file.exists():
            raise FormatError("issuer.keys", f"no {KEYS} in that folder: run `diptych issuer init` first")
        root = RootKey(file.read_certificates(root_file)[0], ROOT_KEY)
        signers: list[SignerKey] = []
        for one in self.catalogue.types.values():
            path = self.folder / SIGNERS / f"{one.id}.pem"
            if path.exists():
                leaf = file.read_certificates(path)[0]
                since = certificate.parse(leaf).not_valid_before_utc
                location = f"{SIGNERS}/{one.id}.key.pem"
                signers.append(
                    SignerKey(one.id, one.doc_type, leaf, root.fingerprint, location, since, one.validity_days)
                )
        return Keyring((root,), tuple(signers))


class CurrentDocumentSigners:
    """`DocumentSigners` that looks, at each request, which signer signs now, and opens that one's key alone."""

    def __init__(self, keys: IssuerKeys, clock: Callable[[], datetime]) -> None:
        self._keys = keys
        self._clock = clock

    def signer_for(self, doc_type: str) -> DocumentSigner:
        found = self._keys.catalogue.by_doc_type(doc_type)
        type_id = STATUS_LISTS if doc_type == STATUS_LISTS else None if found is None else found.id
        try:
            return self._open(type_id)
        except DiptychError as error:
            if error.check != "key.missing":
                raise
            # Replaced between a look at keys.json and the key: what is there now is its successor.
            return self._open(type_id)

    def check(self) -> None:
        """Raises what a request would meet: a type without a signer, or whose key is not there or is another."""
        types = self._keys.catalogue.types.values()
        for type_id, doc_type in [*((one.id, one.doc_type) for one in types), (STATUS_LISTS, STATUS_LISTS)]:
            found = self.signer_for(doc_type)
            if found.signer.public_key != certificate.public_key(certificate.parse(found.chain[0])):
                raise Refused("issuer.signer_key", f"the signer of {type_id} has another key than it should")

    def _open(self, type_id: str | None) -> DocumentSigner:
        found = None if type_id is None else self._keys.ring().signing(type_id, now=self._clock())
        if found is None or found.key is None:
            what = "this document type" if type_id is None else type_id
            raise Unavailable(
                "issuer.signer", f"there is no signer for {what}: run `diptych issuer rotate-signer --type`"
            )
        signer = locations.open_signer(found.key, self._keys.folder, self._keys.access)
        return DocumentSigner(signer, (found.certificate,))


def _fresh_name(stem: str, entropy: Entropy) -> str:
    return f"{stem}-{entropy(NAME_BYTES).hex()}.key.pem"


def _same_key(one: SignerKey, leaf: bytes) -> bool:
    theirs, ours = certificate.parse(one.certificate), certificate.parse(leaf)
    return certificate.public_key(theirs) == certificate.public_key(ours)


def _country(ring: Keyring) -> str:
    return certificate.country(certificate.parse(ring.root.certificate))


def _expires(root: RootKey) -> datetime:
    return certificate.parse(root.certificate).not_valid_after_utc


def _day(now: datetime) -> datetime:
    return datetime.combine(now.date(), time(), UTC)
