"""Pairs of answers to a prompt, drawn at random."""

from __future__ import annotations

from aligncompiler.spec.pairing import RandomPairs

from ..candidates import Candidates, Pairs
from ..registry import implements


@implements(RandomPairs)
def random_pairs(answers: Candidates, *, per_prompt: int, min_gap: float) -> Pairs:
    """`per_prompt` of the pairs whose scores are at least `min_gap` apart and whose texts differ, drawn without putting back, all with the same probability."""
    return answers.drawn(list(answers.apart(range(len(answers.scores)), min_gap)), per_prompt)
