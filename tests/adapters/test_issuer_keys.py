"""The issuer's keys on disk: replaced without a gap, given up at once, and whole whenever the process is killed."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from diptych.adapters.keys import file
from diptych.crypto import signing
from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.formats.mdoc.trust import STATUS_LISTS, verify_signer, verify_status_signer
from diptych.formats.x509 import certificate
from diptych.roles.issuer.keyring import Standing
from tests.issuing import CATALOGUE, NOW, Dice
from tests.keys_of_an_issuer import Keys
from tests.killed import killed_before_each_change

MDL, AGE, PID = "org.iso.18013.5.1.mDL", "eu.europa.ec.av.1", "eu.europa.ec.eudi.pid.1"
TYPES = {"driving-licence": MDL, "proof-of-age": AGE, "identity-card": PID}
SIGNERS = len(TYPES) + 1  # one of status lists besides


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "issuer").create()


def works(keys: Keys) -> None:
    """Every type has a signer whose key is its certificate's, and whom the trust file believes."""
    trust = keys.keys.ring().trust()
    for doc_type in TYPES.values():
        found = keys.signer_for(doc_type)
        signing.verify(found.signer.public_key, found.signer.sign(b"m"), b"m")
        assert verify_signer(found.chain, expected_doc_type=doc_type, trust=trust, now=keys.now).public_key == (
            found.signer.public_key
        )


def private_keys(keys: Keys) -> set[str]:
    return {path.name for path in (keys.folder / "signers").iterdir()}


def test_a_new_folder_has_a_signer_for_each_type_and_says_so_to_others(keys: Keys) -> None:
    works(keys)
    trust = keys.trust()
    assert set(trust.signers) == {*TYPES.values(), STATUS_LISTS}
    status_signer = keys.signer_for(STATUS_LISTS)
    assert verify_status_signer(status_signer.chain, trust=trust, now=keys.now) == status_signer.signer.public_key
    assert (trust.retired, trust.lost) == ({}, {})
    for path in (keys.folder / "keys.json", keys.folder / "root.key.pem", *(keys.folder / "signers").iterdir()):
        assert path.stat().st_mode & 0o077 == 0


def test_a_new_signer_signs_at_once_and_the_old_one_is_believed_until_its_last_document_expires(keys: Keys) -> None:
    old, other = keys.leaf(MDL), keys.leaf(AGE)
    keys.now += timedelta(days=100, hours=3)
    keys.rotate("driving-licence")
    new = keys.leaf(MDL)
    assert new != old
    assert keys.leaf(AGE) == other
    trust = keys.trust()
    assert trust.signers[MDL] == (old, new)
    midnight = keys.now.replace(hour=0, minute=0)
    until = midnight + timedelta(days=90)  # what was signed on this day lives so long
    assert trust.retired == {certificate.fingerprint(old): until}
    for leaf in (old, new):
        verify_signer([leaf], expected_doc_type=MDL, trust=trust, now=until)
    with pytest.raises(VerificationError, match=r"mdoc\.signer_retired"):
        verify_signer([old], expected_doc_type=MDL, trust=trust, now=until + timedelta(seconds=1))
    verify_signer([new], expected_doc_type=MDL, trust=trust, now=until + timedelta(days=30))


def test_a_replaced_key_is_destroyed_and_no_other(keys: Keys) -> None:
    before = private_keys(keys)
    keys.rotate("driving-licence")
    after = private_keys(keys)
    assert len(before - after) == len(after - before) == 1
    assert next(iter(before - after)).startswith("driving-licence-")


def test_a_signer_that_nobody_can_believe_any_more_is_listed_no_longer(keys: Keys) -> None:
    old = keys.leaf(MDL)
    keys.rotate("driving-licence")
    keys.now += timedelta(days=91)
    keys.rotate("identity-card")
    assert old not in keys.trust().signers[MDL]


