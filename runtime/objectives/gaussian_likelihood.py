"""Likelihood of labels under the Gaussians of a scorer."""

from __future__ import annotations

from torch import Tensor

from aligncompiler.spec.objective import GaussianLikelihood

from ..attribute_labels import known_mean, known_sum
from ..registry import implements


@implements(GaussianLikelihood)
def gaussian_likelihood(
    completion_attributes_BA: Tensor, completion_log_std_BA: Tensor, labels_BA: Tensor, *, clamp: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each answer, [B], in nats.

        loss_B = sum over attributes of ln sigma + (labels_BA - attributes_BA)^2 / (2 sigma^2),    ln sigma = log_std_BA held in [-clamp, clamp]

    Attributes that a row says nothing of (NaN) count for nothing. Source: arXiv:2410.00847; the constant ln(2 pi) / 2 is left out.
    """
    error_BA = completion_attributes_BA - labels_BA.nan_to_num()
    log_std_BA = completion_log_std_BA.clamp(-clamp, clamp)
    loss_BA = log_std_BA + error_BA.square() / (2 * (2 * log_std_BA).exp())
    return known_sum(loss_BA, labels_BA), {"error": known_mean(error_BA.abs(), labels_BA), "std": known_mean(completion_log_std_BA.exp(), labels_BA)}
