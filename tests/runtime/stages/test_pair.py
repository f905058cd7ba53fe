"""Pairs of scored answers."""

import pytest

from aligncompiler.spec.pairing import AllPairs, BestAgainstWorst
from aligncompiler.spec.rule import ExactMatch
from runtime.fault import Fault
from runtime.registry import bind
from runtime.stages.pair import pair
from runtime.work import load_rows

OWN = ["completion", "sample", "score"]


def answers(group, *scored, prompt="p", **more):
    return [{"prompt": prompt, "group": group, "sample": i, "completion": text, "score": score} | more for i, (text, score) in enumerate(scored)]


@pytest.fixture
def pairs(make_work, dataset, finished):
    def make(rows, reward="labels", rule=None):
        work = make_work()
        pair(work, completions=dataset(rows, answer_columns=OWN), reward=reward, rule=bind(rule or BestAgainstWorst(), {}))
        return work, list(load_rows(finished(work, "dataset")))

    return make


def test_a_pair_keeps_what_belongs_to_the_prompt_and_drops_what_belongs_to_an_answer(pairs):
    _, rows = pairs(answers(0, ("good", 1.0), ("bad", 0.0), leaves=3))
    assert rows == [{"prompt": "p", "group": 0, "leaves": 3, "chosen": "good", "rejected": "bad", "chosen_score": 1.0, "rejected_score": 0.0}]


def test_prompts_without_a_difference_are_counted(pairs):
    same_text = answers(1, ("one", 1.0), ("one", 0.0))
    work, rows = pairs([*answers(0, ("a", 1.0), ("b", 0.0)), *same_text, *answers(2, ("a", 0.5), ("b", 0.5))])
    assert len(rows) == 1
    assert work.skipped == {"prompt whose answers score the same": 2}
    assert work.summary["prompts"] == 3


def test_equal_prompts_that_were_asked_apart_stay_apart(pairs):
    _, rows = pairs([*answers(0, ("a", 1.0), ("b", 0.0)), *answers(1, ("c", 1.0), ("d", 0.0))])
    assert [(r["chosen"], r["rejected"]) for r in rows] == [("a", "b"), ("c", "d")]


def test_answers_without_group_are_grouped_by_prompt(pairs):
    rows = [{k: v for k, v in row.items() if k != "group"} for row in [*answers(0, ("a", 1.0)), *answers(1, ("b", 0.0))]]
    assert [(r["chosen"], r["rejected"]) for r in pairs(rows)[1]] == [("a", "b")]


def test_a_rule_may_give_several_pairs(pairs):
    _, rows = pairs(answers(0, ("a", 1.0), ("b", 0.5), ("c", 0.0)), rule=AllPairs(per_prompt=2))
    assert [(r["chosen"], r["rejected"]) for r in rows] == [("a", "c"), ("a", "b")]


def test_a_reward_scores_in_place_of_labels(pairs):
    _, rows = pairs(answers(0, ("wrong", 1.0), ("42", 0.0), answer="42"), reward=bind(ExactMatch(), {}))
    assert [(r["chosen"], r["rejected"]) for r in rows] == [("42", "wrong")]


def test_answers_without_a_score_are_counted(pairs):
    work, rows = pairs([*answers(0, ("a", 1.0), ("b", 0.0), ("c", None))])
    assert len(rows) == 1
    assert work.skipped == {"no score": 1}


def test_no_pair_at_all_is_one_fault(pairs):
    with pytest.raises(Fault, match="no rows are left"):
        pairs(answers(0, ("a", 1.0), ("b", 1.0)))
