"""Rows of like length hold every token once, see what the forest says, and have little padding."""

import gc
import weakref

import torch
from hypothesis import given
from hypothesis import strategies as st

from runtime.forest import Tree, pack, trunk_and_leaves
from runtime.shelves import groups_of

WORDS = st.lists(st.integers(1, 9), max_size=5)
TREES = st.lists(st.builds(trunk_and_leaves, WORDS, st.lists(WORDS.filter(bool), min_size=1, max_size=3)), min_size=1, max_size=6)


@given(TREES)
def test_every_token_has_one_place_from_which_it_sees_its_path(trees):
    forest = pack(trees)
    shelves = forest.shelves
    assert shelves.seat_P[shelves.place_S].tolist() == list(range(forest.num_tokens))
    assert int((shelves.seat_P < forest.num_tokens).sum()) == forest.num_tokens
    seen = set()
    for shelf in shelves.rows:
        for seats, mask in zip(shelf.seat_BT.tolist(), shelf.mask()[:, 0], strict=True):
            seen |= {(seats[q], seats[k]) for q, k in mask.nonzero().tolist() if seats[q] < forest.num_tokens}
        if shelf.plain:
            causal = torch.ones(shelf.seat_BT.shape[1], shelf.seat_BT.shape[1]).tril().bool()
            there = (shelf.seat_BT < forest.num_tokens)[:, :, None] & causal
            assert torch.equal(shelf.mask()[:, 0] & there, there)
    until = forest.until_S.tolist()
    assert seen == {(q, k) for k in range(forest.num_tokens) for q in range(k, until[k])}


def test_answers_that_share_nothing_stand_in_rows_of_their_own():
    forest = pack([trunk_and_leaves((), [(1, 2), (3, 4, 5)])])
    assert [shelf.seat_BT.tolist() for shelf in forest.shelves.rows] == [[[2, 3, 4], [0, 1, 5]]]
    assert forest.shelves.rows[0].plain


def test_a_forest_is_freed_at_once_with_its_masks():
    forest = pack([trunk_and_leaves((1, 2), [(3,), (4, 5)])])
    forest.shelves.rows[0].mask()
    forest.whole.mask()
    gone = weakref.ref(forest)
    gc.disable()
    try:
        del forest
        assert gone() is None
    finally:
        gc.enable()


def test_a_shelf_is_opened_where_it_spares_enough():
    assert groups_of([3, 9, 5]) == [[1, 2, 0]]
    assert groups_of([100, 1000, 980, 90]) == [[1, 2], [0, 3]]
    assert groups_of([900, 1000]) == [[1, 0]]


def test_padding_is_a_small_part_of_rows_of_many_lengths():
    lengths = [20 + 13 * number % 400 for number in range(64)]
    forest = pack([Tree((tuple([1] * length), (2,)), (-1, 0), (1,)) for length in lengths])
    squares = sum(shelf.seat_BT.numel() * shelf.seat_BT.shape[1] for shelf in forest.shelves.rows)
    assert squares < 1.3 * sum((length + 1) ** 2 for length in lengths)
    assert forest.whole.seat_BT.numel() * forest.whole.seat_BT.shape[1] > 2 * squares
