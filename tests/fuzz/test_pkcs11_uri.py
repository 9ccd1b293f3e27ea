"""Any text: a token's key that is written back to the same meaning, or `FormatError`."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st

from diptych.adapters.keys import pkcs11_uri
from diptych.errors import FormatError

ALPHABET = "pkcs11:token=;object&?%|id-source/modulehvr0123456789ABFé\n "


@given(st.one_of(st.text(), st.text(ALPHABET).map(lambda tail: "pkcs11:token=a;" + tail)))
def test_any_text_parses_or_is_refused(text: str) -> None:
    with contextlib.suppress(FormatError):
        key = pkcs11_uri.parse(text)
        assert pkcs11_uri.parse(key.encode()) == key
