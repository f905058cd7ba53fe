"""What rows say of attributes, where some of them say nothing.

Shapes: B rows, A attributes; a label that is not there is NaN.
"""

from __future__ import annotations

from torch import Tensor


def known_sum(value_BA: Tensor, labels_BA: Tensor) -> Tensor:
    """Sum over the attributes that have labels, [B]; no gradient comes from the others."""
    return value_BA.where(~labels_BA.isnan(), 0.0).sum(1)


def known_mean(value_BA: Tensor, labels_BA: Tensor) -> Tensor:
    """Mean over the attributes that have labels, [B]; 0 where none has."""
    return known_sum(value_BA, labels_BA) / (~labels_BA.isnan()).sum(1).clamp(min=1)
