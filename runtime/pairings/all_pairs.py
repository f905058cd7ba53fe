"""Every two answers to a prompt whose scores differ."""

from __future__ import annotations

from itertools import permutations

from aligncompiler.spec.pairing import AllPairs

from ..candidates import Candidates, Pairs
from ..registry import implements


@implements(AllPairs)
def all_pairs(answers: Candidates, *, min_gap: float, per_prompt: int | None) -> Pairs:
    """(number of the better, number of the worse) for all pairs at least `min_gap` apart, the widest gaps first."""
    scores = answers.scores
    gaps = [(scores[i] - scores[j], i, j) for i, j in permutations(range(len(scores)), 2)]
    found = sorted(((g, i, j) for g, i, j in gaps if g > 0 and g >= min_gap), key=lambda t: (-t[0], t[1], t[2]))
    return [(i, j) for _, i, j in found[:per_prompt]]
