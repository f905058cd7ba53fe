"""Share of pairs in the right order, among the surest and the least sure."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.metric import CertainAccuracy

from ..fault import Skip
from ..judge import Judge, Measured, in_order
from ..registry import implements


@implements(CertainAccuracy)
def certain_accuracy(judge: Judge, *, share: float) -> Measured:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0; the groups are the `share` of the pairs with the smallest and with the largest sum of the
    uncertainties of their answers, floor(share n) each. Source: arXiv:2410.00847."""
    scores = judge.own_pair_scores
    unsure_N = scores.values_NLF[:, :, scores.figures.index("uncertainty")].sum(1)
    groups = [""] * len(scores)
    order = np.flatnonzero(scores.fits_N)[np.argsort(unsure_N[scores.fits_N], kind="stable")]
    size = int(share * len(order))
    for name, members in (("most certain", order[:size]), ("least certain", order[len(order) - size :])):
        for number in members:
            groups[number] = name
    return Measured([None if isinstance(s, Skip) else in_order(s) for s in scores], groups)
