"""Whether a scorer likes long answers."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import LengthCorrelation

from ..correlation import pearson
from ..judge import Judge, Measured
from ..registry import implements


@implements(LengthCorrelation)
def length_correlation(judge: Judge) -> Measured:
    """Pearson correlation of score and number of words, each less its mean over the answers to the prompt; prompts with one answer say nothing."""
    score_N = judge.own_completions.of("score")[:, 0]
    words_N = np.fromiter((len(row["completion"].split()) for row in judge.rows), np.float64, len(judge.rows))
    found = np.full((len(score_N), 2), np.nan)
    for members in judge.by_prompt():
        known = members[~np.isnan(score_N[members])]
        if len(known) > 1:
            found[known] = np.stack([values[known] - values[known].mean() for values in (score_N, words_N)], 1)
    return Measured(found, statistic=pearson)