def test_an_announced_signer_is_believed_before_it_signs(keys: Keys) -> None:
    old, day = keys.leaf(MDL), NOW + timedelta(days=7)
    keys.rotate("driving-licence", signs_from=day)
    assert keys.leaf(MDL) == old
    assert len(private_keys(keys)) == SIGNERS + 1
    _, new = keys.trust().signers[MDL]
    verify_signer([new], expected_doc_type=MDL, trust=keys.trust(), now=NOW)
    keys.now = day
    assert keys.leaf(MDL) == new
    assert keys.trust().retired == {
        certificate.fingerprint(old): day.replace(hour=0, minute=0, second=0) + timedelta(days=90)
    }


def test_a_signer_put_before_an_announced_one_ends_when_that_one_begins(keys: Keys) -> None:
    day = NOW + timedelta(days=7)
    keys.rotate("driving-licence", signs_from=day)
    keys.rotate("driving-licence")
    ring = keys.keys.ring()
    mine = [one for one in ring.signers if one.doc_type == MDL]
    assert [ring.standing(one, now=NOW) for one in mine] == [
        Standing.RETIRED,
        Standing.SIGNING,
        Standing.ANNOUNCED,
    ]
    assert [one.accepted_until is None for one in mine] == [False, False, True]


def test_a_new_root_certifies_new_signers_of_every_type_and_the_old_root_leaves_with_its_last_signer(
    keys: Keys,
) -> None:
    old, (first,) = {doc_type: keys.leaf(doc_type) for doc_type in TYPES.values()}, keys.trust().roots
    keys.rotate_root()
    works(keys)
    trust = keys.trust()
    assert trust.roots[0] == first
    assert len(trust.roots) == 2
    for doc_type, leaf in old.items():
        assert keys.leaf(doc_type) != leaf
        verify_signer([leaf], expected_doc_type=doc_type, trust=trust, now=NOW)
    keys.now += timedelta(days=91)
    keys.rotate("identity-card")
    assert keys.trust().roots == trust.roots[1:]


def test_signers_are_made_with_a_root_key_that_is_kept_elsewhere(keys: Keys, tmp_path: Path) -> None:
    offline = tmp_path / "offline.key.pem"
    (keys.folder / "root.key.pem").rename(offline)
    works(keys)
    with pytest.raises(FormatError, match=r"issuer\.root_key"):
        keys.rotate("driving-licence")
    keys.rotate("driving-licence", root_key=offline)
    works(keys)
    other = tmp_path / "other.key.pem"
    file.write_signer(other, signing.generate_signer())
    with pytest.raises(Refused, match=r"x509\.issuer_key"):
        keys.rotate("driving-licence", root_key=other)


def test_a_lost_signer_is_given_up_at_once_and_its_successor_signs(keys: Keys) -> None:
    old = keys.leaf(MDL)
    keys.lose("driving-licence")
    works(keys)
    trust = keys.trust()
    assert old not in trust.signers[MDL]
    lost = trust.lost[certificate.fingerprint(old)]
    assert (lost.doc_type, lost.lost_at) == (MDL, NOW)
    with pytest.raises(VerificationError, match=r"mdoc\.signer_lost"):
        verify_signer([old], expected_doc_type=MDL, trust=trust, now=NOW)
    assert len(private_keys(keys)) == SIGNERS


def test_an_emergency_called_again_goes_on_and_does_not_lose_the_new_signer(keys: Keys) -> None:
    keys.lose("driving-licence")
    new = keys.leaf(MDL)
    keys.lose("driving-licence")
    assert keys.leaf(MDL) == new
    card = keys.leaf(PID)
    keys.lose("identity-card")  # found later to be lost as well
    assert keys.leaf(MDL) == new
    assert keys.leaf(PID) != card
    emergency = keys.keys.ring().emergency
    assert emergency is not None
    assert set(emergency.type_ids) == {"driving-licence", "identity-card"}
    keys.keys.end_emergency(now=NOW)
    assert keys.keys.ring().emergency is None
    keys.now += timedelta(days=1)
    keys.lose("driving-licence")  # another emergency
    assert keys.leaf(MDL) != new


