"""Which months of a retention class are over: once their keys are destroyed, no copy of what they sealed opens."""

import re
from collections.abc import Iterable

from diptych.errors import FormatError

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def periods_before(periods: Iterable[str], *, retention: str, before: str) -> tuple[str, ...]:
    """The periods of this class whose month lies before `before` (YYYY-MM, not itself), oldest first; or `FormatError`.

    `periods` are those of `MonthKeys.periods`: class, dot, month.
    """
    if not _MONTH.fullmatch(before):
        raise FormatError("expiry.month", "a month is written YYYY-MM")
    named = [(period.rpartition(".")[2], period) for period in periods if period.rpartition(".")[0] == retention]
    return tuple(period for month, period in sorted(named) if month < before)
