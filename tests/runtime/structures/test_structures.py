"""Every structure: the mean distance is the stated information, F is that of its definition (brute force), and it is in the order of its clusters."""

from itertools import combinations

import numpy as np
import pytest

from aligncompiler.spec.registry import kinds
from runtime.information.distances import mean_shortest, shortest
from runtime.structures.clique import clique
from runtime.structures.hierarchy import hierarchy
from runtime.structures.path import path
from runtime.structures.star import star

NONE = np.empty((0, 2), dtype=np.int64)


def make(name, responses=64, information=5.0):
    fields = {"responses": responses, "information": information}
    shapes = {"hierarchy": lambda: hierarchy(**fields, alpha=0.4, decay="power"), "logarithm": lambda: hierarchy(**fields, alpha=0.4, decay="logarithm")}
    return (shapes | {"path": lambda: path(**fields), "clique": lambda: clique(**fields), "star": lambda: star(**fields)})[name]()


ALL = ["hierarchy", "logarithm", "path", "clique", "star"]


def test_no_structure_is_forgotten_here():
    assert set(kinds("structures")) | {"logarithm"} == set(ALL)


def F(bias, *clusters):
    return bias.structural(np.array(clusters, dtype=float))


@pytest.mark.parametrize("name", ALL)
def test_the_mean_distance_before_any_comparison_is_the_information(name):
    bias = make(name)
    assert mean_shortest(bias, NONE, 1.0, np.arange(64)) == pytest.approx(5.0) and bias.information == pytest.approx(5.0)


@pytest.mark.parametrize("name", ALL)
def test_every_node_is_joined_and_every_variance_is_positive(name):
    bias = make(name)
    assert set(bias.edges_E2.ravel().tolist()) == set(range(bias.nodes)) and (bias.variance_E > 0).all()
    assert np.isfinite(shortest(bias, NONE, 1.0, np.arange(64))).all()


@pytest.mark.parametrize("name", ALL)
def test_the_structural_function_never_rises_and_ends_at_zero(name):
    values = F(make(name), *range(1, 65))
    assert (np.diff(values) <= 1e-12).all() and values[-1] == 0 and values[0] == pytest.approx(5.0)


def partitions(items, clusters, least, most):
    """All partitions into so many sets of allowed sizes."""
    if clusters == 0:
        yield from [[]] if not items else []
        return
    if len(items) < clusters * least or len(items) > clusters * most:
        return
    first, rest = items[0], items[1:]
    for size in range(max(1, least), min(most, len(items)) + 1):
        for others in combinations(rest, size - 1):
            left = [i for i in rest if i not in others]
            yield from ([(first, *others), *more] for more in partitions(left, clusters - 1, least, most))


def by_definition(bias, clusters):
    """The least d, looked for among all partitions."""
    n = bias.responses
    d = shortest(bias, NONE, 1.0, np.arange(n))

    def inner(cluster):
        pairs = list(combinations(cluster, 2))
        return np.mean([d[a, b] for a, b in pairs]) if pairs else 0.0

    least, most = -(-n // (2 * clusters)), (2 * n) // clusters
    return min(max(map(inner, partition)) for partition in partitions(list(range(n)), clusters, least, most))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("clusters", [1, 2, 4, 8])
def test_the_structural_function_is_that_of_its_definition(name, clusters):
    bias = make(name, responses=8)
    assert F(bias, clusters)[0] == pytest.approx(by_definition(bias, clusters), abs=1e-12)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("clusters", [3, 5, 6])
def test_between_powers_of_two_it_is_exact_or_for_a_hierarchy_a_bound_no_lower_than_the_next(name, clusters):
    bias = make(name, responses=8)
    exact, said = by_definition(bias, clusters), F(bias, clusters)[0]
    assert said >= exact - 1e-12
    if name in ("path", "clique", "star"):
        assert said == pytest.approx(exact)
    else:
        assert exact >= F(bias, 2 ** int(np.ceil(np.log2(clusters))))[0] - 1e-12


@pytest.mark.parametrize("name", ["clique", "star"])
def test_f_of_a_clique_and_of_a_star_is_constant(name):
    assert np.ptp(F(make(name, responses=64), *range(1, 64))) == 0


def test_doubling_the_clusters_of_a_path_halves_f_within_a_tenth():
    values = F(make("path", responses=1024), 1, 2, 4, 8, 16, 32)
    assert np.allclose(values[1:] / values[:-1], 0.5, rtol=0.1)


@pytest.mark.parametrize("alpha", [0.3, 0.6, 0.9])
def test_f_of_a_hierarchy_is_a_power_law_until_the_leaves(alpha):
    bias = hierarchy(responses=8192, information=1e4, alpha=alpha, decay="power")
    clusters = 2.0 ** np.arange(10)
    slope = np.polyfit(np.log(clusters), np.log(bias.structural(clusters)), 1)[0]
    assert slope == pytest.approx(-alpha, abs=0.01)


def test_the_logarithmic_law_falls_as_a_power_of_the_depth():
    bias = hierarchy(responses=2**16, information=1.0, alpha=0.5, decay="logarithm")
    d = shortest(bias, NONE, 1.0, np.array([0]))[0]
    apart = d[2 ** np.arange(15, -1, -1)]  # from response 0, at deepest common node 0, 1, ...
    assert np.allclose(apart / apart[0], (1 + np.arange(16)) ** -0.5)


def test_the_distances_of_a_clique_are_those_of_a_star():
    graphs = [make(name, responses=9) for name in ("clique", "star")]
    first, second = (shortest(graph, NONE, 1.0, np.arange(9)) for graph in graphs)
    assert np.allclose(first, second)
