"""A reward that long answers lose."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aligncompiler.spec.combined import LengthPenalty
from aligncompiler.spec.reward import UNCERTAINTY

from ..registry import implements
from ..rows import Row
from ..scores import Scores, combined
from ..text_length import text_length


@implements(LengthPenalty)
def length_penalty(rows: Sequence[Row], *, of: Scores, unit: str, free: int, per_unit: float, most: float | None) -> Scores:
    """``score = of - min(per_unit max(length - free, 0), most)``; `raw` is `of`, and its `uncertainty`, if it has one, stays what it is."""
    length_N = np.fromiter((text_length(row["completion"], unit) for row in rows), np.float64, len(rows))
    penalty_N = np.minimum(per_unit * np.maximum(length_N - free, 0), np.inf if most is None else most)
    unsure = {UNCERTAINTY: of.figures[UNCERTAINTY]} if UNCERTAINTY in of.figures else {}
    return combined([of], of.score - penalty_N, {"raw": of.score, **unsure})
