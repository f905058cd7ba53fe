"""Cross-entropy of the score of an answer with whether it is right."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aligncompiler.spec.objective import CrossEntropy

from ..registry import implements


@implements(CrossEntropy)
def cross_entropy(completion_reward_B: Tensor, score_B: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each answer, [B], in nats.

        loss_B = -score_B log p - (1 - score_B) log(1 - p),    p = sigma(completion_reward_B)

    d loss / d reward = p - score. `accuracy` is 1 where p and the score lie on the same side of 1/2. Source: arXiv:2110.14168, arXiv:2408.15240.
    """
    loss_B = binary_cross_entropy_with_logits(completion_reward_B, score_B.to(completion_reward_B.dtype), reduction="none")
    return loss_B, {"accuracy": ((completion_reward_B >= 0) == (score_B >= 0.5)).float()}
