"""The bench of the fast suite measures what it says: it runs, and its size is the promised one."""

from diptych.cli.bench_fast_suite import Job, measure


def test_the_job_proves_and_verifies_within_its_size() -> None:
    result = measure(rounds=1)
    assert result.bytes <= 1_500
    assert 0.5 < result.native_share < 1
    assert result.prove.low <= result.prove_ms <= result.prove.high


def test_the_job_has_twenty_messages_of_which_eighteen_are_hidden() -> None:
    job = Job()
    unverified = job.unverified()
    job.check(unverified)
    points, scalars = 12, 18 + 1 + 3 + 1 + 3  # hidden, the blind, r1 e r3, the upper digit, one rho for each token
    assert len(unverified.presentation) == 48 * points + 32 * scalars
