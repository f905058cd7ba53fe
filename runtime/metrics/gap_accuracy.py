"""Share of pairs in the right order, by how far apart their answers are."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import GAPS, GapAccuracy

from ..encoded import Floats, Ints
from ..judge import Group, Judge, Measured, in_order
from ..registry import implements


@implements(GapAccuracy)
def gap_accuracy(judge: Judge, *, gap: str, groups: int) -> Measured:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0; the groups are parts of the pairs by |gap|, the smallest first: equal parts, or of
    no more gaps than `groups` in the rows each its own. Pairs without a gap are in no group."""
    told = [judge.numbers(name) for name in GAPS[gap]]
    scores_N2 = judge.pair_scores()
    gap_N = np.abs(scores_N2[:, 0] - scores_N2[:, 1] if not told else told[0] if len(told) == 1 else told[0] - told[1])
    known = np.flatnonzero(np.isfinite(gap_N) & np.isfinite(scores_N2).all(1))
    parts = alike(gap_N, known) if told and len(np.unique(gap_N[known])) <= groups else split(gap_N, known, groups)
    return Measured(in_order(scores_N2), {name: Group(np.sort(part)) for name, part in parts.items()})


def alike(gap_N: Floats, known: Ints) -> dict[str, Ints]:
    """Pairs of one gap together."""
    return {f"gap {value:g}": known[gap_N[known] == value] for value in np.unique(gap_N[known])}


def split(gap_N: Floats, known: Ints, groups: int) -> dict[str, Ints]:
    """Parts of equal size."""
    parts = [part for part in np.array_split(known[gap_N[known].argsort(kind="stable")], groups) if len(part)]
    return {f"by distance, group {number} of {len(parts)}": part for number, part in enumerate(parts, 1)}
