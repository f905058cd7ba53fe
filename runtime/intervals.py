"""Intervals of means over rows, where rows of one cluster (one prompt) are not independent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

RESAMPLES = 4000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval and the number of rows it is taken over."""

    value: float
    low: float
    high: float
    n: int


def estimate(values: Sequence[float], clusters: Sequence[object], confidence: float, signed: bool = False) -> Estimate:
    """The mean with its interval.

    For 0/1 values on independent rows the Wilson interval, unless they are `signed` (differences); otherwise the percentile bootstrap over clusters
    (4,000 resamples, fixed seed). Source: Wilson 1927; Efron 1979. Left out: corrections for few clusters; below about 20 the interval is too short.
    """
    numbers = np.asarray(values, dtype=float)
    mean = float(numbers.mean())
    if not signed and len(set(clusters)) == len(numbers) and set(np.unique(numbers)) <= {0.0, 1.0}:
        return Estimate(mean, *wilson(mean, len(numbers), confidence), len(numbers))
    if not signed and numbers.min() == numbers.max() and 0.0 <= mean <= 1.0:
        return Estimate(mean, *wilson(mean, len(set(clusters)), confidence), len(numbers))  # equal values do not make the mean certain
    index = {c: i for i, c in enumerate(dict.fromkeys(clusters))}
    member = np.array([index[c] for c in clusters])
    sums = np.bincount(member, weights=numbers)
    sizes = np.bincount(member).astype(float)
    generator = np.random.default_rng(0)
    means = np.array([sums[draw].sum() / sizes[draw].sum() for draw in (generator.integers(len(sums), size=len(sums)) for _ in range(RESAMPLES))])
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Estimate(mean, float(low), float(high), len(numbers))


def wilson(share: float, n: int, confidence: float) -> tuple[float, float]:
    """Wilson's score interval of a share."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
