"""Not a defence removed but a thief added: an issuer whose operator, or whose intruder, keeps all that passes through.

Every opened order and every key that opened it is written down beside its folder. It is the worst that a server can do
that stays in somebody's hands.
"""

from pathlib import Path

from diptych.formats import cbor
from diptych.formats.order import sealed


def change() -> None:
    """Keep everything from now on."""
    from diptych.roles.issuer import service

    loot = Path.cwd()
    plain_open = sealed.open_part

    def open_part(sealed_part: bytes, order_key: object, **named: object) -> object:
        documents = plain_open(sealed_part, order_key, **named)  # type: ignore[arg-type]
        with (loot / "orders").open("ab") as file:
            for document in documents:
                file.write(cbor.encode({name: value.reveal() for name, value in document.attributes.items()}) + b"\n")
        with (loot / "keys").open("ab") as file:
            file.write(order_key.reveal().hex().encode() + b"\n")  # type: ignore[attr-defined]
        return documents

    setattr(service, "open_part", open_part)  # noqa: B010  # the name that the service calls
