"""A token counts the same in every step of as many answers."""

import torch

from runtime.reductions.fixed_length import fixed_length


def test_the_weight_of_a_token_does_not_depend_on_the_lengths():
    for length in ([1.0, 9.0], [5.0, 5.0]):
        assert fixed_length(torch.tensor(length), tokens=10).tolist() == torch.full((2,), 0.05).tolist()
