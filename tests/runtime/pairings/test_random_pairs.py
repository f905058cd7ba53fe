"""Pairs drawn at random."""

from collections import Counter
from random import Random

from runtime.candidates import Candidates
from runtime.pairings.random_pairs import random_pairs


def answers(*scores, texts=(), seed=0):
    return Candidates({"score": scores}, texts, random=Random(seed))


def test_every_pair_with_a_difference_is_as_likely_as_any_other():
    found = Counter(pair for seed in range(3000) for pair in random_pairs(answers(0.0, 1.0, 1.0, 2.0, seed=seed), per_prompt=1, min_gap=0.0))
    assert set(found) == {(1, 0), (2, 0), (3, 0), (3, 1), (3, 2)}
    assert all(600 * 0.85 < count < 600 * 1.15 for count in found.values())


def test_no_pair_comes_twice_and_all_come_where_there_are_no_more():
    assert sorted(random_pairs(answers(0.0, 1.0, 2.0), per_prompt=9, min_gap=0.0)) == [(1, 0), (2, 0), (2, 1)]


def test_a_gap_and_texts_that_differ_are_needed():
    assert random_pairs(answers(0.0, 1.0, 3.0), per_prompt=9, min_gap=2.0) == [(2, 0), (2, 1)]
    assert random_pairs(answers(0.0, 1.0, texts=["a", "a"]), per_prompt=9, min_gap=0.0) == []