def test_signers_replaced_before_stay_believed_unless_they_are_said_to_be_lost_too(tmp_path: Path) -> None:
    for retired_too in (False, True):
        keys = Keys(tmp_path / str(retired_too)).create()
        first = keys.leaf(MDL)
        keys.rotate("driving-licence")
        keys.lose("driving-licence", retired_too=retired_too)
        assert (first in keys.trust().signers[MDL]) is not retired_too
        assert len(keys.trust().lost) == 1 + retired_too


def test_an_announced_signer_is_lost_with_the_present_one(keys: Keys) -> None:
    keys.rotate("driving-licence", signs_from=NOW + timedelta(days=7))
    old = set(keys.trust().signers[MDL])
    keys.lose("driving-licence")
    assert old.isdisjoint(keys.trust().signers[MDL])
    works(keys)


def test_a_lost_root_takes_every_signer_with_it(keys: Keys) -> None:
    (root,) = keys.trust().roots
    keys.lose(is_root_lost=True)
    works(keys)
    trust = keys.trust()
    assert root not in trust.roots
    assert len(trust.lost) == SIGNERS


def test_the_loss_is_told_even_where_no_new_signer_can_be_made(keys: Keys, tmp_path: Path) -> None:
    old, offline = keys.leaf(MDL), tmp_path / "offline.key.pem"
    (keys.folder / "root.key.pem").rename(offline)
    with pytest.raises(FormatError, match=r"issuer\.root_key"):
        keys.lose("driving-licence")
    assert certificate.fingerprint(old) in keys.trust().lost
    with pytest.raises(Unavailable, match=r"issuer\.signer"):
        keys.signer_for(MDL)
    keys.signer_for(AGE)
    keys.lose("driving-licence", root_key=offline)
    works(keys)
    assert len(keys.trust().lost) == 1


def test_a_file_older_than_the_loss_does_not_bring_the_signer_back(keys: Keys) -> None:
    from diptych.formats.mdoc.trust import check_succeeds

    before = keys.trust()
    keys.lose("driving-licence")
    check_succeeds(keys.trust(), keys.trust().lost)
    with pytest.raises(Refused, match=r"trust\.lost_again"):
        check_succeeds(before, keys.trust().lost)


COMMANDS: dict[str, Callable[[Keys], None]] = {
    "rotate": lambda keys: keys.rotate("driving-licence"),
    "announce": lambda keys: keys.rotate("driving-licence", signs_from=NOW + timedelta(days=7)),
    "rotate_root": Keys.rotate_root,
    "lose": lambda keys: keys.lose("driving-licence"),
    "lose_root": lambda keys: keys.lose(is_root_lost=True),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_before_any_write_the_folder_works_and_the_command_can_be_run_again(
    tmp_path: Path, command: str
) -> None:
    made = Keys(tmp_path / "made").create()
    folder = tmp_path / "issuer"

    def prepare() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made.folder, folder)

    kills = 0
    for _ in killed_before_each_change(prepare, lambda: COMMANDS[command](Keys(folder, dice=Dice(8)))):
        kills += 1
        keys = Keys(folder, dice=Dice(9))
        works(keys)
        lost = keys.keys.ring().trust().lost
        COMMANDS[command](keys)
        works(keys)
        trust = keys.trust()
        assert trust == keys.keys.ring().trust()
        if command.startswith("lose"):
            # Once written, the loss stays the same one; the signer made in its place is not lost by going on.
            assert len(trust.lost) == (SIGNERS if command == "lose_root" else 1)
            assert not lost or lost == trust.lost
        named = {one.key for one in keys.keys.ring().signers if one.key is not None}
        assert all((folder / name).exists() for name in named)
    assert kills > 5


