"""k helpers give a spare its share; nobody holds the secret, a lie is found, and no honest helper is ever named."""

import os
from itertools import combinations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diptych.crypto import share_recovery, sharing
from diptych.errors import Conflict, FormatError, Refused, VerificationError
from diptych.private import Secret

TRUSTEES, SPARE, THRESHOLD = (1, 2, 3, 4, 5), 6, 3
CONTEXT = b"record 1, epoch 1, share 6"
SHARES = sharing.split(Secret(bytes(range(32))), threshold=THRESHOLD, indices=(*TRUSTEES, SPARE), entropy=os.urandom)
PUBLISHED = sharing.share_hash(SHARES[SPARE], context=CONTEXT)
FALSE = Secret(bytes(32))


def pieces_of(helper: int, helpers: tuple[int, ...], share: Secret | None = None) -> dict[int, Secret]:
    return dict(
        share_recovery.contribute(
            share or SHARES[helper],
            index=helper,
            target=SPARE,
            helpers=helpers,
            threshold=THRESHOLD,
            entropy=os.urandom,
        )
    )


def run(helpers: tuple[int, ...], *, liar: int | None = None, how: str = "") -> Secret:
    """One run; `liar` uses a false share, sends a false piece to the first helper, or a false sum."""
    pieces = {
        helper: pieces_of(helper, helpers, FALSE if (helper, how) == (liar, "share") else None) for helper in helpers
    }
    if how == "piece" and liar is not None:
        pieces[liar][helpers[0]] = FALSE
    sums = {to: share_recovery.add_pieces({of: pieces[of][to] for of in helpers}, helpers=helpers) for to in helpers}
    if how == "sum" and liar is not None:
        sums[liar] = FALSE
    return assemble(sums, helpers)


def assemble(sums: dict[int, Secret], helpers: tuple[int, ...]) -> Secret:
    return share_recovery.assemble(
        sums, target=SPARE, helpers=helpers, threshold=THRESHOLD, expected_hash=PUBLISHED, context=CONTEXT
    )


def test_any_three_helpers_give_the_spare_its_share() -> None:
    for helpers in combinations(TRUSTEES, THRESHOLD):
        assert run(helpers) == SHARES[SPARE]


@pytest.mark.parametrize(("position", "how"), list(product(range(3), ("share", "piece", "sum"))))
def test_a_liar_at_every_position_and_in_every_way_is_noticed(position: int, how: str) -> None:
    with pytest.raises(VerificationError, match=r"recovery\.share"):
        run((1, 3, 5), liar=(1, 3, 5)[position], how=how)


def test_what_the_replacement_sees_is_uniform_but_for_its_own_share() -> None:
    # Whatever two of the sums are, other masks of one honest helper give them: they say nothing about any share.
    helpers = (1, 2, 3)
    pieces = {helper: pieces_of(helper, helpers) for helper in helpers}
    wanted = {1: Secret(os.urandom(32)), 2: Secret(os.urandom(32))}
    others = {to: [pieces[of][to].reveal() for of in (1, 2)] for to in helpers}
    mask = b"".join(bytes(w ^ a ^ b for w, a, b in zip(wanted[to].reveal(), *others[to], strict=True)) for to in (1, 2))
    pieces[3] = dict(
        share_recovery.contribute(
            SHARES[3], index=3, target=SPARE, helpers=helpers, threshold=3, entropy=lambda count: mask[:count]
        )
    )
    sums = {to: share_recovery.add_pieces({of: pieces[of][to] for of in helpers}, helpers=helpers) for to in helpers}
    assert (sums[1], sums[2]) == (wanted[1], wanted[2])
    assert assemble(sums, helpers) == SHARES[SPARE]


def test_pieces_are_made_of_fresh_masks_each_time() -> None:
    first, second = pieces_of(1, (1, 2, 3)), pieces_of(1, (1, 2, 3))
    assert all(first[helper] != second[helper] for helper in (1, 2, 3))


def test_a_sum_or_share_is_not_made_while_a_part_is_missing() -> None:
    helpers = (1, 2, 3)
    pieces = {of: pieces_of(of, helpers)[1] for of in helpers}
    for wrong in ({1: pieces[1], 2: pieces[2]}, {**pieces, 4: FALSE}):
        with pytest.raises(Conflict, match=r"recovery\.pieces"):
            share_recovery.add_pieces(wrong, helpers=helpers)
    with pytest.raises(Conflict, match=r"recovery\.sums"):
        assemble({1: FALSE, 2: FALSE}, helpers)


def test_a_run_of_other_helpers_than_the_threshold_is_refused() -> None:
    for helpers in ((1, 2), (1, 2, 3, 4), (1, 1, 2), (0, 1, 2), (1, 2, SPARE)):
        with pytest.raises(FormatError, match=r"recovery\.helpers|sharing\.index"):
            pieces_of(1, helpers)
    with pytest.raises(FormatError, match=r"recovery\.helper\b"):
        pieces_of(4, (1, 2, 3))
    with pytest.raises(FormatError, match=r"sharing\.share"):
        share_recovery.add_pieces({1: FALSE, 2: FALSE, 3: Secret(b"")}, helpers=(1, 2, 3))
    with pytest.raises(ValueError, match="entropy"):
        share_recovery.contribute(
            SHARES[1], index=1, target=SPARE, helpers=(1, 2, 3), threshold=3, entropy=lambda count: b""
        )


def test_one_liar_is_named_by_two_failed_runs_that_share_only_it() -> None:
    for liar in TRUSTEES:
        others = [trustee for trustee in TRUSTEES if trustee != liar]
        failed = []
        for pair in (others[:2], others[2:]):
            helpers = tuple(sorted((liar, *pair)))
            with pytest.raises(VerificationError, match=r"recovery\.share"):
                run(helpers, liar=liar, how="share")
            failed.append(helpers)
        assert share_recovery.named_liars(failed[:1], at_most=1) == frozenset()
        assert share_recovery.named_liars(failed, at_most=1) == {liar}


def test_two_failed_runs_without_a_common_helper_are_the_work_of_two() -> None:
    with pytest.raises(Refused, match=r"recovery\.too_many_liars"):
        share_recovery.named_liars([(1, 2, 3), (4, 5, 6)], at_most=1)
    assert share_recovery.named_liars([(1, 2, 3), (4, 5, 6)], at_most=2) == frozenset()
    assert share_recovery.named_liars([(1, 2), (1, 3), (1, 4), (5, 6), (5, 2), (5, 3)], at_most=2) == {1, 5}
    assert share_recovery.named_liars([], at_most=1) == frozenset()


@given(st.sets(st.sampled_from(TRUSTEES), min_size=1, max_size=2), st.data())
def test_nobody_honest_is_ever_named_whenever_the_liars_choose_to_lie(liars: set[int], data: st.DataObject) -> None:
    runs = [run for run in combinations(TRUSTEES, THRESHOLD) if liars & set(run)]
    failed = data.draw(st.lists(st.sampled_from(runs)))
    assert share_recovery.named_liars(failed, at_most=len(liars)) <= liars
