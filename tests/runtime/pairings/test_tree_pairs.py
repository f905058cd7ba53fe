"""Pairs of leaves and of other nodes of a tree."""

from collections import Counter
from itertools import combinations, product
from random import Random

import pytest

from aligncompiler.spec.topology import Tree
from runtime.candidates import Candidates
from runtime.pairings.tree_pairs import rounded, tree_pairs

ALL = {"full": 1.0, "cross": 0.0, "unfinished": 0.0, "drop_same": True, "min_gap": 0.0}


def perfect(depth, trees=1, seed=0, scores=None, texts=None):
    """Every node of perfect binary trees, leaves first; each has a text and a score of its own."""
    levels = [range(1, depth + 1)[::-1]][0]
    paths = [(tree, *path) for level in levels for tree in range(trees) for path in product(range(2), repeat=level)]
    scores = scores or [float(i) for i in range(len(paths))]
    return Candidates({"score": scores}, texts or [str(p) for p in paths], paths, [len(p) == depth + 1 for p in paths], Random(seed))


def common(a, b):
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))) - 1


@pytest.mark.parametrize(("depth", "at"), [(3, {0: 16, 1: 8, 2: 4}), (2, {0: 4, 1: 2}), (1, {0: 1})])
def test_a_perfect_binary_tree_has_so_many_pairs_at_each_depth(depth, at):
    answers = perfect(depth)
    found = tree_pairs(answers, per_tree=1000, **ALL)
    assert Counter(common(answers.paths[a], answers.paths[b]) for a, b in found) == at
    if depth == 3:
        assert sum(common(answers.paths[a], answers.paths[b]) for a, b in found) / len(found) == pytest.approx(0.571429, abs=1e-6)
    assert all(answers.scores[a] > answers.scores[b] for a, b in found)


def test_the_most_pairs_of_a_topology_are_those_of_a_perfect_tree():
    for depth in (1, 2, 3, 4):
        answers = perfect(depth)
        sorts = Counter()
        for (a, x), (b, y) in combinations(list(zip(answers.paths, answers.whole, strict=True)), 2):
            if a[: len(b)] != b and b[: len(a)] != a:
                sorts[x + y] += 1
        assert Tree(depth=depth).pairs == (sorts[2], sorts[1], sorts[0])


def test_pairs_of_each_sort_come_in_their_proportions_and_none_twice():
    count = Counter()
    for seed in range(200):
        answers = perfect(3, trees=2, seed=seed)
        found = tree_pairs(answers, per_tree=5, **ALL | {"full": 2.0, "cross": 1.0, "unfinished": 1.0})
        assert len(found) == len(set(found)) == 10
        for a, b in found:
            assert answers.paths[a][0] == answers.paths[b][0], "a pair is of one tree"
            assert answers.paths[a][: len(answers.paths[b])] != answers.paths[b] and answers.paths[b][: len(answers.paths[a])] != answers.paths[a]
            count[answers.whole[a] + answers.whole[b]] += 1
    assert count[2] / 2000 == pytest.approx(0.5, abs=0.03) and count[1] / 2000 == pytest.approx(0.25, abs=0.03)


def test_every_pair_is_as_likely_as_any_other():
    found = Counter(pair for seed in range(2000) for pair in tree_pairs(perfect(2, seed=seed), per_tree=2, **ALL))
    assert len(found) == 6 and all(2000 / 3 * 0.85 < count < 2000 / 3 * 1.15 for count in found.values())


def test_equal_texts_count_once_unless_they_are_kept():
    answers = perfect(2, texts=["a", "a", "b", "c", "x", "y"], scores=[1.0, 1.0, 0.0, 2.0, 0.0, 0.0])
    assert set(tree_pairs(answers, per_tree=9, **ALL)) == {(0, 2), (3, 0), (3, 2)}
    assert set(tree_pairs(answers, per_tree=9, **ALL | {"drop_same": False})) == {(0, 2), (1, 2), (3, 0), (3, 1), (3, 2)}


def test_scores_that_are_too_close_make_no_pair():
    answers = perfect(1, scores=[1.0, 0.6])
    assert tree_pairs(answers, per_tree=1, **ALL | {"min_gap": 0.5}) == []
    assert tree_pairs(answers, per_tree=1, **ALL | {"min_gap": 0.3}) == [(0, 1)]


@pytest.mark.parametrize("shares", [(1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.3, 0.7), (2.0, 1.0, 1.0)])
def test_whole_numbers_add_up_and_are_right_in_the_mean(shares):
    drawn = [rounded(5, shares, (i + 0.5) / 1000) for i in range(1000)]
    assert all(sum(counts) == 5 and min(counts) >= 0 for counts in drawn)
    for sort, share in enumerate(shares):
        assert sum(counts[sort] for counts in drawn) / 1000 == pytest.approx(5 * share / sum(shares), abs=0.01)
        assert all(abs(counts[sort] - 5 * share / sum(shares)) < 1 for counts in drawn)
