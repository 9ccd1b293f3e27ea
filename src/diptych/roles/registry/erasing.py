"""Erasing a record: its tags are dropped, its ciphertext is overwritten, every trustee's statement is logged.

What is kept of the record: id, hash, the labels of acts to come, and the order on which it was erased.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from diptych.crypto.entropy import Entropy
from diptych.errors import Refused
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.officer import Role
from diptych.formats.record.sealed import SEALED_RECORD
from diptych.formats.tlog.act import Act, Detail
from diptych.formats.tlog.entry import ActorClass, ActType
from diptych.private import Personal
from diptych.protocols.depositing.erasure import Deletion, parse_erasure, verify_erasure
from diptych.roles.registry.acts import ACT_ID_BYTES, queue, record_waiting
from diptych.roles.registry.model import StoredRecord
from diptych.roles.registry.service import Registry


def erase(registry: Registry, body: bytes, *, now: datetime, entropy: Entropy) -> None:
    """Erase a record whose masks enough trustees deleted, and have each statement logged on its chain.

    Sent again, with more statements or the same, what is new in it is logged and nothing else.
    """
    erasure = parse_erasure(body)
    order = erasure.order.unverified
    with registry.store.transaction() as state:
        officer = registry.officer_in(state, order.officer, Role.ERASE)
        record, trustees = state.record(order.record_id), state.trustee_set()
        if record is None or trustees is None:
            raise Refused("registry.record", "no such record is here")
        if record.record_hash != order.record_hash:
            raise Refused("erasure.superseded", "the order names another version than the latest")
        verify_erasure(
            erasure,
            officer_key=officer.certificate.officer_key,
            trustees=trustees,
            sealed_to=_sealed_to(record),
            now=now,
        )
        state.drop_tags(record.record_id)
        state.save_record(replace(record, encoded=erasure.order.encode(), is_erased=True))
        for statement in erasure.statements:
            act_id = statement.digest[:ACT_ID_BYTES]
            if state.act(act_id) is None:
                queue(
                    state,
                    _deletion_act(statement, now),
                    record=state.record(order.record_id),
                    policy_hash=registry.log.policy_hash,
                    entropy=entropy,
                    is_shown=False,
                    act_id=act_id,
                )
    record_waiting(registry.store, registry.log)


def erasure_order(registry: Registry, body: bytes, *, now: datetime) -> bytes:
    """The order on which a record was erased, for an officer who asks by its id: to collect what is missing."""
    with registry.store.transaction() as state:
        record = registry.queried(state, body, now=now)
        if not record.is_erased:
            raise Refused("erasure.none", "this record was not erased")
        return record.encoded


def _sealed_to(record: StoredRecord) -> tuple[int, ...]:
    """Whom the record was sealed to; nobody in particular once it is erased, as it was on enough statements."""
    if record.is_erased:
        return ()
    return tuple(slot.index for slot in SEALED_RECORD.parse(record.encoded).unverified.quorum.shares)


def _deletion_act(statement: UnverifiedStatement[Deletion], now: datetime) -> Act:
    details: Personal[Mapping[str, Detail]] = Personal(
        {"record": statement.unverified.record_hash, "statement": statement.digest}
    )
    return Act(ActType.MASK_DELETED, now.date(), ActorClass.REGISTRY, details)
