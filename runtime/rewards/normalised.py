"""A reward on a scale with mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from aligncompiler.spec.combined import Normalised

from ..registry import implements
from ..rows import Row
from ..scores import Scores, combined


@implements(Normalised)
def normalised(rows: Sequence[Row], *, of: Scores, mean: float | Literal["rows"], std: float | Literal["rows"]) -> Scores:
    """``score = (of - mean) / std``; `raw` is `of`. `rows` stands for the mean, or the standard deviation (of the population), over the answers
    of `rows` that have a score; where all of them score the same, the deviation is taken as 1.
    """
    known = of.score[of.known()]
    middle = mean if mean != "rows" else float(known.mean()) if len(known) else 0.0
    spread = std if std != "rows" else float(known.std()) if len(known) and known.min() < known.max() else 1.0
    spread = spread if np.isfinite(spread) else np.nan  # of scores whose squares are beyond all numbers, which are not all alike
    return combined([of], (of.score - middle) / spread, {"raw": of.score})
