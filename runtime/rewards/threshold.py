"""A reward that counts only where another one is high enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aligncompiler.spec.combined import Threshold

from ..registry import implements
from ..rows import Row
from ..scores import Scores, combined


@implements(Threshold)
def threshold(rows: Sequence[Row], *, of: Scores, by: Scores, least: float, otherwise: float) -> Scores:
    """``score = of if by >= least else otherwise``; `raw` is `of` everywhere. An answer that either of them cannot score has no score."""
    return combined([of, by], np.where(by.score >= least, of.score, otherwise), {"raw": of.score, "by": by.score})
