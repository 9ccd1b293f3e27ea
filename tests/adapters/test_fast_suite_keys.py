"""The fast suite's keys in an issuer's folder: made once, in the trust file, given up with the others."""

import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from diptych.adapters.catalogue_files import load_catalogue
from diptych.adapters.fast_suite_keys import FOLDER, CurrentProvingSigners, FastSuiteKeys
from diptych.crypto.fast_suite.tokens import token_public_key
from diptych.errors import Refused, Unavailable
from diptych.formats import strict_json
from diptych.formats.bbs_credential.trust import MAX_KEYS, encode_member
from diptych.formats.catalogue.model import Catalogue
from diptych.private import Secret

CATALOGUE = load_catalogue()
LICENCE = CATALOGUE.type("driving-licence")
NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
DAY = timedelta(days=1)


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
            signer = keys.signer_for(document_type, now=NOW)
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
        keys.signer_for(LICENCE, now=NOW)


def test_given_up_keys_are_gone_and_their_successors_sign(keys: FastSuiteKeys) -> None:
    before = keys.signer_for(LICENCE, now=NOW)
    keys.give_up([LICENCE], entropy=os.urandom)
    after = CurrentProvingSigners(keys, CATALOGUE, lambda: NOW).signer_for(LICENCE.doc_type)
    assert after.public_key != before.public_key
    public = keys.public()
    assert public is not None
    assert public.types[LICENCE.doc_type].keys == (after.public_key,)
    assert len(list((keys.folder / FOLDER).glob("driving-licence-*.key"))) == 1


def test_a_layout_that_changed_has_another_key(keys: FastSuiteKeys) -> None:
    before = keys.signer_for(LICENCE, now=NOW)
    assert LICENCE.layout is not None
    changed = replace(LICENCE, layout=replace(LICENCE.layout, fields=LICENCE.layout.fields[1:]))
    with pytest.raises(Unavailable):
        keys.signer_for(changed, now=NOW)
    keys.ensure(Catalogue({**CATALOGUE.types, LICENCE.id: changed}), entropy=os.urandom)
    assert keys.signer_for(changed, now=NOW).public_key != before.public_key


def test_a_folder_without_them_says_so(tmp_path: Path) -> None:
    assert FastSuiteKeys(tmp_path, "https://issuer.example").public() is None
    with pytest.raises(Unavailable, match="rotate-signer"):
        FastSuiteKeys(tmp_path, "https://issuer.example").signer_for(LICENCE, now=NOW)


# Planned rotation


def believed(keys: FastSuiteKeys) -> tuple[bytes, ...]:
    public = keys.public()
    assert public is not None
    return public.types[LICENCE.doc_type].keys


def secrets_of_licence(keys: FastSuiteKeys) -> int:
    return len(list((keys.folder / FOLDER).glob("driving-licence-*.key")))


def test_a_new_key_signs_at_once_and_the_old_one_is_believed_and_destroyed(keys: FastSuiteKeys) -> None:
    before = keys.signer_for(LICENCE, now=NOW)
    others = {path for path in (keys.folder / FOLDER).iterdir() if not path.name.startswith("driving-licence-")}
    keys.rotate([LICENCE], signs_from=NOW, now=NOW, entropy=os.urandom)
    after = keys.signer_for(LICENCE, now=NOW)
    assert after.public_key != before.public_key
    assert believed(keys) == (before.public_key, after.public_key)
    assert secrets_of_licence(keys) == 1
    assert others <= set((keys.folder / FOLDER).iterdir())


def test_a_key_is_announced_before_it_signs(keys: FastSuiteKeys) -> None:
    before = keys.signer_for(LICENCE, now=NOW)
    keys.rotate([LICENCE], signs_from=NOW + 7 * DAY, now=NOW, entropy=os.urandom)
    assert len(believed(keys)) == 2
    assert keys.signer_for(LICENCE, now=NOW + 6 * DAY).public_key == before.public_key
    assert secrets_of_licence(keys) == 2
    after = keys.signer_for(LICENCE, now=NOW + 7 * DAY)
    assert after.public_key == believed(keys)[-1] != before.public_key
    keys.tidy([LICENCE], now=NOW + 7 * DAY)
    assert secrets_of_licence(keys) == 1
    keys.ensure(CATALOGUE, entropy=os.urandom)  # forgets no moment
    assert keys.signer_for(LICENCE, now=NOW + 7 * DAY) == after


def test_a_retired_key_is_believed_until_all_that_it_signed_has_expired(keys: FastSuiteKeys) -> None:
    first = believed(keys)[0]
    keys.rotate([LICENCE], signs_from=NOW, now=NOW, entropy=os.urandom)
    last_day = datetime(2026, 11, 28, tzinfo=UTC) + timedelta(days=LICENCE.validity_days)
    keys.rotate([LICENCE], signs_from=last_day - DAY, now=last_day - timedelta(seconds=1), entropy=os.urandom)
    assert first in believed(keys)
    keys.rotate([LICENCE], signs_from=last_day, now=last_day, entropy=os.urandom)
    assert first not in believed(keys)
    assert len(believed(keys)) == 3


def test_more_keys_than_a_trust_file_can_name_are_refused(keys: FastSuiteKeys) -> None:
    for _ in range(MAX_KEYS - 1):
        keys.rotate([LICENCE], signs_from=NOW, now=NOW, entropy=os.urandom)
    before = believed(keys)
    with pytest.raises(Refused, match="wait"):
        keys.rotate([LICENCE], signs_from=NOW, now=NOW, entropy=os.urandom)
    assert believed(keys) == before


def test_a_file_from_before_keys_were_rotated_is_read(keys: FastSuiteKeys) -> None:
    public = keys.public()
    assert public is not None
    (keys.folder / FOLDER / "public.json").write_bytes(strict_json.encode(encode_member(public)))
    assert keys.public() == public
    keys.rotate([LICENCE], signs_from=NOW + DAY, now=NOW, entropy=os.urandom)
    assert keys.signer_for(LICENCE, now=NOW).public_key == public.types[LICENCE.doc_type].keys[0]


def test_a_lost_key_takes_the_retired_and_the_announced_along(keys: FastSuiteKeys) -> None:
    keys.rotate([LICENCE], signs_from=NOW, now=NOW, entropy=os.urandom)
    keys.rotate([LICENCE], signs_from=NOW + DAY, now=NOW, entropy=os.urandom)
    lost = believed(keys)
    keys.give_up([LICENCE], entropy=os.urandom)
    assert set(believed(keys)).isdisjoint(lost)
    assert secrets_of_licence(keys) == 1
    assert keys.signer_for(LICENCE, now=NOW).public_key == believed(keys)[0]
