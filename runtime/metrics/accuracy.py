"""Share of prompts that are answered right, beside what shallow features of the prompt give away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from aligncompiler.spec.metric import Accuracy

from ..encoded import Floats
from ..judge import Judge, Measured
from ..on_demand import Mapped
from ..registry import Bound, implements
from ..rows import Row


@implements(Accuracy)
def accuracy(judge: Judge, *, reward: Bound, part: str, by: str | None) -> Measured:
    """1 for an answer whose `part` of the reward is 1, else 0.

    Baselines: `majority` always gives the most frequent answer; one per shallow feature of the data (such as the counts of premise
    forms) gives the most frequent answer among the prompts with the same feature. Both are fitted on the other half of the rows, and are
    wrong where the column `guessable` says that an answer alone cannot be right.
    """
    groups = judge.groups(by)
    score_N = judge.answer_scores(reward, part)
    values = np.where(np.isnan(score_N), np.nan, score_N >= 1.0)
    baselines: dict[str, Floats] = {}
    if all(row.get("answer") is not None for row in judge.rows):
        features = {name: Mapped(judge.rows, lambda row, name=name: str(row.get(name, ""))) for name in ("majority", *judge.shortcuts)}
        baselines = {name: looked_up(judge.rows, feature) for name, feature in features.items()}
    return Measured(values, groups, baselines)


def looked_up(rows: Sequence[Row], features: Sequence[str]) -> Floats:
    """Accuracy per row of predicting the most frequent answer of the same feature, fitted on rows of the other parity."""
    votes: tuple[dict[str, Counter[str]], dict[str, Counter[str]]] = ({}, {})
    for number, (row, feature) in enumerate(zip(rows, features, strict=True)):
        for key in (feature, "\0any"):
            votes[number % 2].setdefault(key, Counter())[str(row["answer"])] += 1
    hits = np.empty(len(rows))
    for number, (row, feature) in enumerate(zip(rows, features, strict=True)):
        other = votes[1 - number % 2]
        counts = other.get(feature) or other.get("\0any") or Counter({"": 1})
        hits[number] = bool(row.get("guessable", True)) and counts.most_common(1)[0][0] == str(row["answer"])
    return hits
