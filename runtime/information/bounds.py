"""Upper bounds of the mean inference distance, and their rates, each up to a constant factor (arXiv:2402.10184).

n = |D| comparisons of variance 1, L = log n; M clusters of the chain, B roots of the tree with B leaves each. Logarithms are natural. What the
paper leaves open: the constants, so that a bound can be compared with a measured distance by its slope alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .bias import Bias, Numbers

F = Callable[[Numbers], Numbers]


@dataclass(frozen=True)
class Bound:
    """The bound, and the number of clusters or roots that it is reached at."""

    value: float
    at: int


def least(values: Numbers, at: Numbers) -> Bound:
    best = int(np.argmin(values))
    return Bound(float(values[best]), int(at[best]))


def chain_bound(structural: F, comparisons: int) -> Bound:
    """The least over M of `log_{n/M}(M) (1 + F(M))` where 2 M log M <= n <= M^2 (sparse), and of `F(M) + M^2/n` where M^2 <= n (dense)."""
    n = float(comparisons)
    M = np.arange(1.0, comparisons + 1)
    sparse = (2 * M * np.log(M) <= n) & (n <= M**2) & (n > M)
    dense = n >= M**2
    value_M = np.full(len(M), np.inf)
    value_M[dense] = structural(M[dense]) + M[dense] ** 2 / n
    hops = np.log(M[sparse]) / np.log(n / M[sparse])
    value_M[sparse] = np.minimum(value_M[sparse], hops * (1 + structural(M[sparse])))
    return least(value_M, M)


def tree_bound(structural: F, comparisons: int, margin: float, most_roots: int) -> Bound:
    """The least over B of the bounds below, g being the margin, each where n is in its range.

    3 B log B <= n <= B^2:    F(B / log B) + log_{n/B}(B) (1 + F(B^(1+g)))
    B^2 log B <= n <= B^4:    F(B / log B) + B^2/n + F(B^(1+g))
    B^4 log B <= n:           F(B / log B) + B^4/n
    """
    n = float(comparisons)
    B = np.arange(2.0, most_roots + 1)
    log_B = np.log(B)
    reach, inside = structural(B / log_B), structural(B ** (1 + margin))
    with np.errstate(divide="ignore", invalid="ignore"):
        forms = (
            ((3 * B * log_B <= n) & (n <= B**2), reach + log_B / np.log(n / B) * (1 + inside)),
            ((B**2 * log_B <= n) & (n <= B**4), reach + B**2 / n + inside),
            (B**4 * log_B <= n, reach + B**4 / n),
        )
    value_B = np.min([np.where(holds, value, np.inf) for holds, value in forms], axis=0)
    return least(value_B, B)


Rates = dict[tuple[str, int], float]  # (design, regime) -> rate; regime 1: the variance of bias paths is bounded below, 2: it vanishes


def power_rates(structural: F, information: float, alpha: float, comparisons: float) -> Rates:
    """F(M) = I M^-a with 0 < a < 1: chain/tree is `L^(1-a) / log L` in regime 1 and `L^(-2a/(2+a))` in regime 2."""
    L = math.log(comparisons)
    vanishing = information ** (2 / (2 + alpha)) * comparisons ** (-alpha / (2 + alpha))
    return {
        ("chain", 1): information * L ** (1 + alpha) / (comparisons**alpha * math.log(L)),
        ("tree", 1): information * L ** (2 * alpha) / comparisons**alpha,
        ("chain", 2): vanishing,
        ("tree", 2): vanishing * L ** (2 * alpha / (2 + alpha)),
    }


def logarithm_rates(structural: F, information: float, alpha: float, comparisons: float) -> Rates:
    """F(M) = I (log M)^-a: the same for both designs in both regimes."""
    value = information * math.log(comparisons) ** -alpha
    return {(design, regime): value for design in ("chain", "tree") for regime in (1, 2)}


def slow_rates(structural: F, information: float, alpha: float, comparisons: float) -> Rates:
    """F falls slower than any power of the logarithm: F(n^(1/2)), or F((I n)^(1/2)) less any power of L, for both designs."""
    clusters = {1: math.sqrt(comparisons), 2: math.sqrt(information * comparisons)}
    at = {regime: float(structural(np.array([max(1.0, M)]))[0]) for regime, M in clusters.items()}
    return {(design, regime): at[regime] for design in ("chain", "tree") for regime in (1, 2)}


RATES = {"power": power_rates, "logarithm": logarithm_rates, "slow": slow_rates}


@dataclass(frozen=True)
class Theory:
    """What the paper says of a structure after n comparisons: the bound of each design, and the rate of each in both regimes where it states one."""

    bounds: Mapping[str, Bound]
    rates: Rates


def theory(bias: Bias, variance: float, margin: float, comparisons: int) -> Theory:
    """In the unit of the structure: distances are divided by the variance of a comparison first, and multiplied by it in the end."""

    def structural(clusters_M: Numbers) -> Numbers:
        return bias.structural(clusters_M) / variance

    most_roots = int((bias.responses / 2) ** (1 / (1 + margin)))
    found = {"chain": chain_bound(structural, comparisons), "tree": tree_bound(structural, comparisons, margin, most_roots)}
    rates = RATES[bias.law](structural, bias.information / variance, bias.alpha, comparisons) if bias.law else {}
    return Theory({name: Bound(bound.value * variance, bound.at) for name, bound in found.items()}, {key: rate * variance for key, rate in rates.items()})
