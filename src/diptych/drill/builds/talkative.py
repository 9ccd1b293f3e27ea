"""Removed: the journal's closed words. A debug line says what was issued, as a hurried developer would have it."""

import sys

from diptych.formats.order import sealed

_open_part = sealed.open_part


def change() -> None:
    """Everything that is opened is also said on stderr."""
    from diptych.roles.issuer import service

    def open_part(*arguments: object, **named: object) -> object:
        documents = _open_part(*arguments, **named)  # type: ignore[arg-type]
        for document in documents:
            values = {name: value.reveal() for name, value in document.attributes.items()}
            sys.stderr.write(f"DEBUG issuing {document.type_id} {values!r}\n")
        sys.stderr.flush()
        return documents

    setattr(service, "open_part", open_part)  # noqa: B010  # the name that the service calls
