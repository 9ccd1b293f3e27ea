"""The two implementations of Longfellow, and which of them proves what. Each verifies the other's proofs.

Neither is called from here: that is `native`.
"""

from enum import Enum


class Engine(Enum):
    """An implementation, under the library's own name."""

    GOOGLE_CPP = "google-cpp"
    ISRG_RUST = "isrg-rust"


# google-cpp proves from documents in these namespaces alone (its kSupportedNamespaces); it verifies any.
GOOGLE_CPP_NAMESPACES = frozenset(
    {
        "org.iso.18013.5.1",
        "org.iso.18013.5.1.aamva",
        "eu.europa.ec.av.1",
        "eu.europa.ec.eudi.pid.1",
        "org.iso.23220.1",
        "org.iso.23220.photoID.1",
        "org.iso.23220.dtc.1",
    }
)


def engine_to_prove(namespace: str) -> Engine:
    """The faster engine that can prove from documents in this namespace."""
    return Engine.GOOGLE_CPP if namespace in GOOGLE_CPP_NAMESPACES else Engine.ISRG_RUST
