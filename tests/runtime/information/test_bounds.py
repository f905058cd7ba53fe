"""Bounds and rates of the mean inference distance, at the figures that the method card states."""

import math

import numpy as np
import pytest

from runtime.information.bounds import RATES, chain_bound, power_rates, theory, tree_bound
from runtime.structures.hierarchy import hierarchy
from runtime.structures.path import path


def power(information, alpha):
    return lambda M: information * M**-alpha


def gain(comparisons, alpha):
    rates = power_rates(power(1.0, alpha), 1.0, alpha, comparisons)
    return rates["chain", 1] / rates["tree", 1]


@pytest.mark.parametrize(("comparisons", "value"), [(1e3, 3.5742), (1e6, 5.2615), (1e9, 6.8365)])
def test_the_gain_of_the_tree_is_at_most_log_n_over_loglog_n(comparisons, value):
    """The limit of L^(1-a) / log L for small a."""
    assert gain(comparisons, 0.0) == pytest.approx(value, abs=1e-4)
    assert all(gain(comparisons, a) < gain(comparisons, 0.0) for a in (0.1, 0.5, 0.9))


@pytest.mark.parametrize(("alpha", "value"), [(0.3, 2.027), (0.6, 1.113), (0.9, 0.611)])
def test_the_ratio_of_rates_in_regime_1_at_1600_comparisons(alpha, value):
    assert gain(1600, alpha) == pytest.approx(value, abs=1e-3)


def test_the_ratio_in_regime_1_is_least_where_loglog_n_is_1_over_1_minus_a():
    alpha = 0.6
    sizes = [math.exp(L) for L in np.geomspace(1.5, 500, 20_000)]
    ratios = [gain(n, alpha) for n in sizes]
    assert min(ratios) == pytest.approx(math.e * (1 - alpha), abs=1e-6) and round(min(ratios), 4) == 1.0873
    assert math.log(math.log(sizes[int(np.argmin(ratios))])) == pytest.approx(1 / (1 - alpha), abs=1e-2)


@pytest.mark.parametrize("alpha", [0.3, 0.6, 0.9])
def test_in_regime_2_the_rate_of_the_chain_is_the_better_one(alpha):
    rates = power_rates(power(1.0, alpha), 5.0, alpha, 1600)
    L = math.log(1600)
    assert rates["tree", 2] / rates["chain", 2] == pytest.approx(L ** (2 * alpha / (2 + alpha))) and rates["tree", 2] > rates["chain", 2]
    assert rates["chain", 2] == pytest.approx(5.0 ** (2 / (2 + alpha)) * 1600 ** (-alpha / (2 + alpha)))


@pytest.mark.parametrize("law", ["logarithm", "slow"])
def test_for_structures_that_tighten_slowly_both_designs_have_the_same_rate(law):
    rates = RATES[law](lambda M: 3.0 / (1 + np.log(M)) ** 0.5, 3.0, 0.5, 1600)
    assert rates["chain", 1] == rates["tree", 1] and rates["chain", 2] == rates["tree", 2]


def least_chain(F, n):
    """By the words of the theorem, one number of clusters at a time."""
    dense = [F(M) + M * M / n for M in range(1, n + 1) if n >= M * M]
    sparse = [math.log(M) / math.log(n / M) * (1 + F(M)) for M in range(2, n) if 2 * M * math.log(M) <= n <= M * M]
    return min([*dense, *sparse])


def least_tree(F, n, g, most):
    found = []
    for B in range(2, most + 1):
        reach, inside = F(B / math.log(B)), F(B ** (1 + g))
        if 3 * B * math.log(B) <= n <= B * B:
            found.append(reach + math.log(B) / math.log(n / B) * (1 + inside))
        if B * B * math.log(B) <= n <= B**4:
            found.append(reach + B * B / n + inside)
        if B**4 * math.log(B) <= n:
            found.append(reach + B**4 / n)
    return min(found)


@pytest.mark.parametrize("information", [1e4, 3.0, 0.01])
@pytest.mark.parametrize("comparisons", [3, 5, 12, 100, 1600])
def test_the_bounds_are_the_least_over_what_the_theorems_allow(information, comparisons):
    F = power(information, 0.4)
    assert chain_bound(F, comparisons).value == pytest.approx(least_chain(F, comparisons))
    assert tree_bound(F, comparisons, 0.1, 500).value == pytest.approx(least_tree(F, comparisons, 0.1, 500))


def test_the_dense_bound_of_the_chain_grows_as_its_rate_in_regime_2():
    alpha = 0.5
    F = power(1e-3, alpha)
    ratios = [chain_bound(F, n).value / power_rates(F, 1e-3, alpha, n)["chain", 2] for n in (10**5, 10**6)]
    assert ratios[0] == pytest.approx(ratios[1], rel=0.05)


def test_bounds_are_in_the_unit_of_the_structure():
    """Ten times the variance everywhere is ten times the bound."""
    small, large = (hierarchy(responses=256, information=i, alpha=0.5, decay="power") for i in (4.0, 40.0))
    one, ten = theory(small, 1.0, 0.1, 100), theory(large, 10.0, 0.1, 100)
    assert ten.bounds["tree"].value == pytest.approx(10 * one.bounds["tree"].value) and ten.bounds["tree"].at == one.bounds["tree"].at
    assert ten.rates["chain", 1] == pytest.approx(10 * one.rates["chain", 1])


def test_no_rate_is_stated_where_the_paper_states_none():
    assert theory(path(responses=256, information=1.0), 1.0, 0.1, 100).rates == {}
