"""The best of several answers."""

import pytest

from aligncompiler.spec.rule import ExactMatch
from runtime.registry import bind
from runtime.stages.rank import rank
from runtime.work import load_rows

ROWS = [
    {"prompt": "a", "completion": "a1", "answer": "a2", "score": 3.0, "uncertainty": 9.0},
    {"prompt": "a", "completion": "a2", "answer": "a2", "score": 2.0, "uncertainty": 0.1},
    {"prompt": "b", "completion": "b1", "answer": "x", "score": 1.0, "uncertainty": 8.0},
    {"prompt": "b", "completion": "b2", "answer": "x", "score": 1.0, "uncertainty": 7.0},
    {"prompt": "b", "completion": "b3", "answer": "x", "score": None, "uncertainty": 0.0},
    {"prompt": "a", "completion": "a3", "answer": "a2", "score": 1.0, "uncertainty": 0.1},
]


@pytest.fixture
def ranked(make_work, dataset, finished):
    def run(reward="labels", sure=None, rows=ROWS):
        work = make_work()
        rank(work, completions=dataset(rows), reward=reward, sure=sure)
        return [row["completion"] for row in load_rows(finished(work, "dataset"))], work

    return run


def test_the_highest_score_stays_and_the_first_of_equal_ones(ranked):
    found, work = ranked()
    assert found == ["a1", "b1"]
    assert work.skipped == {"no score": 1}
    assert work.summary["score"] == 2.0


def test_a_group_of_several_prompts_keeps_the_best_of_each(ranked):
    assert ranked(rows=[row | {"group": "men"} for row in ROWS])[0] == ["a1", "b1"]


def test_uncertain_answers_are_passed_over_and_a_prompt_keeps_its_surest(ranked):
    assert ranked(sure=0.5)[0] == ["a2", "b2"]


def test_a_high_quantile_passes_only_the_least_sure_over(ranked):
    assert ranked(sure=0.999, rows=ROWS[1:])[0] == ["a2", "b2"]


def test_a_rule_ranks_too_and_its_figures_are_kept(ranked):
    found, work = ranked(bind(ExactMatch(), {}))
    assert found == ["a2", "b1"]
    assert "score" in work.facts["answer_columns"]
