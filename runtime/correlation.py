"""How two columns of numbers go together."""

from __future__ import annotations

import numpy as np

from .encoded import Floats


def pearson(rows_N2: Floats) -> float:
    """Pearson correlation of two columns; NaN where one of them does not vary."""
    centred = rows_N2 - rows_N2.mean(0)
    scale = np.sqrt((centred**2).sum(0).prod())
    return float(centred.prod(1).sum() / scale) if scale > 0 else float("nan")
