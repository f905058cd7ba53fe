"""Share of pairs that a model puts in the right order."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.metric import PairAccuracy

from ..judge import PAIR, Judge, Measured, in_order
from ..registry import implements
from ..store import Artifact


@implements(PairAccuracy)
def pair_accuracy(judge: Judge, *, reference: Artifact | None, by: str | None) -> Measured:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0.

    The baselines `longer` and `shorter` look at the number of characters only, on the same rows: one that could not be scored counts for none.
    """
    groups = judge.groups(by)
    values = in_order(judge.pair_scores(reference))
    lengths = np.fromiter((len(row[side]) for row in judge.rows for side in PAIR), np.float64).reshape(-1, 2)
    longer = np.where(np.isnan(values), np.nan, in_order(lengths))
    return Measured(values, groups, {"longer": longer, "shorter": 1.0 - longer})
