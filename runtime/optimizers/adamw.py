"""Adam with decoupled weight decay."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from aligncompiler.spec.optimizer import AdamW

from ..registry import implements


@implements(AdamW)
def adamw(parameters: Iterable[nn.Parameter], *, learning_rate: float, betas: tuple[float, float], eps: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW over the parameters that are trained; vectors (biases, norms) are not decayed. Source: arXiv:1711.05101."""
    trained = [p for p in parameters if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=learning_rate, betas=betas, eps=eps, fused=True)
