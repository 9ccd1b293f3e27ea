"""Position 16: somebody with a valid session asks for every number there is: the theft of April 2026.

Every described endpoint of the running servers is asked for what belongs to others. And, because a sweep wins only
where a check was forgotten, the forgotten check is put in: a changed issuer answers whatever row is asked for.
"""

import httpx

from diptych.drill.loot import Loot
from diptych.drill.ours import Ours
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.scene import PASSING, Scene

METHODS = ("get", "post")
MOST_IDS = 3


def sweep(scene: Scene) -> Loot:
    """Both."""
    running, forgetting = described(scene, scene.ours), forgotten(scene, scene.changed("intruded", redeeming=PASSING))
    return Loot(running.canaries + forgetting.canaries, openings=running.openings + forgetting.openings)


def described(scene: Scene, system: Ours) -> Loot:
    """Every endpoint of every server, with ids of other people's rows wherever a path or a query takes one."""
    ids = [key.hex() for key in list(system.truth)[:MOST_IDS]] + [str(number) for number in range(1, 1 + MOST_IDS)]
    found = b""
    with httpx.Client(trust_env=False, timeout=30) as session:
        for url in system.urls:
            description = session.get(f"{url}/openapi.json")
            paths = description.json().get("paths", {}) if description.is_success else {}
            for path, operations in paths.items():
                for method in set(METHODS) & set(operations):
                    for one in ids:
                        filled = "/".join(one if part.startswith("{") else part for part in path.split("/"))
                        found += b"\0" + session.request(method, url + filled, params={"id": one}).content
    return Loot(scene.canaries_of(system.town, found))


def forgotten(scene: Scene, system: Ours) -> Loot:
    """The forgotten check: whatever number is asked for is answered."""
    (url,) = system.urls
    with httpx.Client(trust_env=False, timeout=30) as session:
        answers = [session.get(f"{url}/stored-orders/{number}") for number in range(1, 1 + len(system.town.people))]
    assert all(answer.is_success for answer in answers)
    read = [scene.canaries_of(system.town, answer.content) for answer in answers]
    return Loot(
        scene.canaries_of(system.town, b"\0".join(one.content for one in answers)), openings=sum(map(bool, read))
    )


POSITION = Position(
    number=16,
    name=Words("A sweep over every number", "Le balayage de tous les numéros"),
    takes=Words("a valid session, and a forgotten check", "une session valide, et un contrôle oublié"),
    promise=Words("nobody else's record", "le dossier de personne d'autre"),
    plain=thefts.plain_of(thefts.sweep),
    common=thefts.common_of(thefts.sweep),
    ours=sweep,
    weakened=lambda scene: forgotten(scene, scene.weakened_sealing()),
    removed=Words("sealing", "le scellement"),
)
