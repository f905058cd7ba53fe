"""How unsure a scorer is, of its own Gaussians and of the disagreement of its members; and how several members make one reward.

Shapes: L answers, M members, A attributes.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def gap(reward_LM: Tensor) -> Tensor:
    """u1 = max_m r_m - min_m r_m, [L], in the unit of the reward; source: arXiv:2410.00847."""
    return reward_LM.amax(1) - reward_LM.amin(1)


def frobenius(log_std_LMA: Tensor) -> Tensor:
    """u2 = max_m ||Cov_m||_F = max_m sqrt(sum_a sigma_ma^4), [L]; the covariance is diagonal. Source: arXiv:2410.00847."""
    return (4 * log_std_LMA).exp().sum(2).sqrt().amax(1)


def aleatoric(log_std_LMA: Tensor) -> Tensor:
    """mean_m sum_a sigma_ma^2, [L]."""
    return (2 * log_std_LMA).exp().sum(2).mean(1)


# How the rewards of members, [L, M], become one, [L]. The median of an even number is the mean of the two in the middle.
COMBINE: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda reward_LM: reward_LM.mean(1),
    "min": lambda reward_LM: reward_LM.amin(1),
    "median": lambda reward_LM: reward_LM.quantile(0.5, dim=1),
}