def test_a_key_replaced_while_a_request_looks_for_it_is_looked_up_once_more(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = keys.keys.ring()
    keys.rotate("driving-licence")
    rings = [ring, keys.keys.ring()]
    monkeypatch.setattr(type(keys.keys), "ring", lambda _: rings.pop(0))
    assert keys.leaf(MDL) != next(one.certificate for one in ring.signers if one.doc_type == MDL)


def test_two_commands_at_once_are_one_after_the_other(keys: Keys) -> None:
    with file.only_command(keys.folder, "issuer.keys_busy"), pytest.raises(Conflict, match=r"issuer\.keys_busy"):
        keys.rotate()
    keys.rotate()


def test_a_folder_of_the_first_release_goes_on(keys: Keys) -> None:
    """One root, one signer a type, each beside its certificate, and no keys.json."""
    ring = keys.keys.ring()
    file.write_certificates(keys.folder / "root.pem", [ring.root.certificate])
    for one in ring.signers:
        assert one.key is not None
        (keys.folder / one.key).rename(keys.folder / "signers" / f"{one.type_id}.key.pem")
        file.write_certificates(keys.folder / "signers" / f"{one.type_id}.pem", [one.certificate])
    trust = keys.trust()
    (keys.folder / "keys.json").unlink()
    works(keys)
    keys.rotate("identity-card")
    works(keys)
    assert keys.trust().signers[MDL] == trust.signers[MDL]
    assert len(keys.trust().signers[PID]) == 2


def test_a_type_without_a_signer_and_a_key_of_another_are_found_before_serving(keys: Keys) -> None:
    from diptych.adapters.issuer_keys import CurrentDocumentSigners

    signers = CurrentDocumentSigners(keys.keys, lambda: NOW)
    signers.check()
    found = keys.keys.ring().signing("driving-licence", now=NOW)
    assert found is not None
    assert found.key is not None
    path = keys.folder / found.key
    path.unlink()
    with pytest.raises(DiptychError, match=r"key\.missing"):
        signers.check()
    file.write_signer(path, signing.generate_signer())
    with pytest.raises(Refused, match=r"issuer\.signer_key"):
        signers.check()


def test_no_type_is_rotated_that_the_catalogue_does_not_have(keys: Keys) -> None:
    with pytest.raises(DiptychError):
        keys.rotate("no-such-type")
    works(keys)
    assert os.listdir(keys.folder / "signers")
    assert set(CATALOGUE.types) == set(TYPES)


def test_a_key_is_believed_for_what_it_is_for_and_nothing_else(keys: Keys) -> None:
    """A signer of status lists signs no documents, and a document signer no status lists, pinned for it or not."""
    trust = keys.trust()
    for_documents, for_lists = keys.signer_for(MDL).chain, keys.signer_for(STATUS_LISTS).chain
    with pytest.raises(VerificationError, match=r"status\.signer"):
        verify_status_signer(for_documents, trust=trust, now=keys.now)
    with pytest.raises(VerificationError, match=r"mdoc\.signer_pinned"):
        verify_signer(for_lists, expected_doc_type=MDL, trust=trust, now=keys.now)
    swapped = replace(trust, signers={MDL: (for_lists[0],), STATUS_LISTS: (for_documents[0],)})
    with pytest.raises(VerificationError, match=r"x509\.extended_key_usage"):
        verify_status_signer(for_documents, trust=swapped, now=keys.now)
    with pytest.raises(VerificationError, match=r"x509\."):
        verify_signer(for_lists, expected_doc_type=MDL, trust=swapped, now=keys.now)


def test_a_lost_key_of_status_lists_is_replaced_and_nothing_has_to_be_approved_again(keys: Keys) -> None:
    old = keys.signer_for(STATUS_LISTS).chain
    keys.lose(STATUS_LISTS)
    new, trust = keys.signer_for(STATUS_LISTS), keys.trust()
    assert verify_status_signer(new.chain, trust=trust, now=keys.now) == new.signer.public_key
    with pytest.raises(VerificationError, match=r"status\.signer_lost"):
        verify_status_signer(old, trust=trust, now=keys.now)
    emergency = keys.keys.ring().emergency
    assert emergency is not None
    assert emergency.documents_live_days == 0
