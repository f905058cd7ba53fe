"""Share of pairs in the right order, by how far apart their scores are."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import GapAccuracy

from ..judge import Group, Judge, Measured, in_order
from ..registry import implements


@implements(GapAccuracy)
def gap_accuracy(judge: Judge, *, groups: int) -> Measured:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0; the groups are equal parts of the pairs by |difference of scores|, the smallest first."""
    scores_N2 = judge.pair_scores()
    gap_N = np.abs(scores_N2[:, 0] - scores_N2[:, 1])
    order = gap_N.argsort(kind="stable")[: np.isfinite(gap_N).sum()]
    parts = [part for part in np.array_split(order, groups) if len(part)]
    found = {f"by distance, group {number} of {len(parts)}": Group(np.sort(part)) for number, part in enumerate(parts, 1)}
    return Measured(in_order(scores_N2), found)
