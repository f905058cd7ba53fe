"""The best answer against the worst."""

import pytest

from runtime.candidates import Candidates
from runtime.pairings.best_against_worst import best_against_worst


@pytest.mark.parametrize(
    ("scores", "gap", "wanted"),
    [
        ([0.2, 0.9, 0.1], 0.0, [(1, 2)]),
        ([0.9, 0.9, 0.1, 0.1], 0.0, [(0, 2)]),
        ([0.5, 0.5], 0.0, []),
        ([0.5], 0.0, []),
        ([0.5, 0.6], 0.2, []),
        ([0.0, 0.5], 0.5, [(1, 0)]),
    ],
    ids=["one pair", "the first of equals", "equal scores", "one answer", "too close", "just far enough"],
)
def test_one_pair_a_prompt(scores, gap, wanted):
    assert best_against_worst(Candidates({"score": scores}), min_gap=gap) == wanted
