"""Designs draw what they say: how many pairs, of which responses."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from runtime.information.designs import chain, tree


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_a_chain_draws_different_responses_uniformly(generator):
    pairs = chain(generator, 8, 80_000, 8)
    assert pairs.shape == (80_000, 2) and (pairs[:, 0] != pairs[:, 1]).all()
    counts = Counter(map(tuple, np.sort(pairs, axis=1).tolist()))
    assert len(counts) == 28 and max(counts.values()) / min(counts.values()) < 1.2


def test_a_pool_is_few_responses_that_are_drawn_anew_each_time(generator):
    first, second = (set(chain(generator, 1000, 500, 20).ravel().tolist()) for _ in range(2))
    assert len(first) == 20 == len(second) and first != second


def test_the_leaves_of_a_tree_lie_below_few_roots_as_tight_as_the_margin_says(generator):
    pairs = tree(generator, 1024, 5000, 8, 0.0)
    blocks = set((pairs // 128).ravel().tolist())
    assert pairs.shape == (5000, 2) and (pairs[:, 0] != pairs[:, 1]).all() and len(blocks) <= 8
    assert len(set(pairs.ravel().tolist())) <= 64
    tight = tree(generator, 1024, 5000, 8, 1.0)
    assert len(set((tight // 16).ravel().tolist())) <= 8


def test_most_pairs_of_a_tree_lie_across_its_roots(generator):
    across = [np.mean(p[:, 0] // 32 != p[:, 1] // 32) for p in (tree(generator, 4096, 400, 16, 0.75) for _ in range(40))]
    assert np.mean(across) == pytest.approx(15 / 16, abs=0.02)


@pytest.mark.parametrize("responses", [4, 5])
def test_the_smallest_tree_has_a_pair(responses):
    for seed in range(50):
        assert len(tree(np.random.default_rng(seed), responses, 3, 2, 0.0)) == 3


def test_a_perfect_binary_tree_of_depth_3_has_16_8_4_pairs_by_their_deepest_common_node():
    from runtime.information.distances import shortest
    from runtime.structures.hierarchy import hierarchy

    shape = hierarchy(responses=8, information=1.0, alpha=0.5, decay="power")
    d = shortest(shape, np.empty((0, 2), dtype=np.int64), 1.0, np.arange(8))
    counts = Counter(round(float(d[a, b]), 9) for a, b in combinations(range(8), 2))
    by_depth = [counts[value] for value in sorted(counts, reverse=True)]
    assert by_depth == [16, 8, 4] and sum(depth * n for depth, n in enumerate(by_depth)) / 28 == pytest.approx(0.571429, abs=1e-6)
