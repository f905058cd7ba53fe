"""The loss of a token is its surprise."""

import torch

from runtime.objectives.sft import sft


def test_every_answer_token_costs_its_negative_log_probability():
    logp = torch.tensor([-0.5, -2.0, -1000.0], requires_grad=True)
    losses, metrics = sft(logp)
    losses.sum().backward()
    assert losses.tolist() == [0.5, 2.0, 1000.0]
    assert logp.grad.tolist() == [-1.0, -1.0, -1.0]
    assert metrics == {}
