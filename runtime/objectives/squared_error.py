"""Regression of attributes on what the rows say of them."""

from __future__ import annotations

from torch import Tensor

from aligncompiler.spec.objective import SquaredError

from ..attribute_labels import known_mean, known_sum
from ..registry import implements


@implements(SquaredError)
def squared_error(completion_attributes_BA: Tensor, labels_BA: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each answer, [B], in the square of the attributes' unit.

        loss_B = sum over attributes of (attributes_BA - labels_BA)^2

    Attributes that a row says nothing of (NaN) count for nothing. Source: arXiv:2410.00847.
    """
    error_BA = completion_attributes_BA - labels_BA.nan_to_num()
    loss_BA = error_BA.square()
    return known_sum(loss_BA, labels_BA), {"error": known_mean(error_BA.abs(), labels_BA)}
