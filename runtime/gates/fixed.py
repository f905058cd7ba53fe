"""The same weights of attributes for every answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from aligncompiler.spec.scorer import Fixed

from ..registry import implements


class Weights(nn.Module):
    """Gives every state the same weights, [L, D] -> [L, A]."""

    def __init__(self, weights: Sequence[float]) -> None:
        super().__init__()
        self.weight_A: Tensor
        self.register_buffer("weight_A", torch.tensor(weights), persistent=False)  # the spec has them

    def forward(self, states_LD: Tensor) -> Tensor:
        return self.weight_A.expand(len(states_LD), -1)


@implements(Fixed)
def fixed(width: int, names: Sequence[str], *, weights: Mapping[str, float]) -> nn.Module:
    """A module [L, width] -> [L, attributes]: the weight of each attribute in `names`, 0 where `weights` does not name it; 1 / A each without any."""
    return Weights([weights.get(name, 0.0) for name in names] if weights else [1 / len(names)] * len(names))
