"""Conducting a ceremony: relay what everyone says, in one order, until it is over or somebody's silence has to end.

What does not verify, or does not fit what was said before, is neither kept nor passed on: the channel only grows, and
one such statement in it would end the ceremony for everyone. The conductor can say nothing in a trustee's name. How
trustees are reached is the caller's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from diptych.crypto.lookup_prf.ceremony import CeremonyFailed, Outcome
from diptych.crypto.signing import PublicKey, Signer, fingerprint
from diptych.errors import DiptychError, Unavailable
from diptych.protocols.ceremony.channel import Channel, Followed, follow, parse_said
from diptych.protocols.ceremony.statements import ROUND_CLOSED, RoundClosed

Ask = Callable[[int, bytes], bytes]
"""Shows the trustee of an index a channel; what it has said. Raises what the trustee said, or `Unavailable`."""


@dataclass(frozen=True)
class Conducted:
    """A ceremony that is over: what came of it, all that was said, and who did not answer, or not with what fits.

    `silent` has the name of the check by index.
    """

    outcome: Outcome
    channel: Channel
    silent: Mapping[int, str]


def conduct(
    channel: Channel, *, ask: Ask, agency: Signer, now: Callable[[], datetime], keep: Callable[[Channel], None]
) -> Conducted:
    """Relay until the ceremony is over. A round in which nobody says anything more is closed without who is missing.

    `keep` gets the channel before anybody is shown more of it: whoever conducts goes on from there after a crash.
    `Unavailable` "ceremony.keys" where a receiver does not even give its key: nothing can begin without it. What
    `crypto/lookup_prf` raises when no key can come of it names who is to blame.
    """
    silent: dict[int, str] = {}
    while True:
        channel, is_new = _relay(channel, ask, silent, keep, agency_key=agency.public_key, now=now())
        followed = _follow(channel, agency.public_key, now())
        if followed.is_done and not is_new:
            assert followed.outcome is not None
            return Conducted(followed.outcome, channel, silent)
        if not is_new:
            channel = _close(channel, followed, agency)


def _relay(
    channel: Channel,
    ask: Ask,
    silent: dict[int, str],
    keep: Callable[[Channel], None],
    *,
    agency_key: PublicKey,
    now: datetime,
) -> tuple[Channel, bool]:
    is_new = False
    for index in channel.call.unverified.participants:
        keep(channel)
        try:
            said = parse_said(ask(index, channel.encode()))
        except DiptychError as error:
            silent[index] = error.check
            continue
        silent.pop(index, None)
        heard = {one.digest for one in channel.said}
        for one in said:
            if one.digest in heard:
                continue  # also if it is signed anew: or it would be new for ever
            longer = replace(channel, said=(*channel.said, one))
            fault = _fault(longer, agency_key, now)
            if fault is not None:
                silent[index] = fault
                continue
            channel, is_new = longer, True
    return channel, is_new


def _fault(channel: Channel, agency_key: PublicKey, now: datetime) -> str | None:
    """The check that the last statement of a channel fails. That no key comes of the ceremony is no fault of it."""
    try:
        _follow(channel, agency_key, now)
    except CeremonyFailed:
        return None
    except DiptychError as error:
        return error.check
    return None


def _close(channel: Channel, followed: Followed, agency: Signer) -> Channel:
    if followed.ceremony is None:
        names = ", ".join(map(str, followed.waits_for))
        raise Unavailable("ceremony.keys", f"these trustees do not take part, and nothing begins without them: {names}")
    closed = RoundClosed(fingerprint(agency.public_key), channel.call.digest, followed.round)
    return replace(channel, said=(*channel.said, ROUND_CLOSED.sign(closed, signer=agency)))


def _follow(channel: Channel, agency_key: PublicKey, now: datetime) -> Followed:
    return follow(channel, agency_key=agency_key, member=None, now=now)
