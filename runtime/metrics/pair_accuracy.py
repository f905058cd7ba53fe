"""Share of pairs that a model puts in the right order."""

from __future__ import annotations

from aligncompiler.spec.metric import PairAccuracy

from ..fault import Skip
from ..judge import Judge, Measured, in_order
from ..registry import implements
from ..store import Artifact


@implements(PairAccuracy)
def pair_accuracy(judge: Judge, *, reference: Artifact | None) -> Measured:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0.

    The baselines `longer` and `shorter` look at the number of characters only, on the same rows: one that could not be scored counts for none.
    """
    scores = judge.pair_scores(reference)
    values = [None if isinstance(s, Skip) else in_order(s) for s in scores]
    lengths = [[float(len(row["chosen"])), float(len(row["rejected"]))] for row in judge.rows]
    longer = [None if value is None else in_order(length) for value, length in zip(values, lengths, strict=True)]
    shorter = [None if value is None else 1.0 - value for value in longer]
    return Measured(values, judge.groups(None), {"longer": longer, "shorter": shorter})
