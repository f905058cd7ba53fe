"""Accuracy for each style of the two answers, as RM-Bench counts it."""

from __future__ import annotations

import numpy as np

from aligncompiler.spec.judging import StyleAccuracy

from ..encoded import Floats, Ints
from ..fault import Fault
from ..judge import Group, Judge, Measured, in_order
from ..registry import implements

VERSIONS = ("chosen_version", "rejected_version")


@implements(StyleAccuracy)
def style_accuracy(judge: Judge, *, styles: tuple[str, ...], by: str | None) -> Measured:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0. The mean over the cells of (style of the chosen, style of the rejected answer); `hard`
    over those where the chosen one is plainer, `normal` over equal styles, `easy` over the others. Source: arXiv:2410.16184. Raises Fault for rows that
    list another number of answers.
    """
    version_N2: Ints = np.array([judge.column(name) for name in VERSIONS]).T
    if version_N2.min() < 0 or version_N2.max() >= len(styles):
        raise Fault("P603", f"the rows list {int(version_N2.max()) + 1} answers, and there are {len(styles)} styles", "metrics")
    chosen, rejected = version_N2.T
    cell = chosen * len(styles) + rejected
    groups = {"easy": Group(np.flatnonzero(chosen > rejected)), "normal": Group(np.flatnonzero(chosen == rejected))}
    groups["hard"] = Group(np.flatnonzero(chosen < rejected))
    for a, right in enumerate(styles):
        groups |= {f"{right} over {wrong}": Group(np.flatnonzero((chosen == a) & (rejected == b))) for b, wrong in enumerate(styles)}
    return Measured(np.stack([in_order(judge.pair_scores()), cell], 1), groups | judge.groups(by), statistic=over_cells)


def over_cells(rows_N2: Floats) -> float:
    """The mean over cells, as far as they have rows, of the mean of their rows."""
    cell = rows_N2[:, 1].astype(int)
    sizes = np.bincount(cell)
    return float((np.bincount(cell, weights=rows_N2[:, 0])[sizes > 0] / sizes[sizes > 0]).mean()) if len(sizes) else float("nan")
