"""Where a thief can stand: one file for each position of docs/threat-model.md."""

from diptych.drill.position import Position
from diptych.drill.positions import (
    p01_database_dump,
    p03_logs_and_dumps,
    p04_application_server,
    p09_recorded_traffic,
    p10_stolen_wallet,
    p11_pooled_verifiers,
    p12_issuer_and_verifiers,
    p13_server_that_stays,
    p14_log_operator,
    p16_number_sweep,
    p17_phisher,
    p18_leaked_data,
    p19_lying_witness,
    p20_restored_database,
)

POSITIONS: tuple[Position, ...] = tuple(
    module.POSITION
    for module in (
        p01_database_dump,
        p03_logs_and_dumps,
        p04_application_server,
        p09_recorded_traffic,
        p10_stolen_wallet,
        p11_pooled_verifiers,
        p12_issuer_and_verifiers,
        p13_server_that_stays,
        p14_log_operator,
        p16_number_sweep,
        p17_phisher,
        p18_leaked_data,
        p19_lying_witness,
        p20_restored_database,
    )
)
