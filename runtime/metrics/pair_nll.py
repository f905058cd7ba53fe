"""What a Bradley-Terry model pays for the pairs."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import PairNLL

from ..judge import Judge, Measured
from ..registry import implements


@implements(PairNLL)
def pair_nll(judge: Judge) -> Measured:
    """-log sigma(score of chosen - score of rejected), nats; the baseline gives both answers the same probability, ln 2."""
    scores_N2 = judge.pair_scores()
    with np.errstate(invalid="ignore"):  # what could not be scored stays NaN
        values = np.logaddexp(0.0, scores_N2[:, 1] - scores_N2[:, 0])
    return Measured(values, baselines={"even odds": np.where(np.isnan(values), np.nan, np.log(2.0))})
