"""What a trustee allows of lookups, by purpose, out of the file in which a person wrote it."""

from collections.abc import Mapping
from datetime import timedelta

from diptych.errors import FormatError
from diptych.formats.strict_toml import TomlTable, number, only, table_of
from diptych.protocols.lookup.decision import LookupPolicy

MEMBERS = ("lookup",)
MAX_A_DAY = 1_000_000_000


def read_lookup_policies(table: TomlTable, *, waiting_time: timedelta) -> Mapping[str, LookupPolicy]:
    """The policy of each purpose in a file's table, or `FormatError` that says what to mend."""
    purposes = table_of(table, "lookup")
    return {name: _policy(name, table_of(purposes, name), waiting_time) for name in purposes}


def _policy(name: str, table: TomlTable, waiting_time: timedelta) -> LookupPolicy:
    only(table, ("legal_bases", "officer_a_day", "agency_a_day"), f"lookup.{name}")
    bases = table.get("legal_bases")
    if not isinstance(bases, list) or not bases or not all(isinstance(basis, str) for basis in bases):
        raise FormatError("policy.legal_bases", f"'legal_bases' of lookup.{name} lists at least one")
    return LookupPolicy(
        legal_bases=frozenset(str(basis) for basis in bases),
        officer_quota=number(table, "officer_a_day", most=MAX_A_DAY),
        agency_quota=number(table, "agency_a_day", most=MAX_A_DAY),
        waiting_time=waiting_time,
    )
