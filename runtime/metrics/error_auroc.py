"""Whether a scorer is less sure of the pairs that it gets wrong."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from aligncompiler.spec.judging import ErrorAUROC

from ..encoded import Floats
from ..judge import Judge, Measured, in_order
from ..registry import implements


@implements(ErrorAUROC)
def error_auroc(judge: Judge, *, figure: str) -> Measured:
    """Area under the curve of wrong pairs found over right pairs accused, as the sum of the uncertainties of both answers falls; ties count as wrong.

    The baseline `shuffled` has the same uncertainties at other pairs.
    """
    right_N = in_order(judge.pair_scores())
    unsure_N = judge.own_pairs.of(figure).sum(1)
    values = np.stack([unsure_N, np.where(np.isnan(right_N), np.nan, right_N < 1)], 1)
    known = np.flatnonzero(~np.isnan(unsure_N))
    shuffled = values.copy()
    shuffled[known, 0] = np.random.default_rng(0).permutation(unsure_N[known])
    return Measured(values, baselines={"shuffled": shuffled}, statistic=area)


def area(rows_N2: Floats) -> float:
    """Of (figure, 0 or 1): the chance that the figure of a 1 is above that of a 0, half of it where they are equal; NaN where all are alike."""
    positive = rows_N2[:, 1] > 0.5
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    return float((rankdata(rows_N2[:, 0])[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))
