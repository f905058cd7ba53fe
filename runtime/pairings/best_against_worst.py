"""One pair a prompt: its best answer against its worst."""

from __future__ import annotations

from collections.abc import Sequence

from aligncompiler.spec.pairing import BestAgainstWorst

from ..registry import implements


@implements(BestAgainstWorst)
def best_against_worst(scores: Sequence[float], *, min_gap: float) -> list[tuple[int, int]]:
    """(index of the better, index of the worse), or nothing if their scores are equal or less than `min_gap` apart."""
    best = max(range(len(scores)), key=lambda i: (scores[i], -i))
    worst = min(range(len(scores)), key=lambda i: (scores[i], i))
    gap = scores[best] - scores[worst]
    return [(best, worst)] if gap > 0 and gap >= min_gap else []
