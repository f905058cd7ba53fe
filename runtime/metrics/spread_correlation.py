"""Whether the spread that a scorer tells goes with the error it makes."""

from __future__ import annotations

from functools import partial

import numpy as np

from aligncompiler.spec.judging import SpreadCorrelation

from ..correlation import pearson
from ..encoded import Floats
from ..judge import Group, Judge, Measured
from ..registry import implements


@implements(SpreadCorrelation)
def spread_correlation(judge: Judge) -> Measured:
    """Pearson correlation of sigma with |rating - mean|, mean over attributes; a group for each attribute."""
    names, mean_NA, std_NA, rating_NA = judge.gaussians()
    values_NA2 = np.stack([std_NA, np.abs(rating_NA - mean_NA)], 2)
    rows = np.arange(len(values_NA2))
    groups = {name: Group(rows, partial(of_attributes, places=(place,)), (place,)) for place, name in enumerate(names)}
    return Measured(values_NA2, groups, statistic=partial(of_attributes, places=tuple(range(len(names)))))


def of_attributes(values_NA2: Floats, places: tuple[int, ...]) -> float:
    """The mean over attributes of the correlation of spread and error."""
    return float(np.mean([pearson(values_NA2[:, place]) for place in places]))
