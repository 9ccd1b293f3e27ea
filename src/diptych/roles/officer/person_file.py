"""The file in which an officer writes down who stands at the counter: a civil status, with messages that help."""

from diptych.errors import FormatError
from diptych.formats.civil_status.model import CivilStatus, parse_birth_date
from diptych.formats.civil_status.places import check_code
from diptych.formats.strict_toml import TomlTable, only, parse_table, table_of
from diptych.private import Personal

TEMPLATE = """\
# Who stands at the counter, as on the act of birth. Lines that begin with # are not read.
[civil_status]
family_name = ""            # at birth
given_names = [""]          # all of them, in the order of the act of birth; [] for somebody with one name
# usage_name = ""           # a spouse's or the other parent's name, where it is used
birth_date = ""             # 1987-06-05; 1987-06-00 or 1987-00-00 where day or month are unknown
birth_place = ""            # INSEE code of the commune, or 99 and the country's, at the time of birth
"""

_MEMBERS = ("family_name", "given_names", "usage_name", "birth_date", "birth_place")


def parse_person_file(data: bytes) -> CivilStatus:
    """The civil status in a file, or `FormatError` that says what to mend."""
    table = parse_table(data)
    only(table, ("civil_status",), "a person's file")
    status = table_of(table, "civil_status")
    only(status, _MEMBERS, "civil_status")
    given = status.get("given_names", [])
    if not isinstance(given, list) or not all(isinstance(name, str) and name for name in given):
        raise FormatError("civil_status.given_names", '\'given_names\' is a list of names: ["Marie", "Anne"]')
    usage = _text(status, "usage_name") if "usage_name" in status else None
    place = _text(status, "birth_place")
    check_code(place)
    return CivilStatus(
        Personal(_text(status, "family_name")),
        Personal(tuple(str(name) for name in given)),
        None if usage is None else Personal(usage),
        Personal(parse_birth_date(_text(status, "birth_date"))),
        Personal(place),
    )


def _text(table: TomlTable, name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value.strip():
        raise FormatError(f"civil_status.{name}", f"'{name}' must be given, in double quotes")
    return value
