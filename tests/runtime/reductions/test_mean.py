"""Every entry counts the same."""

import torch

from runtime.reductions.mean import mean


def test_every_token_of_the_step_has_the_same_weight_and_all_sum_to_one():
    length = torch.tensor([1.0, 3.0, 4.0])
    assert mean(length).tolist() == [0.125] * 3
    assert float((mean(length) * length).sum()) == 1.0


def test_a_step_of_rows_that_count_once_is_their_mean():
    assert mean(torch.ones(4)).tolist() == [0.25] * 4
