"""The first step of Adam is known, and vectors are not decayed."""

import torch
from torch import nn

from runtime.optimizers.adamw import adamw


def fields(**changes):
    return {"learning_rate": 0.1, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.5} | changes


def test_first_step_moves_by_the_learning_rate_whatever_the_gradient():
    weight = nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))
    optimizer = adamw([weight], **fields(weight_decay=0.0))
    weight.grad = torch.tensor([[1e-3, -5.0], [7.0, -1e3]], dtype=torch.float64)
    optimizer.step()
    assert torch.allclose(weight.detach(), -0.1 * torch.sign(weight.grad), rtol=1e-4)


def test_matrices_are_decayed_and_vectors_are_not():
    matrix, vector = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2))
    optimizer = adamw([matrix, vector], **fields())
    matrix.grad, vector.grad = torch.zeros(2, 2), torch.zeros(2)
    optimizer.step()
    assert torch.allclose(matrix.detach(), torch.full((2, 2), 0.95))
    assert torch.equal(vector.detach(), torch.ones(2))


def test_frozen_parameters_are_left_out():
    frozen, trained = nn.Parameter(torch.ones(2), requires_grad=False), nn.Parameter(torch.ones(2))
    optimizer = adamw([frozen, trained], **fields())
    assert [id(p) for group in optimizer.param_groups for p in group["params"]] == [id(trained)]
