"""What a holder asks before it answers opening requests, out of the file in which a person wrote it.

Whose log and courts these are lies in files beside it, and is handed in.
"""

from collections.abc import Mapping
from datetime import timedelta

from diptych.crypto.signing import PublicKey, fingerprint
from diptych.errors import FormatError
from diptych.formats.mandate.officer import Role
from diptych.formats.strict_toml import TomlTable, day, number, only, switch, table_of
from diptych.formats.tlog.policy import Policy
from diptych.protocols.opening.policy import HolderPolicy, LegalBasis

MEMBERS = ("waiting_hours", "request_minutes", "delay_minutes", "openings_a_day", "audit", "legal_basis")
MAX_A_DAY = 1_000_000_000

_BASIS_MEMBERS = ("since", "until", "role", "citizens_own", "approval", "courts", "max_deferral_days")


def read_holder_policy(table: TomlTable, *, log: Policy, courts: Mapping[str, PublicKey]) -> HolderPolicy:
    """The policy in a file's table, or `FormatError` that says what to mend. `courts` are keys, by file name."""
    quotas, audit = table_of(table, "openings_a_day"), table_of(table, "audit")
    only(quotas, ("officer", "agency"), "openings_a_day")
    only(audit, ("since", "grace_days"), "audit")
    bases = table_of(table, "legal_basis")
    return HolderPolicy(
        log=log,
        legal_bases={name: _basis(name, table_of(bases, name), courts) for name in bases},
        officer_quota=number(quotas, "officer", most=MAX_A_DAY),
        agency_quota=number(quotas, "agency", most=MAX_A_DAY),
        audit_since=day(audit, "since"),
        audit_grace=timedelta(days=number(audit, "grace_days", most=365, least=0)),
        waiting_time=timedelta(hours=number(table, "waiting_hours", most=24 * 365, least=0)),
        lifetime=timedelta(minutes=number(table, "request_minutes", most=24 * 60)),
        max_delay=timedelta(minutes=number(table, "delay_minutes", most=24 * 60)),
    )


def _basis(name: str, table: TomlTable, courts: Mapping[str, PublicKey]) -> LegalBasis:
    only(table, _BASIS_MEMBERS, f"legal_basis.{name}")
    named = table.get("courts", [])
    if not isinstance(named, list) or not all(isinstance(court, str) and court in courts for court in named):
        raise FormatError("policy.courts", f"'courts' of {name} names files in courts/, without .pem")
    role = table.get("role", Role.OPEN.value)
    if role not in [each.value for each in Role]:
        raise FormatError("policy.role", f"'role' of {name} is one of {', '.join(Role)}")
    keys = [courts[court] for court in named if isinstance(court, str)]
    return LegalBasis(
        since=day(table, "since"),
        until=day(table, "until") if "until" in table else None,
        role=Role(str(role)),
        courts={fingerprint(key): key for key in keys},
        max_deferral=timedelta(days=number(table, "max_deferral_days", most=3660, least=0, default=0)),
        is_citizens_own=switch(table, "citizens_own"),
        needs_approval=switch(table, "approval"),
    )
