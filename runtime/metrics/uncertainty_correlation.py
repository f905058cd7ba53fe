"""Whether a scorer is less sure where the rows say that there is reason to be."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import UncertaintyCorrelation

from ..correlation import pearson
from ..judge import Judge, Measured
from ..registry import implements


@implements(UncertaintyCorrelation)
def uncertainty_correlation(judge: Judge, *, column: str, figure: str) -> Measured:
    """Pearson correlation of the sum of the uncertainties of both answers with the column; rows without a number there are left out. Raises Fault for what
    is no number."""
    numbers_N = judge.numbers(column)
    return Measured(np.stack([judge.own_pairs.of(figure).sum(1), numbers_N], 1), statistic=pearson)
