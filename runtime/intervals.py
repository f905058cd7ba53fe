"""Intervals of means and of any statistic over rows, where rows of one cluster (one prompt) are not independent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from .clusters import by_appearance
from .encoded import Floats, Ints

RESAMPLES = 4000  # of means
MANY = 10_000  # clusters from which those that are equal are drawn together
STATISTIC_RESAMPLES = 1000  # of other statistics, which are computed anew for each

Tell = Callable[[int, int], None]  # hears how many resamples are done, of how many
Statistic = Callable[[Floats], float]  # of rows, [N] or [N, K]; NaN where they give none


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval and the number of rows it is taken over."""

    value: float
    low: float
    high: float
    n: int


def untold(done: int, total: int) -> None:
    """Where nobody waits for it."""


def estimate(values: Sequence[float] | Floats, clusters: Sequence[object] | Ints, confidence: float, signed: bool = False, tell: Tell = untold) -> Estimate:
    """The mean with its interval.

    For 0/1 values on independent rows the Wilson interval, unless they are `signed` (differences); otherwise the percentile bootstrap over clusters
    (4,000 resamples, fixed seed). Source: Wilson 1927; Efron 1979. Left out: corrections for few clusters; below about 20 the interval is too short.
    """
    numbers = np.asarray(values, dtype=float)
    mean = float(numbers.mean())
    member = by_appearance(np.asarray(clusters))
    num_clusters = int(member.max()) + 1
    if not signed and num_clusters == len(numbers) and set(np.unique(numbers)) <= {0.0, 1.0}:
        return Estimate(mean, *wilson(mean, len(numbers), confidence), len(numbers))
    sums = np.bincount(member, weights=numbers)
    sizes = np.bincount(member).astype(float)
    if not signed and len(set(sums / sizes)) == 1 and set(np.unique(numbers)) <= {0.0, 0.5, 1.0}:
        return Estimate(mean, *wilson(mean, num_clusters, confidence), len(numbers))  # that clusters are alike does not make the mean certain
    return Estimate(mean, *middle(resampled(sums, sizes, tell), confidence), len(numbers))


def resampled(sums_C: Floats, sizes_C: Floats, tell: Tell) -> Floats:
    """Means of `RESAMPLES` resamples of C clusters, given by their sums and sizes.

    Where there are many clusters and few that differ, a resample is drawn as how often each sort occurs, a multinomial number: the same distribution.
    """
    generator = np.random.default_rng(0)
    if len(sums_C) >= MANY:
        sorts_S2, counts_S = np.unique(np.stack([sums_C, sizes_C], 1), axis=0, return_counts=True)
        if len(counts_S) <= len(sums_C) // 100:
            drawn_RS = generator.multinomial(len(sums_C), counts_S / len(sums_C), size=RESAMPLES)
            tell(RESAMPLES, RESAMPLES)
            means_R: Floats = drawn_RS @ sorts_S2[:, 0] / (drawn_RS @ sorts_S2[:, 1])
            return means_R
    means = np.empty(RESAMPLES)
    for number in range(RESAMPLES):
        drawn = generator.integers(len(sums_C), size=len(sums_C))
        means[number] = sums_C[drawn].sum() / sizes_C[drawn].sum()
        tell(number + 1, RESAMPLES)
    return means


def estimate_of(
    statistic: Statistic, values: Floats, clusters: Sequence[object] | Ints, confidence: float, share: bool = False, tell: Tell = untold
) -> Estimate | None:
    """Any statistic of rows with the percentile bootstrap over clusters (1,000 resamples, fixed seed); None where the rows give none.

    Resamples that give none are left out. A `share` that is the same in all resamples has Wilson's interval, as if it were one of clusters. Source: Efron
    1979. Statistics that are bounded below by zero, such as a calibration error, are biased upwards in few rows, and so are their resamples.
    """
    value = statistic(values)
    if not math.isfinite(value):
        return None
    member = by_appearance(np.asarray(clusters))
    order, sizes = member.argsort(kind="stable"), np.bincount(member)
    starts = sizes.cumsum() - sizes
    generator = np.random.default_rng(0)
    found = np.empty(STATISTIC_RESAMPLES)
    for number in range(STATISTIC_RESAMPLES):
        drawn = generator.integers(len(sizes), size=len(sizes))
        some = sizes[drawn]
        within = np.arange(some.sum()) - (some.cumsum() - some).repeat(some)
        found[number] = statistic(values[order[starts[drawn].repeat(some) + within]])
        tell(number + 1, STATISTIC_RESAMPLES)
    low, high = middle(found[np.isfinite(found)], confidence)
    if share and low == high:
        low, high = wilson(min(1.0, max(0.0, float(value))), len(sizes), confidence)
    return Estimate(float(value), low, high, len(values))


def middle(found: Floats, confidence: float) -> tuple[float, float]:
    """The middle `confidence` of resampled figures."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)


def wilson(share: float, n: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
