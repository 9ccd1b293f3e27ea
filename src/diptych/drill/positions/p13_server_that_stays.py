"""Position 13: an agency's server in foreign hands: it keeps all that passes, and then wants the rest."""

from diptych.adapters.canary_search import marks_in
from diptych.drill.attacker.keys import keys_at_rest, keys_in
from diptych.drill.attacker.orders import open_orders
from diptych.drill.loot import Loot
from diptych.drill.ours import Ours
from diptych.drill.position import Position, Words
from diptych.drill.positions import thefts
from diptych.drill.positions.p04_application_server import ISSUER_DATABASE
from diptych.drill.scene import PASSING, Scene
from diptych.drill.town.marks import MARK


def steal(scene: Scene, system: Ours) -> Loot:
    """What passed, and with every key that passed, the stock. Only those who did not come count against the promise."""
    kept = b"\0".join(path.read_bytes() for path in (system.folder / "orders", system.folder / "keys") if path.exists())
    keys = keys_at_rest(system.server_folders)
    for line in kept.splitlines():
        keys |= keys_in(line)
    opened = open_orders(system.folder / "issuer" / ISSUER_DATABASE, keys=keys, tokens=[], cores=scene.cores)
    stored = b"\0".join(path.read_bytes() for path in system.databases if path.is_file())
    read = marks_in(b"\0".join([kept, *opened, stored]), MARK) & system.town.canaries
    came = [person for person in system.town.people if person.number in system.wallets]
    known = frozenset[str]().union(*(person.canaries for person in came))
    readable = [person for person in system.town.people if _own(person.document_number) in read]
    return Loot(len(read), openings=len(readable), beyond=len(read - known))


def _own(document_number: str) -> str:
    return document_number.lower().removeprefix("ut-")


POSITION = Position(
    number=13,
    name=Words("A server in foreign hands, for good", "Un serveur aux mains d'un autre, durablement"),
    takes=Words("all that passes through it from now on", "tout ce qui y passe désormais"),
    promise=Words("those who come meanwhile; not the stock", "ceux qui viennent entre-temps ; pas le stock"),
    plain=thefts.plain_of(thefts.server),
    common=thefts.common_of(thefts.server),
    ours=lambda scene: steal(scene, scene.changed("intruded", redeeming=PASSING)),
    weakened=lambda scene: steal(scene, scene.weakened_sealing()),
    removed=Words("sealing", "le scellement"),
)
