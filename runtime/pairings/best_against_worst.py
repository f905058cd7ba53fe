"""One pair a prompt: its best answer against its worst."""

from __future__ import annotations

from aligncompiler.spec.pairing import BestAgainstWorst

from ..candidates import Candidates, Pairs
from ..registry import implements


@implements(BestAgainstWorst)
def best_against_worst(answers: Candidates, *, min_gap: float) -> Pairs:
    """(number of the better, number of the worse), or nothing if their scores are equal or less than `min_gap` apart."""
    scores = answers.scores
    best = max(range(len(scores)), key=lambda i: (scores[i], -i))
    worst = min(range(len(scores)), key=lambda i: (scores[i], i))
    pair = answers.ordered(best, worst, min_gap)
    return [] if pair is None else [pair]
