"""Inference distances: paths add, parallel comparisons divide, a metric in both ways; the figures of the card are exact."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.information.bias import Bias
from runtime.information.distances import logistic_variance, mean_resistance, mean_shortest, resistance, shortest

NONE = np.empty((0, 2), dtype=np.int64)


def bias(edges, variances, nodes=None, responses=None):
    nodes = nodes or 1 + max(max(e) for e in edges)
    return Bias(responses or nodes, nodes, np.array(edges), np.array(variances, dtype=float), lambda M: np.ones_like(M))


def everything(graph, pairs, variance=1.0):
    sources = np.arange(graph.responses)
    return shortest(graph, pairs, variance, sources), resistance(graph, pairs, variance, sources)


def test_the_variance_of_a_standard_logistic_is_a_third_of_pi_squared():
    assert round(logistic_variance(1.0), 6) == 3.289868
    assert logistic_variance(math.sqrt(3) / math.pi) == pytest.approx(1.0, abs=1e-15)


def test_the_logistic_variance_is_that_of_drawn_noise():
    noise = np.random.default_rng(0).logistic(scale=2.0, size=1_000_000)
    assert noise.var() == pytest.approx(logistic_variance(2.0), rel=0.01)


def test_the_sigmoid_form_of_a_comparison_is_bradley_terry():
    """delta ~ Logistic(b rA - b rB, 1/b): P(delta > 0) = sigma(b (b rA - b rB))."""
    b, gap = 1.7, 0.4
    delta = np.random.default_rng(0).logistic(b * gap, 1 / b, size=1_000_000)
    assert (delta > 0).mean() == pytest.approx(1 / (1 + math.exp(-b * b * gap)), abs=0.002)


def test_variances_add_along_a_path():
    path, ohms = everything(bias([(0, 1), (1, 2), (2, 3)], [0.5, 1.25, 2.0]), NONE)
    assert path[0, 3] == pytest.approx(3.75) and ohms[0, 3] == pytest.approx(3.75)


def test_two_edges_of_one_beside_one_of_three_are_two_by_path_and_1_2_by_resistance():
    path, ohms = everything(bias([(0, 1), (1, 2), (0, 2)], [1.0, 1.0, 3.0]), NONE)
    assert path[0, 2] == pytest.approx(2.0) and ohms[0, 2] == pytest.approx(1.2)


@pytest.mark.parametrize("k", [1, 2, 3, 10])
def test_k_parallel_comparisons_of_one_pair_have_a_kth_of_the_variance(k):
    far = bias([(0, 1)], [1e12])
    pairs = np.array([(0, 1), (1, 0)] * k)[:k]
    path, ohms = everything(far, pairs, 3.0)
    assert path[0, 1] == pytest.approx(3.0 / k) and ohms[0, 1] == pytest.approx(3.0 / k, rel=1e-9)


def test_a_comparison_beside_an_edge_of_bias_is_the_better_of_the_two_or_both_in_parallel():
    path, ohms = everything(bias([(0, 1)], [2.0]), np.array([(0, 1)]), 2.0)
    assert path[0, 1] == pytest.approx(2.0) and ohms[0, 1] == pytest.approx(1.0)


@st.composite
def networks(draw):
    """A connected graph with some comparisons."""
    nodes = draw(st.integers(3, 9))
    variance = st.floats(0.01, 100)
    edges = [(draw(st.integers(0, child - 1)), child) for child in range(1, nodes)]
    pair = st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)).filter(lambda p: p[0] != p[1])
    pairs = draw(st.lists(pair, min_size=1, max_size=12))
    return bias(edges, [draw(variance) for _ in edges]), np.array(pairs), draw(variance)


@given(networks())
@settings(max_examples=60, deadline=None)
def test_both_distances_are_symmetric_zero_to_oneself_and_keep_the_triangle_inequality(network):
    for d in everything(*network):
        assert np.allclose(d, d.T, rtol=1e-6) and np.allclose(np.diag(d), 0)
        assert (d[:, :, None] <= d[:, None, :] + d.T[None, :, :] + 1e-6 * d.max()).all()


@given(networks())
@settings(max_examples=60, deadline=None)
def test_a_further_comparison_never_takes_anything_further_apart_and_resistance_is_never_above_the_shortest_path(network):
    graph, pairs, variance = network
    before, after = everything(graph, pairs[:-1] if len(pairs) > 1 else NONE, variance), everything(graph, pairs, variance)
    for d, less in zip(before, after, strict=True):
        assert (less <= d * (1 + 1e-6) + 1e-9).all()
    assert (after[1] <= after[0] * (1 + 1e-6) + 1e-9).all()


@given(networks())
@settings(max_examples=40, deadline=None)
def test_resistance_is_the_posterior_variance_of_a_difference_under_gaussian_edges(network):
    graph, pairs, variance = network
    precision = np.zeros((graph.nodes, graph.nodes))
    edges = [*zip(graph.edges_E2, graph.variance_E, strict=True), *((pair, variance) for pair in pairs)]
    for (a, b), v in edges:
        difference = np.zeros(graph.nodes)
        difference[a], difference[b] = 1, -1
        precision += np.outer(difference, difference) / v
    covariance = np.linalg.pinv(precision)
    d = np.diag(covariance)[:, None] + np.diag(covariance)[None] - 2 * covariance
    assert np.allclose(everything(graph, pairs, variance)[1], d, rtol=1e-5, atol=1e-7 * d.max())


def test_a_hidden_node_is_passed_through_and_is_no_response():
    star = bias([(0, 3), (1, 3), (2, 3)], [1.0, 1.0, 1.0], responses=3)
    path, ohms = everything(star, NONE)
    assert path.shape == (3, 3) and path[0, 2] == pytest.approx(2.0) and ohms[0, 2] == pytest.approx(2.0)


def test_the_mean_is_over_pairs_of_different_responses():
    row = bias([(0, 1), (1, 2)], [1.0, 1.0])
    everyone = np.arange(3)
    assert mean_shortest(row, NONE, 1.0, everyone) == pytest.approx(4 / 3) and mean_resistance(row, NONE, 1.0, everyone) == pytest.approx(4 / 3)
    assert mean_shortest(row, NONE, 1.0, np.array([0])) == pytest.approx(1.5)
