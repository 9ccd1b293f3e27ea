"""Erasing a record: every trustee deletes its masks and says so, then the registry overwrites what it has."""

from datetime import datetime

from diptych.errors import DiptychError, Refused, VerificationError
from diptych.formats.cose.statement import UnverifiedStatement
from diptych.formats.mandate.trustee_set import TrusteeSet
from diptych.private import Personal
from diptych.protocols.depositing.deposit import (
    RecordVersion,
)
from diptych.protocols.depositing.erasure import (
    DELETION,
    ERASURE_ORDER,
    Deletion,
    Erasure,
    ErasureOrder,
    least_deletions,
    verify_deletion,
)
from diptych.protocols.enrolling.query import RECORD_QUERY, RecordQuery
from diptych.roles.officer.counter import Erased
from diptych.roles.officer.desk import Desk, expect, indices, names


def erase(desk: Desk, record_id: bytes, *, legal_basis: str, case: str, now: datetime) -> Erased:
    """Let a record die: every trustee deletes its masks and says so, the registry overwrites it and has it logged.

    `Refused` "erasure.too_few" below `least_deletions` statements: the registry still has it then. Of a record that was
    erased, this asks again whoever was away: on the same order, if it was this officer's.
    """
    now, trustees = now.replace(microsecond=0), desk.trustees(now)
    order, sealed_to = _erasure_order(desk, record_id, trustees, legal_basis=legal_basis, case=case, now=now)
    least = least_deletions(trustees, sealed_to)
    if least > len(trustees.trustees):
        raise Refused("erasure.replaced", "too many trustees were replaced since: correct the record, then erase it")
    statements: dict[int, UnverifiedStatement[Deletion]] = {}
    named: dict[int, str] = {}
    bodies = dict.fromkeys(indices(trustees), order.encode())
    for trustee, answer in desk.ask(trustees.trustees, "erasures", bodies):
        try:
            statement = DELETION.parse(expect(answer))
            verify_deletion(statement, trustee_key=trustee.signer, expected_order=order, now=now)
        except DiptychError as error:
            named[trustee.index] = error.check
        else:
            statements[trustee.index] = statement
    if len(statements) < least:
        raise Refused("erasure.too_few", f"not erased, too few trustees deleted it: {names(named, trustees)}")
    ordered = {one.name: statements[one.index] for one in trustees.trustees if one.index in statements}
    desk.registry.send("erasures", Erasure(order, tuple(ordered.values())).encode())
    return Erased(order, ordered, named)


def _erasure_order(
    desk: Desk, record_id: bytes, trustees: TrusteeSet, *, legal_basis: str, case: str, now: datetime
) -> tuple[UnverifiedStatement[ErasureOrder], tuple[int, ...]]:
    """The order, and whom the record was sealed to, as far as that still matters."""
    sealed_to: tuple[int, ...] = ()
    try:
        record = desk.fetch(record_id, trustees, now)
        record_hash = RecordVersion.of(record).record_hash
        sealed_to = tuple(slot.index for slot in record.unverified.quorum.shares)
    except Refused as refused:
        if refused.check != "registry.erased":
            raise
        query = RECORD_QUERY.sign(RecordQuery(desk.own, record_id, now), signer=desk.signer)
        earlier = ERASURE_ORDER.parse(desk.registry.send("erasure-orders", query.encode()))
        if earlier.unverified.record_id != record_id:
            raise VerificationError("record.id", "the registry gives another record than was asked for") from None
        if earlier.unverified.officer == desk.own:
            return earlier, sealed_to
        record_hash = earlier.unverified.record_hash
    order = ErasureOrder(desk.own, record_id, record_hash, legal_basis, Personal(case), now)
    return ERASURE_ORDER.sign(order, signer=desk.signer), sealed_to
