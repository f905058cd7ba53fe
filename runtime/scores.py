"""What a reward says of answers: a column of numbers per figure, and a reason for each answer that has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from .checkpoints import Keep, computed
from .encoded import Floats, batched
from .fault import Skip
from .on_demand import OnDemand
from .rows import Row

Score = dict[str, float]
SCORE = "score"
AT_ONCE = 4096  # rows whose scores are Python objects at a time


@dataclass(frozen=True)
class Scores(OnDemand[Score | Skip]):
    """The figures of N answers, `score` first, [N] each, 0 where there is none; and by the number of an answer why it could not be scored."""

    figures: Mapping[str, Floats]
    skips: Mapping[int, Skip]

    def __len__(self) -> int:
        return len(self.figures[SCORE])

    def item(self, index: int) -> Score | Skip:
        return self.skips.get(index) or {name: float(values[index]) for name, values in self.figures.items()}

    @property
    def score(self) -> Floats:
        """[N]."""
        return self.figures[SCORE]

    def known(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which answers have scores, [N]."""
        found = np.ones(len(self), np.bool_)
        found[list(self.skips)] = False
        return found


def by_rule(rule: Callable[[Sequence[Row]], Iterable[Score | Skip]], rows: Sequence[Row], figures: Sequence[str], keep: Keep = computed) -> Scores:
    """The scores of a rule, asked for a few rows at a time; what it said of them is kept."""
    found = {name: np.zeros(len(rows)) for name in (SCORE, *figures)}
    skips: dict[int, Skip] = {}

    def said(some: Sequence[Row]) -> list[Score | str]:
        return [score.reason if isinstance(score, Skip) else score for score in rule(some)]

    each = (score for place, some in enumerate(batched(rows, AT_ONCE)) for score in keep(place, partial(said, some)))
    for number, score in enumerate(each):
        if isinstance(score, str):
            skips[number] = Skip(score)
        else:
            for name, value in score.items():
                found[name][number] = value
    return Scores(found, skips)


def combined(parts: Sequence[Scores], score_N: Floats, figures_N: Mapping[str, Floats]) -> Scores:
    """The scores of what is made of others. An answer that one of them could not score has none, for the reason that the first of these gives."""
    skips = {number: skip for part in reversed(parts) for number, skip in part.skips.items()}
    known_N = np.ones(len(score_N), np.bool_)
    known_N[list(skips)] = False
    return Scores({name: np.where(known_N, values, 0.0) for name, values in {SCORE: score_N, **figures_N}.items()}, skips)


def finite(name: str, scores: Scores) -> Scores:
    """The scores of a reward of this name, without those of answers of which a figure is beyond the numbers that there are."""
    fits_N = np.logical_and.reduce([np.isfinite(values) for values in scores.figures.values()])
    if fits_N.all():
        return scores
    beyond = dict.fromkeys(map(int, np.flatnonzero(~fits_N)), Skip(f"reward `{name}` is beyond all numbers"))
    return Scores({figure: np.where(fits_N, values, 0.0) for figure, values in scores.figures.items()}, beyond | dict(scores.skips))


def scores_by_part(parts: Mapping[str, Scores]) -> dict[str, Floats]:
    """[N] of each part, in the order of their names, so that a sum does not depend on the order in which they are written."""
    return {name: parts[name].score for name in sorted(parts)}
