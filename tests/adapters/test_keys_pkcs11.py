"""Keys in a token: they sign as every other key here, never come out, and fail by name."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from diptych.adapters.keys import file, locations, pkcs11_uri
from diptych.adapters.keys.pkcs11_uri import TokenAccess
from diptych.crypto import agreement, hpke, signing
from diptych.errors import Conflict, DiptychError, FormatError, Refused, Unavailable, VerificationError
from diptych.private import Secret
from tests.tokens import PIN, SoftToken, soft_token


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftToken]:
    """A token whose library is loaded anew, as in a process that just started."""
    found = soft_token(tmp_path / "token")
    monkeypatch.setenv("SOFTHSM2_CONF", str(found.folder / "softhsm2.conf"))
    yield found
    _restart()


def _restart() -> None:
    import pkcs11

    from diptych.adapters.keys import pkcs11 as ours

    ours._FOUND.clear()
    for module in list(pkcs11._loaded):
        pkcs11.unload(module)


def test_a_key_in_a_token_signs_as_every_key_here(token: SoftToken) -> None:
    location, signer = locations.make_signer(token.uri, token.folder, token.access, file_name="x", label="licence")
    assert location == "pkcs11:token=utopia;object=licence"
    again = locations.open_signer(location, token.folder, token.access)
    assert again.public_key == signer.public_key
    signature = again.sign(b"message")
    assert len(signature) == 64
    signing.verify(signer.public_key, signature, b"message")
    assert "licence" not in repr(again)


def test_the_private_key_cannot_leave_the_token(token: SoftToken) -> None:
    import pkcs11

    locations.make_signer(token.uri, token.folder, token.access, file_name="x", label="k")
    session = pkcs11.lib(str(token.module)).get_token(token_label="utopia").open()
    key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label="k")
    assert (key[pkcs11.Attribute.SENSITIVE], key[pkcs11.Attribute.EXTRACTABLE]) == (True, False)
    assert not key[pkcs11.Attribute.DERIVE]
    with pytest.raises(pkcs11.PKCS11Error):
        key[pkcs11.Attribute.VALUE]


def test_a_key_that_could_leave_its_token_is_refused(token: SoftToken) -> None:
    import pkcs11

    from diptych.adapters.keys.pkcs11 import P256

    with pkcs11.lib(str(token.module)).get_token(token_label="utopia").open(rw=True, user_pin=PIN) as session:
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: P256}, local=True)
        loose = {pkcs11.Attribute.EXTRACTABLE: True}
        parameters.generate_keypair(store=True, label="loose", private_template=loose)
    signer = locations.open_signer(token.uri + ";object=loose", token.folder, token.access)
    with pytest.raises(Refused, match=r"pkcs11\.extractable"):
        signer.sign(b"message")


def test_a_named_key_is_made_once_and_then_meant(token: SoftToken) -> None:
    from diptych.adapters.keys import pkcs11

    uri = token.uri + ";object=licence"
    _, first = locations.make_signer(uri, token.folder, token.access, file_name="x", label="other")
    _, second = locations.make_signer(uri, token.folder, token.access, file_name="x", label="other")
    assert first.public_key == second.public_key
    with pytest.raises(Conflict, match=r"pkcs11\.exists"):
        pkcs11.make_key(pkcs11_uri.parse(uri), token.access)


def test_every_process_opens_its_own_session(token: SoftToken) -> None:
    """As the issuer does: a process that has signed already forks, and its children sign, at once."""
    _, signer = locations.make_signer(token.uri, token.folder, token.access, file_name="x", label="licence")
    signer.sign(b"the parent")
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                signing.verify(signer.public_key, signer.sign(b"child %d" % number), b"child %d" % number)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 8
    signing.verify(signer.public_key, signer.sign(b"still here"), b"still here")


def test_threads_share_a_session(token: SoftToken) -> None:
    _, signer = locations.make_signer(token.uri, token.folder, token.access, file_name="x", label="licence")
    signatures: list[bytes] = []
    threads = [threading.Thread(target=lambda: signatures.append(signer.sign(b"m"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signatures) == 16
    for signature in signatures:
        signing.verify(signer.public_key, signature, b"m")


def test_a_token_that_was_pulled_out_fails_by_name_and_serves_again_once_it_is_back(token: SoftToken) -> None:
    _, signer = locations.make_signer(token.uri, token.folder, token.access, file_name="x", label="licence")
    signer.sign(b"m")
    token.remove()
    with pytest.raises(Unavailable) as refusal:
        signer.sign(b"m")
    assert refusal.value.check in ("pkcs11.token", "pkcs11.key", "pkcs11.failed")
    _restart()
    with pytest.raises(Unavailable, match=r"pkcs11\.token"):
        signer.sign(b"m")
    token.put_back()
    _restart()
    signing.verify(signer.public_key, signer.sign(b"m"), b"m")


def test_a_wrong_pin_fails_by_name_and_says_no_secret(token: SoftToken) -> None:
    locations.make_signer(token.uri, token.folder, token.access, file_name="x", label="licence")
    _restart()
    wrong = TokenAccess(token.module, Secret(b"99999999"))
    signer = locations.open_signer(token.uri + ";object=licence", token.folder, wrong)
    with pytest.raises(Unavailable, match=r"pkcs11\.pin:") as refusal:
        signer.sign(b"m")
    assert "99999999" not in str(refusal.value)
    assert "99999999" not in repr(wrong)


@pytest.mark.parametrize(
    ("uri", "check"),
    [
        ("pkcs11:token=absent;object=licence", "pkcs11.token"),
        ("pkcs11:token=utopia;object=absent", "pkcs11.key"),
        ("pkcs11:token=utopia;object=licence;id=%00", "pkcs11.key"),
        ("pkcs11:token=utopia;object=licence?module-path=/absent.so", "pkcs11.failed"),
    ],
)
def test_what_is_not_there_is_named(token: SoftToken, uri: str, check: str) -> None:
    locations.make_signer(token.uri, token.folder, token.access, file_name="x", label="licence")
    with pytest.raises(Unavailable) as refusal:
        locations.open_signer(uri, token.folder, token.access).sign(b"m")
    assert refusal.value.check == check


def test_the_pin_comes_from_a_file_that_only_its_owner_reads(token: SoftToken) -> None:
    locations.make_signer(token.uri, token.folder, token.access, file_name="x", label="licence")
    _restart()
    uri = f"{token.uri};object=licence?module-path={token.module}&pin-source=file:{token.pin_file}"
    signer = locations.open_signer(uri, token.folder, TokenAccess())
    signing.verify(signer.public_key, signer.sign(b"m"), b"m")
    _restart()
    token.pin_file.chmod(0o644)
    with pytest.raises(Refused, match=r"key\.permissions"):
        signer.sign(b"m")


def test_without_module_or_pin_the_message_says_what_to_set(token: SoftToken) -> None:
    uri = token.uri + ";object=licence"
    with pytest.raises(FormatError, match="DIPTYCH_PKCS11_MODULE"):
        locations.open_signer(uri, token.folder, TokenAccess()).sign(b"m")
    with pytest.raises(FormatError, match="DIPTYCH_PKCS11_PIN"):
        locations.open_signer(uri, token.folder, TokenAccess(token.module)).sign(b"m")


@pytest.mark.parametrize(
    ("uri", "check"),
    [
        ("pkcs11:", "pkcs11.uri"),
        ("pkcs11:object=a", "pkcs11.token"),
        ("pkcs11:token=a;token=b", "pkcs11.uri"),
        ("pkcs11:token=a;slot-id=1", "pkcs11.uri"),
        ("pkcs11:token=a;object=%ff", "pkcs11.uri"),
        ("pkcs11:token=a;object=%0a", "pkcs11.uri"),
        ("pkcs11:token=a;object=", "pkcs11.uri"),
        ("pkcs11:token=a?pin-value=1234", "pkcs11.pin_value"),
        ("pkcs11:token=a?pin-source=|cat%20/etc/passwd", "pkcs11.pin_source"),
        ("pkcs11:token=a?", "pkcs11.uri"),
        ("file:a", "pkcs11.uri"),
    ],
)
def test_a_uri_that_is_none_is_refused_by_name(uri: str, check: str) -> None:
    with pytest.raises(FormatError) as refusal:
        pkcs11_uri.parse(uri)
    assert refusal.value.check == check


def test_a_uri_reads_back() -> None:
    for uri in (
        "pkcs11:token=utopia",
        "pkcs11:token=my%20token;serial=1;object=driving-licence;id=%00%FF?module-path=/usr/lib/x.so&pin-source=/pin",
    ):
        assert pkcs11_uri.parse(uri).encode() == uri


def test_a_key_file_is_named_inside_its_folder(tmp_path: Path) -> None:
    location, signer = locations.make_signer(None, tmp_path, TokenAccess(), file_name="a.key.pem", label="a")
    assert locations.open_signer(location, tmp_path, TokenAccess()).public_key == signer.public_key
    with pytest.raises(FormatError, match=r"key\.location"):
        locations.open_signer("../a.key.pem", tmp_path, TokenAccess())
    assert locations.forget_key(location, tmp_path)
    with pytest.raises(DiptychError, match=r"key\.missing"):
        file.read_signer(tmp_path / location)
    assert not locations.forget_key("pkcs11:token=a;object=b", tmp_path)


def test_what_is_sealed_to_a_token_opens_with_it_and_the_seeds_and_with_neither_alone(token: SoftToken) -> None:
    location, outer = locations.make_agreement_key(token.uri, token.access, label="opening")
    assert location == "pkcs11:token=utopia;object=opening"
    inner = hpke.generate_recipient()
    sealed = hpke.seal(hpke.TokenBoundRecipient(outer, inner).public_key, b"half", info=b"record 1")
    again = hpke.TokenBoundRecipient(locations.open_agreement_key(location, token.access), inner)
    assert again.open_sealed(sealed, info=b"record 1") == b"half"
    assert "opening" not in repr(outer)
    with pytest.raises(FormatError, match=r"hpke\.suite"):
        inner.open_sealed(sealed, info=b"record 1")
    with pytest.raises(VerificationError, match=r"hpke\.open"):
        hpke.TokenBoundRecipient(outer, hpke.generate_recipient()).open_sealed(sealed, info=b"record 1")
    _, second = locations.make_agreement_key(token.uri + ";object=opening", token.access, label="other")
    assert second.public_key.public_numbers() == outer.public_key.public_numbers()


def test_a_token_agrees_on_what_software_agrees_on(token: SoftToken) -> None:
    _, held = locations.make_agreement_key(token.uri, token.access, label="opening")
    peer = agreement.SoftwareAgreementKey(signing.generate_signer().private_key())
    assert held.exchange(peer.public_key) == peer.exchange(held.public_key)


def test_a_key_is_for_signing_or_for_agreement_and_not_for_both(token: SoftToken) -> None:
    import pkcs11

    from diptych.adapters.keys.pkcs11 import P256

    with pkcs11.lib(str(token.module)).get_token(token_label="utopia").open(rw=True, user_pin=PIN) as session:
        parameters = session.create_domain_parameters(pkcs11.KeyType.EC, {pkcs11.Attribute.EC_PARAMS: P256}, local=True)
        both = {pkcs11.Attribute.EXTRACTABLE: False, pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.DERIVE: True}
        parameters.generate_keypair(store=True, label="both", private_template=both)
    opening, held = locations.make_agreement_key(token.uri, token.access, label="opening")
    licence, _ = locations.make_signer(token.uri, token.folder, token.access, file_name="x", label="licence")
    with pytest.raises(Refused, match=r"pkcs11\.usage"):
        locations.open_signer(opening, token.folder, token.access).sign(b"message")
    with pytest.raises(Refused, match=r"pkcs11\.usage"):
        locations.open_agreement_key(licence, token.access).exchange(held.public_key)
    with pytest.raises(Refused, match=r"pkcs11\.usage"):
        locations.open_agreement_key(token.uri + ";object=both", token.access).exchange(held.public_key)


def test_no_token_means_no_outer_envelope_and_says_so(token: SoftToken) -> None:
    with pytest.raises(FormatError, match=r"pkcs11\.uri"):
        locations.open_agreement_key("opening.pem", token.access)
    absent = locations.open_agreement_key("pkcs11:token=elsewhere;object=opening", token.access)
    with pytest.raises(Unavailable, match=r"pkcs11\.token"):
        absent.exchange(signing.generate_signer().public_key)
