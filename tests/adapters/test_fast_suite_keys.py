"""The fast suite's keys in an issuer's folder: made once, in the trust file, given up with the others."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.fast_suite_keys import FOLDER, CurrentProvingSigners, FastSuiteKeys
from diptych.crypto.fast_suite.tokens import token_public_key
from diptych.errors import Refused, Unavailable
from diptych.formats.catalogue.model import Catalogue
from diptych.private import Secret

CATALOGUE = load_catalogue()
LICENCE = CATALOGUE.type("driving-licence")


@pytest.fixture
def keys(tmp_path: Path) -> FastSuiteKeys:
    found = FastSuiteKeys(tmp_path, "https://issuer.example")
    found.ensure(CATALOGUE, entropy=os.urandom)
    return found


def test_there_is_one_key_for_each_type_with_a_layout_and_making_them_twice_is_once(keys: FastSuiteKeys) -> None:
    public = keys.public()
    assert public is not None
    assert set(public.types) == {one.doc_type for one in CATALOGUE.types.values() if one.layout is not None}
    keys.ensure(CATALOGUE, entropy=os.urandom)
    assert keys.public() == public
    for document_type in CATALOGUE.types.values():
        if document_type.layout is not None:
            signer = keys.signer_for(document_type)
            assert token_public_key(signer.secret) == signer.public_key == public.types[document_type.doc_type].keys[-1]
    public.signed_digits(entropy=os.urandom)
    assert keys.epoch_signer().public_key == public.epoch_signer


def test_secrets_are_their_owners_alone_and_the_digits_have_none(keys: FastSuiteKeys) -> None:
    public = keys.public()
    assert public is not None
    secrets = [path for path in (keys.folder / FOLDER).iterdir() if path.name != "public.json"]
    assert len(secrets) == len(public.types) + 1
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in secrets)
    for path in secrets:
        if path.suffix == ".key":
            assert token_public_key_of(path) != public.digits.key


def token_public_key_of(path: Path) -> bytes:
    return token_public_key(Secret(bytes.fromhex(path.read_text())))


def test_a_key_that_others_can_read_is_not_used(keys: FastSuiteKeys) -> None:
    for path in (keys.folder / FOLDER).glob("driving-licence-*.key"):
        path.chmod(0o644)
    with pytest.raises(Refused, match="permissions"):
        keys.signer_for(LICENCE)


def test_given_up_keys_are_gone_and_their_successors_sign(keys: FastSuiteKeys) -> None:
    before = keys.signer_for(LICENCE)
    keys.give_up([LICENCE], entropy=os.urandom)
    after = CurrentProvingSigners(keys, CATALOGUE).signer_for(LICENCE.doc_type)
    assert after.public_key != before.public_key
    public = keys.public()
    assert public is not None
    assert public.types[LICENCE.doc_type].keys == (after.public_key,)
    assert len(list((keys.folder / FOLDER).glob("driving-licence-*.key"))) == 1


def test_a_layout_that_changed_has_another_key(keys: FastSuiteKeys) -> None:
    before = keys.signer_for(LICENCE)
    assert LICENCE.layout is not None
    changed = replace(LICENCE, layout=replace(LICENCE.layout, fields=LICENCE.layout.fields[1:]))
    with pytest.raises(Unavailable):
        keys.signer_for(changed)
    keys.ensure(Catalogue({**CATALOGUE.types, LICENCE.id: changed}), entropy=os.urandom)
    assert keys.signer_for(changed).public_key != before.public_key


def test_a_folder_without_them_says_so(tmp_path: Path) -> None:
    assert FastSuiteKeys(tmp_path, "https://issuer.example").public() is None
    with pytest.raises(Unavailable, match="rotate-signer"):
        FastSuiteKeys(tmp_path, "https://issuer.example").signer_for(LICENCE)
