"""Whether a scorer is less sure of the pairs that it gets wrong."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from aligncompiler.spec.judging import ErrorAUROC

from ..encoded import Floats
from ..judge import Judge, Measured, in_order
from ..registry import implements

SHUFFLES = 8


@implements(ErrorAUROC)
def error_auroc(judge: Judge, *, figure: str) -> Measured:
    """Area under the curve of wrong pairs found over right pairs accused, as the sum of the figure over both answers falls; ties count as wrong.

    The baseline `shuffled` is the mean over the same uncertainties at other pairs, eight times.
    """
    right_N = in_order(judge.pair_scores())
    unsure_N = judge.own_pairs.of(figure).sum(1)
    wrong_N = np.where(np.isnan(right_N), np.nan, right_N < 1)
    known = np.flatnonzero(~np.isnan(unsure_N))
    shuffled_NS = np.full((len(unsure_N), SHUFFLES), np.nan)
    generator = np.random.default_rng(0)
    shuffled_NS[known] = np.stack([generator.permutation(unsure_N[known]) for _ in range(SHUFFLES)], 1)
    return Measured(np.stack([unsure_N, wrong_N], 1), baselines={"shuffled": np.column_stack([shuffled_NS, wrong_N])}, statistic=area)


def area(rows_NK: Floats) -> float:
    """Of figures and, last, 0 or 1: the chance that the figure of a 1 is above that of a 0, half of it where they are equal, mean over the figures; NaN where
    all are alike."""
    positive = rows_NK[:, -1] > 0.5
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    return float((rankdata(rows_NK[:, :-1], axis=0)[positive].sum(0) - ones * (ones + 1) / 2).mean() / (ones * zeros))
