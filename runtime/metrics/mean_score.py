"""Mean of a reward over the answers of a policy."""

from __future__ import annotations

from aligncompiler.spec.metric import MeanScore

from ..fault import Skip
from ..judge import Judge, Measured
from ..registry import Bound, implements
from ..scoring import reward_rows
from ..store import Artifact


@implements(MeanScore)
def mean_score(judge: Judge, *, reward: Bound | Artifact, part: str, by: str | None) -> Measured:
    """The `part` of the reward of each answer, in the reward's own unit."""
    answered = judge.answered()
    scores = iter(reward_rows(reward, [row for row in answered if not isinstance(row, Skip)]))
    values: list[float | None] = []
    for row in answered:
        score = row if isinstance(row, Skip) else next(scores)
        values.append(None if isinstance(score, Skip) else score[part])
    return Measured(values, judge.groups(by))
