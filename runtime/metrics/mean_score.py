"""Mean of a reward over the answers of a policy."""

from __future__ import annotations

from aligncompiler.spec.metric import MeanScore

from ..judge import Judge, Measured
from ..registry import Bound, implements
from ..store import Artifact


@implements(MeanScore)
def mean_score(judge: Judge, *, reward: Bound | Artifact, part: str, by: str | None) -> Measured:
    """The `part` of the reward of each answer, in the reward's own unit."""
    groups = judge.groups(by)
    return Measured(judge.answer_scores(reward, part), groups)
