"""A role's state in the log: recognised by the role that forgot it, and by nobody for another's."""

import hashlib
from datetime import date, timedelta

import pytest

from diptych.errors import FormatError, Refused
from diptych.formats.tlog.act import parse_act
from diptych.formats.tlog.entry import ActorClass, ActType, Entry
from diptych.formats.tlog.role_state import LOOK_AHEAD, RoleState, check_not_restored, latest_state

DAY = date(2026, 11, 28)
WRITER, OTHER = hashlib.sha256(b"issuer").digest(), hashlib.sha256(b"another").digest()
STATE = RoleState(ActorClass.ISSUER, WRITER, 7)


def recorded(state: RoleState, day: date = DAY) -> bytes:
    return state.entry(day=day, policy_hash=bytes(32)).encode()


def test_the_act_of_a_state_is_what_the_specification_says() -> None:
    digest = hashlib.sha256(b"diptych role state 1\n" + WRITER + (7).to_bytes(8, "big")).digest()
    act = bytes.fromhex("850108") + b"\xd9\x03\xec\x6a2026-11-28" + b"\x03\xa3"
    act += b"\x64role\x66issuer" + b"\x65state\x58\x20" + digest + b"\x67counter\x07"
    parse_act(act)
    entry = STATE.entry(day=DAY, policy_hash=bytes(32))
    assert entry.commitment == hashlib.sha256(bytes(32) + act).digest()
    assert (entry.act_type, entry.actor, entry.label) == (ActType.ROLE_STATE, ActorClass.ISSUER, bytes(32))


@pytest.mark.parametrize("ahead", [1, 2, LOOK_AHEAD])
def test_a_later_state_of_ones_own_is_recognised_whatever_its_day(ahead: int) -> None:
    later = recorded(STATE.next(ahead), DAY + timedelta(days=3 * ahead))
    latest = latest_state(STATE, [recorded(STATE), later])
    assert latest == STATE.next(ahead)
    with pytest.raises(Refused) as refused:
        check_not_restored(STATE, latest)
    assert refused.value.check == "role.rolled_back"


def test_the_latest_of_many_is_found() -> None:
    states = [STATE.next(ahead) for ahead in range(1, 3 * LOOK_AHEAD)]
    assert latest_state(STATE, map(recorded, states)) == states[-1]


def test_ones_own_past_other_roles_and_other_acts_stop_nobody() -> None:
    other = Entry(ActType.KEY_CEREMONY, DAY, ActorClass.ISSUER, bytes(32), bytes(32), bytes(32))
    states = [STATE, RoleState(ActorClass.ISSUER, WRITER, 6), RoleState(ActorClass.ISSUER, OTHER, 8)]
    states.append(RoleState(ActorClass.REGISTRY, WRITER, 8))
    latest = latest_state(STATE, [other.encode(), *map(recorded, states)])
    assert latest == STATE
    check_not_restored(STATE, latest)


def test_a_state_is_a_fingerprint_and_a_count() -> None:
    for writer, counter in ((bytes(31), 0), (WRITER, -1), (WRITER, 2**63)):
        with pytest.raises(FormatError):
            RoleState(ActorClass.ISSUER, writer, counter)
