"""A reward within bounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aligncompiler.spec.combined import Clip

from ..registry import implements
from ..rows import Row
from ..scores import Scores, combined


@implements(Clip)
def clip(rows: Sequence[Row], *, of: Scores, low: float | None, high: float | None) -> Scores:
    """``score = min(max(of, low), high)``; `raw` is `of`."""
    return combined([of], np.clip(of.score, low, high), {"raw": of.score})
