"""Inference distance: the variance of the difference of two rewards, given the inductive bias and comparisons.

P: comparisons; E: edges; S: sources; Y: responses. Parallel comparisons of one pair combine to one edge: k of variance v to v / k.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra, laplacian
from scipy.sparse.linalg import splu

from .bias import Bias, Numbers, Whole


def logistic_variance(scale: float) -> float:
    """Variance of a logistic distribution: `pi^2 scale^2 / 3`."""
    return math.pi**2 * scale**2 / 3


def compared(pairs_P2: Whole, variance: float, nodes: int) -> tuple[Whole, Numbers]:
    """(edges, variances) of comparisons, each pair once, whichever way round it was drawn."""
    low_P, high_P = pairs_P2.min(axis=1), pairs_P2.max(axis=1)
    found_E, count_E = np.unique(low_P * nodes + high_P, return_counts=True)
    return np.stack([found_E // nodes, found_E % nodes], axis=1), variance / count_E


def shortest(bias: Bias, pairs_P2: Whole, variance: float, sources_S: Whole) -> Numbers:
    """Least variance over the paths from each source to each response: variances add along a path. A pair that shares two edges has the better one."""
    edges_E2, variance_E = compared(pairs_P2, variance, bias.nodes)
    edges_E2, variance_E = np.concatenate([bias.edges_E2, edges_E2]), np.concatenate([bias.variance_E, variance_E])
    from_E, to_E = edges_E2.min(axis=1), edges_E2.max(axis=1)
    order_E = np.lexsort([variance_E, to_E, from_E])
    from_E, to_E, variance_E = from_E[order_E], to_E[order_E], variance_E[order_E]
    first_E = np.append(True, (np.diff(from_E) != 0) | (np.diff(to_E) != 0))  # a matrix would add the entries of one place
    graph = csr_matrix((variance_E[first_E], (from_E[first_E], to_E[first_E])), shape=(bias.nodes, bias.nodes))
    found: Numbers = dijkstra(graph, directed=False, indices=sources_S)[:, : bias.responses]
    return found


def resistance(bias: Bias, pairs_P2: Whole, variance: float, sources_S: Whole) -> Numbers:
    """Effective resistance between sources, an edge being a resistor of its variance: that of Gaussian edges, of which all paths add up.

    Source: Klein and Randic 1993. The Laplacian is factorised once, the last node being held at zero.
    """
    edges_E2, variance_E = compared(pairs_P2, variance, bias.nodes)
    edges_E2, variance_E = np.concatenate([bias.edges_E2, edges_E2]), np.concatenate([bias.variance_E, variance_E])
    conductance = csr_matrix((1 / variance_E, (edges_E2[:, 0], edges_E2[:, 1])), shape=(bias.nodes, bias.nodes))
    held = bias.nodes - 1
    factors = splu(
        laplacian(conductance + conductance.T).tocsc()[:held, :held], permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    unit_NS = np.zeros((bias.nodes, len(sources_S)))
    unit_NS[sources_S, np.arange(len(sources_S))] = 1.0
    potential_NS = np.zeros_like(unit_NS)
    potential_NS[:held] = factors.solve(unit_NS[:held])
    between_SS = potential_NS[sources_S]
    own_S = np.diag(between_SS)
    found: Numbers = own_S[:, None] + own_S[None, :] - between_SS - between_SS.T
    return found


def mean_shortest(bias: Bias, pairs_P2: Whole, variance: float, sources_S: Whole) -> float:
    """Mean over the sources and all other responses."""
    return float(shortest(bias, pairs_P2, variance, sources_S).sum() / (len(sources_S) * (bias.responses - 1)))


def mean_resistance(bias: Bias, pairs_P2: Whole, variance: float, sources_S: Whole) -> float:
    """Mean over pairs of different sources."""
    count = len(sources_S)
    return float(resistance(bias, pairs_P2, variance, sources_S).sum() / (count * (count - 1)))


DISTANCES = {"shortest": mean_shortest, "resistance": mean_resistance}
