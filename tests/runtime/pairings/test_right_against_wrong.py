"""The best right answers against the most tempting wrong ones."""

import pytest

from runtime.candidates import Candidates
from runtime.pairings.right_against_wrong import right_against_wrong

SCORES = {"score": [0.1, 0.9, 0.8, 0.3, 0.7], "result": [1.0, 0.0, 1.0, 0.0, 0.0]}


@pytest.mark.parametrize(("count", "wanted"), [(1, [(2, 1)]), (2, [(2, 1), (0, 4)]), (9, [(2, 1), (0, 4)])])
def test_the_best_of_both_meet(count, wanted):
    assert right_against_wrong(Candidates(SCORES), part="result", right=1.0, per_prompt=count) == wanted


def test_the_score_itself_may_tell_right_from_wrong():
    assert right_against_wrong(Candidates(SCORES), part="score", right=0.8, per_prompt=2) == [(1, 4), (2, 3)]


def test_answers_that_are_all_right_make_no_pair():
    assert right_against_wrong(Candidates({"score": [1.0, 1.0]}), part="score", right=1.0, per_prompt=2) == []
