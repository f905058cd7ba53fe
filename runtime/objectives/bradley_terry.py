"""Bradley-Terry: the scorer's difference explains which answer was chosen."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from aligncompiler.spec.objective import BradleyTerry

from ..registry import implements


@implements(BradleyTerry)
def bradley_terry(chosen_reward_B: Tensor, rejected_reward_B: Tensor, margin_B: Tensor, *, center: float) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each pair, [B] in nats.

        loss_B = -log sigma(chosen_reward_B - rejected_reward_B - margin_B) + center (chosen_reward_B + rejected_reward_B)^2

    `margin_B` is 0 where the data gives none. Equal rewards without margin cost log 2. Source: Bradley and Terry 1952; margin as in
    Llama 2 (arXiv:2307.09288), centering as in arXiv:2312.09244. Left out: ties.
    """
    gap_B = chosen_reward_B - rejected_reward_B
    loss_B = -logsigmoid(gap_B - margin_B) + center * (chosen_reward_B + rejected_reward_B).square()
    return loss_B, {"accuracy": (gap_B > 0).float(), "gap": gap_B}
