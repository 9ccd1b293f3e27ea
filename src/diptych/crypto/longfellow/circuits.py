"""The circuits accepted here: an allow-list pinned by SHA-256, each with a date after which it is refused.

Soundness bugs in circuits have happened; a date makes somebody look again. The library loads any bytes it is given
under any version, so `native.load` checks the pin. Where the bytes come from is left to `adapters/provers`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from diptych.errors import Refused, VerificationError

SYSTEM = "longfellow-libzk-v1"
PREFERRED_VERSION = 7

_V7_ACCEPTED_UNTIL = datetime(2027, 12, 31, 23, 59, 59, tzinfo=UTC)
_V6_ACCEPTED_UNTIL = datetime(2027, 6, 30, 23, 59, 59, tzinfo=UTC)


@dataclass(frozen=True)
class Circuit:
    """One circuit: what it proves, what it is called on the wire, and which bytes it is.

    `circuit_hash`, `block_enc_hash` and `block_enc_sig` are the library's own parameters, sent in `zkSystemSpec`;
    `sha256` is the digest of the compressed file, pinned by us.
    """

    version: int
    attributes: int
    circuit_hash: str
    block_enc_hash: int
    block_enc_sig: int
    sha256: str
    accepted_until: datetime

    @property
    def zk_system_id(self) -> str:
        """The name on the wire (ISO 18013-5 second edition, 10.2.7): the circuit hash, as the library advises."""
        return self.circuit_hash

    @property
    def file_name(self) -> str:
        """The file in which circuits are distributed."""
        return f"google-v{self.version}-{self.attributes}attr.circuit"


CIRCUITS: tuple[Circuit, ...] = (
    Circuit(
        version=7,
        attributes=1,
        circuit_hash="8d079211715200ff06c5109639245502bfe94aa869908d31176aae4016182121",
        block_enc_hash=4151,
        block_enc_sig=4096,
        sha256="9016d173d8a579a104591b85826798bfbb03eafa7b376ad18c5344eab3a92769",
        accepted_until=_V7_ACCEPTED_UNTIL,
    ),
    Circuit(
        version=7,
        attributes=2,
        circuit_hash="6a5810683e62b6d7766ebd0d7ca72518a2b8325418142adcadb10d51dbbcd5ad",
        block_enc_hash=4265,
        block_enc_sig=4096,
        sha256="deb83076b7300d94f18e287e3fe4705823074979165ad08645c97a93c0363968",
        accepted_until=_V7_ACCEPTED_UNTIL,
    ),
    Circuit(
        version=7,
        attributes=3,
        circuit_hash="8ee4849ae1293ae6fe5f9082ce3e5e15c4f198f2998c682fa1b727237d6d252f",
        block_enc_hash=4307,
        block_enc_sig=4096,
        sha256="25fb28acd806a15b88538ee612f0da47bf29e6dcb0803f2c268c87f3f224b968",
        accepted_until=_V7_ACCEPTED_UNTIL,
    ),
    Circuit(
        version=7,
        attributes=4,
        circuit_hash="5aebdaaafe17296a3ef3ca6c80c6e7505e09291897c39700410a365fb278e460",
        block_enc_hash=4415,
        block_enc_sig=4096,
        sha256="3a979b6e6a7df8e9404b2293d60c3277d3ba2a1846baa82e5fad75cbe3bbc76b",
        accepted_until=_V7_ACCEPTED_UNTIL,
    ),
    Circuit(
        version=6,
        attributes=1,
        circuit_hash="137e5a75ce72735a37c8a72da1a8a0a5df8d13365c2ae3d2c2bd6a0e7197c7c6",
        block_enc_hash=4096,
        block_enc_sig=2945,
        sha256="12050d8baaa37eb8225a3dcf5cb6139a0ccd4fa63a0e0ac2555ecb4810ada8a3",
        accepted_until=_V6_ACCEPTED_UNTIL,
    ),
    Circuit(
        version=6,
        attributes=2,
        circuit_hash="b4bb6f01b7043f4f51d8302a30b36e3d4d2d0efc3c24557ab9212ad524a9764e",
        block_enc_hash=4025,
        block_enc_sig=2945,
        sha256="0185b762cffb3f50fa587f9be30cd93e7db0cd27be3e85d5688c1733ac7be6b9",
        accepted_until=_V6_ACCEPTED_UNTIL,
    ),
    Circuit(
        version=6,
        attributes=3,
        circuit_hash="b2211223b954b34a1081e3fbf71b8ea2de28efc888b4be510f532d6ba76c2010",
        block_enc_hash=4121,
        block_enc_sig=2945,
        sha256="e818e1cca16b6bc2e81963e673ae490bb42b3a61425d04c8e9b79d0294ec3917",
        accepted_until=_V6_ACCEPTED_UNTIL,
    ),
    Circuit(
        version=6,
        attributes=4,
        circuit_hash="c70b5f44a1365c53847eb8948ad5b4fdc224251a2bc02d958c84c862823c49d6",
        block_enc_hash=4283,
        block_enc_sig=2945,
        sha256="dc6562eecfcfacca665ae4baa23cfa472074f1de17f0f6fe7376b676006b05ea",
        accepted_until=_V6_ACCEPTED_UNTIL,
    ),
)


def accepted_circuits(attributes: int, *, now: datetime) -> tuple[Circuit, ...]:
    """The circuits for that many attributes that are accepted at `now`, preferred first. What a request offers."""
    return tuple(circuit for circuit in CIRCUITS if circuit.attributes == attributes and now <= circuit.accepted_until)


def circuit_for(attributes: int, *, now: datetime, version: int = PREFERRED_VERSION) -> Circuit:
    """The accepted circuit of that version for that many attributes; `Refused` if there is none."""
    for circuit in accepted_circuits(attributes, now=now):
        if circuit.version == version:
            return circuit
    raise Refused("zk.circuit", f"no accepted circuit of version {version} proves {attributes} attributes")


def circuit_by_id(zk_system_id: str, *, now: datetime) -> Circuit:
    """The circuit with that name on the wire, once it stands in the list and its date has not passed."""
    for circuit in CIRCUITS:
        if circuit.zk_system_id == zk_system_id:
            if now > circuit.accepted_until:
                raise VerificationError("zk.circuit_expired", "the proof's circuit is no longer accepted")
            return circuit
    raise VerificationError("zk.circuit_unknown", "the proof's circuit is not in the list of accepted circuits")
