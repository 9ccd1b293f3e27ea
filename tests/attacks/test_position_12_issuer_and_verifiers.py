"""Position 12: verifiers together with an issuer that remembers all it signed."""

from diptych.drill.positions.p12_issuer_and_verifiers import POSITION
from diptych.drill.scene import Scene


def test_an_issuer_recognises_every_copy_that_it_signed(scene: Scene) -> None:
    assert POSITION.weakened(scene).openings == 4


def test_an_issuer_recognises_no_proof(scene: Scene) -> None:
    assert POSITION.ours(scene).openings == 0
