"""Label chains: the names under which one subject's acts are found, linked for whoever holds an element, for no other.

A one-way chain `c_0, c_1, …` per subject; act i carries a label made from `c_i`. Whoever holds `c_i` can name every
label from i on and none before. Who keeps which element is left to the roles (docs/spec/acts.md, "Labels").
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from diptych.crypto import sealing
from diptych.crypto.entropy import Entropy
from diptych.errors import FormatError
from diptych.private import Secret

ELEMENT_BYTES = 32
MAX_COUNTER = 2**32 - 1

_DERIVED = b"diptych label chain 1"


@dataclass(frozen=True)
class ChainElement:
    """`c_i` with its i: a secret, and the right to find every later act about its subject."""

    secret: Secret
    counter: int = 0

    def __post_init__(self) -> None:
        if len(self.secret) != ELEMENT_BYTES or not 0 <= self.counter <= MAX_COUNTER:
            raise FormatError("tlog.label.element", f"a chain element is {ELEMENT_BYTES} bytes and a counter")

    @property
    def label(self) -> bytes:
        """`label_i`, public once it stands in the log."""
        return _hash(b"label", self.secret)

    @property
    def sealing_key(self) -> Secret:
        """The key under which the writer keeps the i-th act: it forgets it with `c_i`, and `c_0` leads to it again."""
        return Secret(_hash(b"act", self.secret))

    @property
    def asking(self) -> Secret:
        """What shows the writer that whoever asks about the i-th act has `c_i`: the writer kept its hash, and no `c_i`.

        The label would not do: everybody reads it in the log.
        """
        return Secret(_hash(b"ask", self.secret))

    def next(self) -> "ChainElement":
        """`c_{i+1}`. Whoever keeps it and forgets this one can no longer name this one's label."""
        return ChainElement(Secret(_hash(b"next", self.secret)), self.counter + 1)

    def at(self, counter: int) -> "ChainElement":
        """`c_counter`, hashed forward; `FormatError` for an earlier one, which nobody can compute."""
        if counter < self.counter:
            raise FormatError("tlog.label.counter", "a chain runs forward only")
        element = self
        while element.counter < counter:
            element = element.next()
        return element

    def forward(self) -> Iterator["ChainElement"]:
        """This element and all that follow."""
        element = self
        while element.counter < MAX_COUNTER:
            yield element
            element = element.next()


def new_chain(entropy: Entropy) -> ChainElement:
    """A fresh `c_0`."""
    return ChainElement(Secret(entropy(ELEMENT_BYTES)))


def derived_chain(key: Secret, *, subject: bytes) -> ChainElement:
    """The `c_0` of a subject with a key of its own: for a writer that has this key only while the subject is there.

    HKDF-SHA256 (RFC 5869), salt `subject`.
    """
    return ChainElement(sealing.derive(key, salt=subject, info=_DERIVED))


def asked_by(asking: Secret) -> bytes:
    """The hash of `ChainElement.asking`, by which a writer finds the act and can ask nobody."""
    return hashlib.sha256(b"diptych label chain 1\nasked\n" + asking.reveal()).digest()


def _hash(purpose: bytes, element: Secret) -> bytes:
    return hashlib.sha256(b"diptych label chain 1\n" + purpose + b"\n" + element.reveal()).digest()
