"""Intervals hold what they promise."""

import numpy as np
import pytest

from runtime.intervals import estimate, wilson


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [(0.5, 10, 0.2366, 0.7634), (0.0, 10, 0.0, 0.2775), (1.0, 10, 0.7225, 1.0), (0.2, 50, 0.1124, 0.3304), (0.81, 100, 0.7222, 0.8749)],
)
def test_wilson_has_the_tabled_values(share, n, low, high):
    assert wilson(share, n, 0.95) == pytest.approx((low, high), abs=1e-4)


def test_independent_rows_of_zeros_and_ones_take_wilson():
    found = estimate([1, 1, 0, 1], ["a", "b", "c", "d"], 0.95)
    assert (found.value, found.n) == (0.75, 4)
    assert (found.low, found.high) == wilson(0.75, 4, 0.95)


def test_shares_that_are_alike_in_all_clusters_are_not_certain():
    found = estimate([0, 1] * 6, [i // 2 for i in range(12)], 0.95)
    assert (found.value, found.low, found.high) == (0.5, *wilson(0.5, 6, 0.95))


def test_a_higher_confidence_is_wider():
    values, clusters = np.random.default_rng(0).normal(size=60), list(range(60))
    narrow, wide = estimate(values, clusters, 0.8), estimate(values, clusters, 0.99)
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high


def test_the_interval_is_the_same_every_time():
    values, clusters = [0.1, 0.5, 0.9, 0.4], ["a", "a", "b", "c"]
    assert estimate(values, clusters, 0.95) == estimate(values, clusters, 0.95)


def covered(clustered, repeats=200, clusters=40, size=4):
    """Share of intervals that hold the true mean 0, for rows that share a cluster's own shift."""
    random = np.random.default_rng(1)
    hits = 0
    for _ in range(repeats):
        values = (random.normal(size=(clusters, 1)) + 0.3 * random.normal(size=(clusters, size))).ravel()
        groups = np.repeat(np.arange(clusters), size) if clustered else np.arange(clusters * size)
        found = estimate(values, groups.tolist(), 0.95)
        hits += found.low <= 0 <= found.high
    return hits / repeats


def test_the_bootstrap_over_clusters_covers_the_mean_and_one_over_rows_would_not(monkeypatch):
    monkeypatch.setattr("runtime.intervals.RESAMPLES", 400)
    assert 0.90 <= covered(clustered=True) <= 0.99
    assert covered(clustered=False) < 0.80


def test_a_paired_difference_is_tighter_than_its_parts():
    random = np.random.default_rng(2)
    hard = random.normal(size=200)
    one, other = hard + 0.1 * random.normal(size=200), hard + 0.15 + 0.1 * random.normal(size=200)
    rows = list(range(200))
    difference = estimate(other - one, rows, 0.95, signed=True)
    assert difference.low > 0.1
    parts = [estimate(v, rows, 0.95) for v in (one, other)]
    assert parts[0].high > parts[1].low, "unpaired, the two could not be told apart"


def test_differences_that_happen_to_be_zeros_and_ones_are_no_shares():
    assert estimate([0.0] * 20, list(range(20)), 0.95, signed=True).high == 0.0
    assert estimate([0.0] * 20, list(range(20)), 0.95).high > 0.1


def test_uneven_clusters_weigh_by_their_rows():
    assert estimate([1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"], 0.95).value == 0.75


def test_equal_clusters_that_are_drawn_together_give_the_interval_of_those_drawn_one_by_one(monkeypatch):
    random = np.random.default_rng(3)
    sizes = random.integers(1, 4, 1000)
    clusters = np.arange(1000).repeat(sizes)
    values = random.choice([0.0, 0.5, 1.0], 1000).repeat(sizes)  # nine sorts of clusters at most
    monkeypatch.setattr("runtime.intervals.RESAMPLES", 20_000)
    apart = estimate(values, clusters.tolist(), 0.95)
    monkeypatch.setattr("runtime.intervals.MANY", 1000)
    together = estimate(values, clusters.tolist(), 0.95)
    assert together != apart, "they were drawn one by one"
    width = apart.high - apart.low
    assert (together.low, together.high) == pytest.approx((apart.low, apart.high), abs=0.02 * width)
