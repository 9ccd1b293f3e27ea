"""Where a thief can stand: one file for each position of docs/threat-model.md."""

from diptych.drill.position import Position
from diptych.drill.positions import (
    absent,
    p01_database_dump,
    p02_backups_after_erasure,
    p03_logs_and_dumps,
    p04_application_server,
    p05_one_trustee,
    p06_one_too_few,
    p07_all_trustees,
    p08_insider,
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
    sorted(
        [
            absent.NOTIFICATIONS,
            p01_database_dump.POSITION,
            p02_backups_after_erasure.POSITION,
            p03_logs_and_dumps.POSITION,
            p04_application_server.POSITION,
            p05_one_trustee.POSITION,
            p06_one_too_few.POSITION,
            p07_all_trustees.POSITION,
            p08_insider.POSITION,
            p09_recorded_traffic.POSITION,
            p10_stolen_wallet.POSITION,
            p11_pooled_verifiers.POSITION,
            p12_issuer_and_verifiers.POSITION,
            p13_server_that_stays.POSITION,
            p14_log_operator.POSITION,
            p16_number_sweep.POSITION,
            p17_phisher.POSITION,
            p18_leaked_data.POSITION,
            p19_lying_witness.POSITION,
            p20_restored_database.POSITION,
        ],
        key=lambda position: position.number,
    )
)
