"""Which rows enter a step."""

import itertools

import numpy as np
import pytest

from runtime.batching import Example, Order, Steps, num_steps, permutation
from runtime.forest import trunk_and_leaves
from runtime.reductions.mean import mean


def steps(count=6, rows=4, rank=0, world=1, seed=0, tokens_at_once=100):
    examples = [Example(trunk_and_leaves([30 + i], [[i + 4]]), {}) for i in range(10)]
    return Steps(examples, ("completion",), "rows", mean, count, rows, tokens_at_once, seed, 0, False, True, rank, world)


def tokens(batches):
    return sorted(t for b in batches for t in b.forest.token_U[b.forest.which_N].tolist())


@pytest.mark.parametrize(("budget", "wanted"), [((7, None), 7), ((None, 1.0), 3), ((None, 2.5), 7), ((None, 0.01), 1)])
def test_a_budget_in_epochs_is_rounded_up_to_steps(budget, wanted):
    assert num_steps(11, 4, *budget) == wanted


def test_every_pass_over_the_data_takes_each_row_once_in_a_new_order():
    passes = list(Order(10, 10, 3, 0))
    assert all(sorted(p) == list(range(10)) for p in passes)
    assert passes[0] != passes[1] != passes[2]


def test_steps_follow_from_the_seed():
    assert list(steps().plan) == list(steps().plan)
    assert list(steps().plan) != list(steps(seed=1).plan)
    assert list(steps(count=3).plan) == steps(count=6).plan[:3]


def test_ranks_share_a_step_without_overlap():
    for step in range(6):
        parts = [tokens(steps(rank=r, world=2)[step]) for r in range(2)]
        assert sorted(parts[0] + parts[1]) == tokens(steps()[step])


def test_no_forward_pass_is_larger_than_allowed():
    made = steps(rows=9, tokens_at_once=5)[0]
    assert len(made) == 5
    assert all(b.forest.seat_BT.numel() <= 5 for b in made)


def test_moving_a_batch_keeps_its_plain_rows_without_a_mask():
    batch = steps()[0][0].to("cpu")
    assert batch.forest.plain
    assert batch.weight.tolist() == [0.25] * len(batch.weight)


@pytest.mark.parametrize(("rows", "per_step"), [(10, 4), (10, 5), (3, 7), (1, 2), (10, 10)])
def test_the_rows_of_a_step_are_the_same_whichever_step_is_asked_for(rows, per_step):
    numbers = (number for epoch in itertools.count() for number in permutation(rows, 3 + epoch).tolist())
    wanted = [[next(numbers) for _ in range(per_step)] for _ in range(9)]
    order = Order(rows, per_step, 9, 3)
    assert list(order) == wanted and len(order) == 9
    assert [order[s] for s in (8, 0, 5, -1)] == [wanted[s] for s in (8, 0, 5, -1)]
    with pytest.raises(IndexError):
        order[9]


def test_prompts_in_a_new_order_keep_their_rows_together():
    groups = np.array([0, 1, 0, 2, 1, 0, 3])
    passes = [permutation(7, seed, groups).tolist() for seed in range(8)]
    assert all(sorted(one) == list(range(7)) for one in passes)
    assert all([i for i in one if groups[i] == g] == np.flatnonzero(groups == g).tolist() for one in passes for g in range(4))
    assert all(len(list(itertools.groupby(groups[one]))) == 4 for one in passes)
    assert len(set(map(tuple, passes))) > 4
