"""The list of orders to be approved again after a key was lost: a text file that can be written in several goes.

One order id a line, in hexadecimal, lowest first; the first line says which emergency it belongs to. What goes on it is
left to `roles/issuer/emergency`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diptych.errors import Unavailable
from diptych.roles.issuer.emergency import to_approve_again
from diptych.roles.issuer.keyring import Emergency
from diptych.roles.issuer.ports import IssuerStore

FOLDER = "emergencies"


@dataclass(frozen=True)
class ApprovalList:
    """The finished list: where it is, and how many orders are on it."""

    path: Path
    count: int


def write_approval_list(
    folder: Path, store: IssuerStore, emergency: Emergency, progress: Callable[[float, int], None]
) -> ApprovalList:
    """The list of this emergency, whole on return. After a kill, called again, it goes on where it was.

    `progress` is told the share of the orders looked at, and how many are on the list.
    """
    path = folder / FOLDER / f"{emergency.lost_at:%Y-%m-%dT%H%M%SZ}.txt"
    head = (
        f"# orders to be approved again: keys lost {emergency.lost_at:%Y-%m-%d}, types {' '.join(emergency.type_ids)},"
        f" signed since {emergency.signed_since:%Y-%m-%d}, living {emergency.documents_live_days} days\n"
    ).encode()
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            written = file.read()
            # Whole lines of this very emergency are kept; half a line, or another's list, is not.
            kept = written[: written.rfind(b"\n") + 1] if written.startswith(head) else head
            file.seek(0)
            file.write(kept)
            file.truncate()
            ids = kept.split()[len(head.split()) :]
            count = len(ids)
            for page in to_approve_again(store, emergency, after=bytes.fromhex(ids[-1].decode()) if ids else b""):
                file.write(b"".join(order_id.hex().encode() + b"\n" for order_id in page.to_approve))
                file.flush()
                os.fsync(file.fileno())
                count += len(page.to_approve)
                progress(page.share, count)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unavailable("issuer.approval_list", f"the list cannot be written: {error.strerror}") from error
    return ApprovalList(path, count)
