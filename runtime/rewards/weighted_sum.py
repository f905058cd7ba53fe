"""The sum of several rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aligncompiler.spec.combined import WeightedSum

from ..registry import implements
from ..rows import Row
from ..scores import Scores, combined, scores_by_part


@implements(WeightedSum)
def weighted_sum(rows: Sequence[Row], *, parts: Mapping[str, Scores], weights: Mapping[str, float]) -> Scores:
    """``score = sum_i weights_i parts_i``; the score of every part is a figure."""
    found = scores_by_part(parts)
    terms = [weights[name] * score_N for name, score_N in found.items()]
    return combined([*parts.values()], np.sum(terms, axis=0), found)
