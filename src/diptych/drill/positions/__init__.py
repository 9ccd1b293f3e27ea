"""Where a thief can stand: one file for each position of docs/threat-model.md."""

from diptych.drill.position import Position
from diptych.drill.positions import (
    p01_database_dump,
    p03_logs_and_dumps,
    p04_application_server,
    p09_recorded_traffic,
    p10_stolen_wallet,
    p13_server_that_stays,
)

POSITIONS: tuple[Position, ...] = tuple(
    module.POSITION
    for module in (
        p01_database_dump,
        p03_logs_and_dumps,
        p04_application_server,
        p09_recorded_traffic,
        p10_stolen_wallet,
        p13_server_that_stays,
    )
)
