"""A hinge on the gap between two answers."""

from __future__ import annotations

from torch import Tensor

from runtime.registry import implements

from ..spec import Hinge


@implements(Hinge)
def hinge(chosen_logp_B: Tensor, rejected_logp_B: Tensor, *, gap: float) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each pair, [B] in nats; log-probabilities are sums over the answer's tokens.

        loss_B = max(0, gap - (chosen_logp_B - rejected_logp_B))

    Equal answers cost `gap`. Source: arXiv:2305.10425, equation 8. Left out: the regularising cross-entropy term.
    """
    margin_B = chosen_logp_B - rejected_logp_B
    return (gap - margin_B).clamp(min=0), {"accuracy": (margin_B > 0).float(), "margin": margin_B}
