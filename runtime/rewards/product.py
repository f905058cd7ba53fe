"""The product of several rewards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aligncompiler.spec.combined import Product

from ..registry import implements
from ..rows import Row
from ..scores import Scores, combined, scores_by_part


@implements(Product)
def product(rows: Sequence[Row], *, parts: Mapping[str, Scores]) -> Scores:
    """``score = prod_i parts_i``; the score of every part is a figure."""
    found = scores_by_part(parts)
    return combined([*parts.values()], np.prod([*found.values()], axis=0), found)
