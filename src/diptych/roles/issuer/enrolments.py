"""Whether what the fast suite signed under an order stands: the next epoch has its tokens, or leaves them out.

Signing is left to `proving`, publishing to `epochs`; who says so, and when it is in force, to `standings`.
"""

from dataclasses import replace

from diptych.roles.issuer.ports import IssuerTransaction


def mark_enrolments(state: IssuerTransaction, order_id: bytes, *, is_revoked: bool) -> int:
    """Whether the next epochs leave out what was signed under this order; for how many that is new. Twice is once."""
    found = [one for one in state.enrolments(order_id) if one.is_revoked != is_revoked]
    for one in found:
        state.save_enrolment(replace(one, is_revoked=is_revoked))
    return len(found)
