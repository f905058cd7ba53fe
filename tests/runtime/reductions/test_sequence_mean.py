"""Every answer counts the same."""

import torch

from runtime.reductions.sequence_mean import sequence_mean


def test_every_answer_has_the_same_weight_however_long_it_is():
    length = torch.tensor([1.0, 2.0, 4.0, 8.0])
    assert (sequence_mean(length) * length).tolist() == [0.25] * 4


def test_an_answer_without_tokens_has_no_infinite_weight():
    assert torch.isfinite(sequence_mean(torch.tensor([0.0, 2.0]))).all()
