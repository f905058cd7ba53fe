"""Expected calibration error of a Bradley-Terry model."""

from __future__ import annotations

from functools import partial

import numpy as np

from aligncompiler.spec.judging import CalibrationError

from ..encoded import Floats, Ints
from ..judge import Group, Judge, Measured, in_order
from ..registry import implements


@implements(CalibrationError)
def calibration_error(judge: Judge, *, bins: int) -> Measured:
    """sum over bins of n_bin / n x |share in the right order - mean probability|, the probability of an order being sigma(|difference of scores|).

    Each bin is a group, which tells by how much the share exceeds the probability, less than 0 where the scorer is too sure. Source: arXiv:1706.04599.
    """
    scores_N2 = judge.pair_scores()
    said_N = 1 / (1 + np.exp(-np.abs(scores_N2[:, 0] - scores_N2[:, 1])))
    values = np.stack([in_order(scores_N2), said_N], 1)
    bin_N = bins_of(np.nan_to_num(said_N, nan=0.5), bins)
    edges = np.linspace(0.5, 1.0, bins + 1)
    rows = {number: np.flatnonzero((bin_N == number) & ~np.isnan(said_N)) for number in range(bins)}
    groups = {f"said {edges[n]:.3g} to {edges[n + 1]:.3g}, right more often by": Group(members, excess) for n, members in rows.items() if len(members)}
    return Measured(values, groups, statistic=partial(expected_error, bins=bins))


def bins_of(said_N: Floats, bins: int) -> Ints:
    """The bin of each probability in [1/2, 1], [N]; the last one holds 1."""
    return np.minimum(((said_N - 0.5) * 2 * bins).astype(np.int64), bins - 1)


def expected_error(rows_N2: Floats, bins: int) -> float:
    """Of (right, said)."""
    which = bins_of(rows_N2[:, 1], bins)
    return float(np.abs(np.bincount(which, weights=rows_N2[:, 0] - rows_N2[:, 1], minlength=bins)).sum() / len(rows_N2))


def excess(rows_N2: Floats) -> float:
    """Share that is right less the mean probability."""
    return float((rows_N2[:, 0] - rows_N2[:, 1]).mean())
