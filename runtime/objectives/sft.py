"""Supervised fine-tuning: cross-entropy of the demonstrated answer."""

from __future__ import annotations

from torch import Tensor

from aligncompiler.spec.objective import SFT

from ..registry import implements


@implements(SFT)
def sft(completion_token_logp_N: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Loss of each answer token, -log p, [N] in nats.

        loss_N = -completion_token_logp_N

    Prompt tokens are no targets; the end token is one. Source: standard maximum likelihood. Left out: label smoothing, packing across rows.
    """
    return -completion_token_logp_N, {}
