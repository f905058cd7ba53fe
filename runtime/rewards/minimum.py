"""The lowest of several rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aligncompiler.spec.combined import Minimum

from ..registry import implements
from ..rows import Row
from ..scores import Scores, combined, scores_by_part


@implements(Minimum)
def minimum(rows: Sequence[Row], *, parts: Mapping[str, Scores]) -> Scores:
    """``score = min_i parts_i``; the score of every part is a figure."""
    found = scores_by_part(parts)
    return combined([*parts.values()], np.min([*found.values()], axis=0), found)
