"""Direct preference optimisation."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import logsigmoid

from aligncompiler.spec.objective import DPO

from ..registry import implements


@implements(DPO)
def dpo(
    chosen_logp_B: Tensor,
    rejected_logp_B: Tensor,
    reference_chosen_logp_B: Tensor,
    reference_rejected_logp_B: Tensor,
    *,
    beta: float,
    label_smoothing: float,
    sft_weight: float,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each pair, [B] in nats; log-probabilities are sums over the answer's tokens.

        margin_B = beta ((chosen_logp_B - reference_chosen_logp_B) - (rejected_logp_B - reference_rejected_logp_B))
        loss_B = -(1 - label_smoothing) log sigma(margin_B) - label_smoothing log sigma(-margin_B) - sft_weight chosen_logp_B

    At policy = reference and `sft_weight` 0 every pair costs log 2 and the gradient with respect to the chosen log-probability is -beta / 2. `beta` is in
    1/nat. Source: arXiv:2305.18290, equation 7; smoothing as in conservative DPO; `sft_weight` as in
    arXiv:2406.07327 (SFT-DPO), with the sign that its gradient has. Left out: length normalisation, other link functions.
    """
    chosen_reward_B = beta * (chosen_logp_B - reference_chosen_logp_B)
    rejected_reward_B = beta * (rejected_logp_B - reference_rejected_logp_B)
    margin_B = chosen_reward_B - rejected_reward_B
    loss_B = -(1 - label_smoothing) * logsigmoid(margin_B) - label_smoothing * logsigmoid(-margin_B) - sft_weight * chosen_logp_B
    metrics = {"accuracy": (margin_B > 0).float(), "margin": margin_B, "chosen_reward": chosen_reward_B, "rejected_reward": rejected_reward_B}
    return loss_B, metrics
