"""The best right answers against the most tempting wrong ones."""

from __future__ import annotations

from aligncompiler.spec.pairing import RightAgainstWrong

from ..candidates import Candidates, Pairs
from ..registry import implements


@implements(RightAgainstWrong)
def right_against_wrong(answers: Candidates, *, part: str, right: float, per_prompt: int) -> Pairs:
    """The n-th best right answer, with `part` of at least `right`, against the n-th best wrong one, up to `per_prompt` pairs.

    Both are ranked by score, the first of equals. Scores do not decide which of a pair is chosen: `part` does.
    """
    ranked = sorted(range(len(answers.scores)), key=lambda i: (-answers.scores[i], i))
    good = [i for i in ranked if answers.figures[part][i] >= right]
    bad = [i for i in ranked if answers.figures[part][i] < right]
    return list(zip(good, bad, strict=False))[:per_prompt]
