"""The register's index: for each person a tag, under a key that the trustees share and a pepper that the agency has.

The key is dealt here and not made in a ceremony, which nobody can tell from the shares afterwards; tags are computed
with the whole key, which gives what three trustees' answers give. What a tag is made of is the workstation's own code.
"""

import os

from diptych.crypto.bls12381 import encode_scalar, hash_to_g1, random_scalars
from diptych.crypto.lookup_prf import KeyShare, tag
from diptych.crypto.lookup_prf.evaluation import domain_tag
from diptych.crypto.lookup_prf.polynomials import evaluate
from diptych.crypto.lookup_prf.tags import derive
from diptych.formats.civil_status.inputs import lookup_inputs
from diptych.formats.civil_status.model import CivilStatus
from diptych.formats.civil_status.places import Places
from diptych.private import Personal, Secret

PURPOSE = "identity"
GENERATION = 1


def deal(threshold: int, count: int) -> tuple[int, dict[int, KeyShare]]:
    """A key, and a share for each of 1 to `count`, of which `threshold` give it."""
    coefficients = random_scalars(threshold, os.urandom)
    shares = {
        index: KeyShare(PURPOSE, GENERATION, index, Secret(encode_scalar(evaluate(coefficients, index))))
        for index in range(1, count + 1)
    }
    return coefficients[0], shares


def input_of(status: CivilStatus) -> Personal[bytes]:
    """The first of a person's inputs: family name, first given name, birth date, birth place."""
    return lookup_inputs(status, places=Places())[0]


def value_of(source: Personal[bytes], key: int) -> Secret:
    """What leaves the workstation for a person under this key."""
    point = hash_to_g1(source.reveal(), domain_tag(PURPOSE)) * key
    return derive(Secret(point.encode()), purpose=PURPOSE, source=source)


def tag_of(value: Secret, pepper: Secret) -> bytes:
    """What the registry has of it."""
    return tag(pepper, value)
