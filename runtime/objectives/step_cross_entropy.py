"""Cross-entropy of each step of an answer with whether it is right."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aligncompiler.spec.objective import StepCrossEntropy

from ..registry import implements


@implements(StepCrossEntropy)
def step_cross_entropy(completion_steps_L: Tensor, step_labels_L: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each step of the answers, [L], in nats.

        loss_L = -step_labels_L log p - (1 - step_labels_L) log(1 - p),    p = sigma(completion_steps_L)

    0 for a step without a label (NaN), from which no gradient comes. Source: arXiv:2305.20050, section 2.6; arXiv:2312.08935, equation 2.
    """
    known_L = ~step_labels_L.isnan()
    label_L = step_labels_L.nan_to_num().to(completion_steps_L.dtype)
    loss_L = binary_cross_entropy_with_logits(completion_steps_L, label_L, reduction="none").where(known_L, 0.0)
    return loss_L, {"accuracy": (((completion_steps_L >= 0) == (label_L >= 0.5)) & known_L).float()}
