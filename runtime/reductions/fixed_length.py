"""Every token counts the same, and a step of long answers no less for each token."""

from __future__ import annotations

import torch
from torch import Tensor

from aligncompiler.spec.reduction import FixedLength

from ..registry import implements


@implements(FixedLength)
def fixed_length(length_B: Tensor, *, tokens: int) -> Tensor:
    """Weight of each token of a row, [B], for the B rows of a whole step; `length_B` is the number of tokens of their answers.

    weight_B = 1 / (B tokens). Source: arXiv:2503.20783, where the length is the longest answer that may be written.
    """
    return torch.full_like(length_B, 1 / (len(length_B) * tokens))
