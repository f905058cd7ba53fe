"""Several rewards in the order of their importance, as one number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from aligncompiler.spec.combined import Levels, Lexicographic

from ..registry import implements
from ..rows import Row
from ..scores import Scores, combined, scores_by_part


@implements(Lexicographic)
def lexicographic(rows: Sequence[Row], *, parts: Mapping[str, Scores], order: Sequence[str], levels: Mapping[str, Levels]) -> Scores:
    """The number whose digits are the levels of the parts, divided by the highest such number; the score of every part is a figure.

    ``digit_i = floor((clip(parts_i, low_i, high_i) - low_i) / (high_i - low_i) * (count_i - 1) + 1/2)`` and
    ``score = sum_i digit_i prod_{j > i} count_j / (prod_i count_i - 1)`` over the parts in `order`: in [0, 1], and no later part outweighs a
    difference of one level in an earlier one.
    """
    number_N = np.zeros(len(rows))
    for name in order:
        scale = levels[name]
        share_N = (np.clip(parts[name].score, scale.low, scale.high) - scale.low) / (scale.high - scale.low)
        number_N = number_N * scale.count + np.floor(share_N * (scale.count - 1) + 0.5)
    return combined([*parts.values()], number_N / (prod(levels[name].count for name in order) - 1), scores_by_part(parts))
