"""Reparameterised regression: a sample of the scorer's Gaussians is held to the labels."""

from __future__ import annotations

from torch import Tensor

from aligncompiler.spec.objective import GaussianRegression

from ..attribute_labels import known_mean, known_sum
from ..registry import implements


@implements(GaussianRegression)
def gaussian_regression(
    completion_attributes_BA: Tensor, completion_log_std_BA: Tensor, labels_BA: Tensor, noise_BA: Tensor
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each answer, [B], in the square of the attributes' unit.

        loss_B = sum over attributes of (attributes_BA + noise_BA exp(log_std_BA) - labels_BA)^2

    Attributes that a row says nothing of (NaN) count for nothing. Source: arXiv:2410.00847; its mean over the noise is error^2 + sigma^2.
    """
    error_BA = completion_attributes_BA - labels_BA.nan_to_num()
    loss_BA = (error_BA + noise_BA * completion_log_std_BA.exp()).square()
    return known_sum(loss_BA, labels_BA), {"error": known_mean(error_BA.abs(), labels_BA), "std": known_mean(completion_log_std_BA.exp(), labels_BA)}
