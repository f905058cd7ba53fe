"""Every entry of the loss of a step counts the same."""

from __future__ import annotations

from torch import Tensor

from aligncompiler.spec.reduction import Mean

from ..registry import implements


@implements(Mean)
def mean(length_B: Tensor) -> Tensor:
    """Weight of each entry of a row, [B], for the B rows of a whole step; `length_B` is the number of their entries: tokens, or one.

    weight_B = 1 / sum(length_B)
    """
    return (1 / length_B.sum().clamp(min=1)).expand(len(length_B))
