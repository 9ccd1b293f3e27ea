"""One issuer of the fast suite with its digits and an epoch, and Erika's credential of it."""

import functools
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from diptych.adapters.catalogue_files import load_catalogue
from diptych.crypto import bbs
from diptych.crypto.bls12381 import encode_scalar, random_scalars
from diptych.crypto.fast_suite.credential import Layout, Value, VerifiedCredential, issue, receive, request
from diptych.crypto.fast_suite.tokens import issue_tokens, public_set, token_public_key
from diptych.crypto.signing import SoftwareSigner, generate_signer
from diptych.formats.bbs_credential.credential import IssuedCredential
from diptych.formats.bbs_credential.epoch import Epoch, name_of
from diptych.formats.bbs_credential.trust import DIGITS, FastSuiteTrust, TypeKeys
from diptych.formats.catalogue.layout import layout_values
from diptych.formats.catalogue.values import check_values
from diptych.private import Personal, Secret

CATALOGUE = load_catalogue()
LICENCE = CATALOGUE.type("driving-licence")
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
TODAY = NOW.date()
VALID_UNTIL = date(2027, 2, 26)
URL = "https://issuer.example"


def new_key() -> tuple[Secret, bytes]:
    secret = Secret(bbs.keygen(os.urandom(32)))
    return secret, token_public_key(secret)


@dataclass(frozen=True)
class Issuer:
    """One of the fast suite, with all its secrets."""

    secret: Secret
    trust: FastSuiteTrust
    epoch_signer: SoftwareSigner
    epoch_secret: Secret
    epoch: Epoch

    @property
    def licence(self) -> TypeKeys:
        return self.trust.type(LICENCE.doc_type)


@functools.cache
def issuer() -> Issuer:
    secret, key = new_key()
    digits_secret, digits_key = new_key()
    epoch_secret, epoch_key = new_key()
    signer = generate_signer()
    assert LICENCE.layout is not None
    trust = FastSuiteTrust(
        URL,
        {LICENCE.doc_type: TypeKeys(LICENCE.layout, (key,))},
        public_set(DIGITS, digits_key),
        tuple(issue_tokens(digits_secret, DIGITS)),
        signer.public_key,
    )
    epoch = Epoch(URL, name_of(NOW), epoch_key, NOW, NOW + timedelta(days=2), 0, 1, 0, bytes(32))
    return Issuer(secret, trust, signer, epoch_secret, epoch)


def licence_layout() -> Layout:
    assert LICENCE.layout is not None
    return LICENCE.layout


def specimen_values(**changed: object) -> dict[str, object]:
    found = {a.identifier: a.specimen for a in LICENCE.attributes if a.derived is None and a.mandatory}
    return {**found, **changed}


def values(revocation_id: int, valid_until: date = VALID_UNTIL, **changed: object) -> tuple[Value, ...]:
    return layout_values(
        LICENCE,
        check_values(LICENCE, specimen_values(**changed)),
        day=TODAY,
        valid_until=valid_until,
        revocation_id=revocation_id,
    )


@dataclass(frozen=True)
class Holder:
    """Somebody with a licence; `token` is theirs in the specimen's epoch."""

    secret: Secret
    blind: Secret
    revocation_id: int
    issued: IssuedCredential
    credential: VerifiedCredential
    token: bytes


def new_secret() -> Secret:
    return Secret(encode_scalar(random_scalars(1, os.urandom)[0]))


def new_holder(valid_until: date = VALID_UNTIL, **changed: object) -> Holder:
    here = issuer()
    secret, revocation_id = new_secret(), random_scalars(1, os.urandom)[0]
    found, key = values(revocation_id, valid_until, **changed), here.licence.keys[-1]
    commitment, blind = request(secret, entropy=os.urandom)
    signature = issue(here.secret, key, here.licence.layout, found, commitment)
    credential = receive(
        signature, issuer_key=key, layout=here.licence.layout, values=found, holder_secret=secret, blind=blind
    )
    return Holder(
        secret,
        blind,
        revocation_id,
        IssuedCredential(LICENCE.doc_type, key, Personal(found), signature),
        credential,
        issue_tokens(here.epoch_secret, [revocation_id])[0],
    )
