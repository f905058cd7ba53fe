"""A reward less what it is unsure of."""

from __future__ import annotations

from collections.abc import Sequence

from aligncompiler.spec.combined import Penalised
from aligncompiler.spec.reward import UNCERTAINTY

from ..registry import implements
from ..rows import Row
from ..scores import Scores, combined


@implements(Penalised)
def penalised(rows: Sequence[Row], *, of: Scores, strength: float) -> Scores:
    """``score = of - strength uncertainty``; `raw` is `of`, and `uncertainty` stays what it is.

    Source: arXiv 2410.00847, which drops or penalises uncertain rewards; the linear form is ours, the paper gives none.
    """
    unsure_N = of.figures[UNCERTAINTY]
    return combined([of], of.score - strength * unsure_N, {"raw": of.score, UNCERTAINTY: unsure_N})
