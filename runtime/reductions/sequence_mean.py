"""Every answer of a step counts the same."""

from __future__ import annotations

from torch import Tensor

from aligncompiler.spec.reduction import SequenceMean

from ..registry import implements


@implements(SequenceMean)
def sequence_mean(length_B: Tensor) -> Tensor:
    """Weight of each token of a row, [B], for the B rows of a whole step; `length_B` is the number of tokens of their answers.

    weight_B = 1 / (B length_B)
    """
    return 1 / (len(length_B) * length_B.clamp(min=1))
