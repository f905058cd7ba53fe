"""Share of pairs in the right order, among the surest and the least sure."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import CertainAccuracy

from ..judge import Group, Judge, Measured, in_order
from ..registry import implements


@implements(CertainAccuracy)
def certain_accuracy(judge: Judge, *, share: float, figure: str) -> Measured:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0; the groups are the `share` of the pairs with the smallest and with the largest sum of the
    figure over both answers, floor(share n) each. Source: arXiv:2410.00847."""
    unsure_N = judge.own_pairs.of(figure).sum(1)
    order = unsure_N.argsort(kind="stable")[: np.isfinite(unsure_N).sum()]
    size = int(share * len(order))
    groups = {"most certain": Group(np.sort(order[:size])), "least certain": Group(np.sort(order[len(order) - size :]))}
    return Measured(in_order(judge.pair_scores()), groups)
