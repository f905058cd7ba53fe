"""Pairs of scored answers."""

import pytest

from aligncompiler.spec.pairing import AllPairs, BestAgainstWorst, RightAgainstWrong, TreePairs
from aligncompiler.spec.rule import ExactMatch, Length
from runtime.fault import Fault
from runtime.registry import Bound, bind
from runtime.stages.pair import pair
from runtime.work import load_rows

OWN = ["completion", "sample", "score", "uncertainty", "segments", "path"]


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
    assert work.skipped == {"prompt whose answers score the same": 1, "prompt whose answers are the same": 1}
    assert work.summary["prompts"] == 3


def test_prompts_of_whose_answers_a_rule_takes_no_pair_are_counted_as_that(pairs):
    rows = [*answers(0, ("a", 1.0), ("b", 0.0)), *answers(1, ("a", 0.25), ("b", 0.5))]
    work, _ = pairs(rows, rule=RightAgainstWrong())
    assert work.skipped == {"prompt of whose answers the rule takes no pair": 1}


def test_labels_that_no_row_has_are_one_fault(pairs):
    with pytest.raises(Fault, match="the rows have no column `score`") as caught:
        pairs([{"prompt": "p", "completion": text} for text in "ab"])
    assert (caught.value.code, caught.value.field) == ("P603", "completions")


def test_equal_prompts_that_were_asked_apart_stay_apart(pairs):
    _, rows = pairs([*answers(0, ("a", 1.0), ("b", 0.0)), *answers(1, ("c", 1.0), ("d", 0.0))])
    assert [(r["chosen"], r["rejected"]) for r in rows] == [("a", "b"), ("c", "d")]


def test_a_group_of_several_prompts_mixes_no_answers(pairs):
    rows = [row | {"group": "men", "prompt": prompt} for prompt, score in (("a", 1.0), ("b", 2.0)) for row in answers(0, ("x", score), ("y", 0.0))]
    assert [(r["prompt"], r["chosen_score"]) for r in pairs(rows)[1]] == [("a", 1.0), ("b", 2.0)]
    assert [r["prompt"] for r in pairs([row | {"group": None} for row in rows])[1]] == ["a", "b"]


def test_answers_without_group_are_grouped_by_prompt(pairs):
    rows = [{k: v for k, v in row.items() if k != "group"} for row in [*answers(0, ("a", 1.0)), *answers(1, ("b", 0.0))]]
    assert [(r["chosen"], r["rejected"]) for r in pairs(rows)[1]] == [("a", "b")]


def test_a_rule_may_give_several_pairs(pairs):
    _, rows = pairs(answers(0, ("a", 1.0), ("b", 0.5), ("c", 0.0)), rule=AllPairs(per_prompt=2))
    assert [(r["chosen"], r["rejected"]) for r in rows] == [("a", "c"), ("a", "b")]


def test_a_reward_scores_in_place_of_labels(pairs):
    _, rows = pairs(answers(0, ("wrong", 1.0), ("42", 0.0), answer="42"), reward=bind(ExactMatch(), {}))
    assert [(r["chosen"], r["rejected"]) for r in rows] == [("42", "wrong")]


def test_a_reward_that_tells_it_says_how_unsure_it_was_of_each_answer(pairs):
    rows = answers(0, ("a", 1.0), ("b", 0.0))
    for row, unsure in zip(rows, (0.5, 2.0), strict=True):
        row["uncertainty"] = unsure
    (made,) = pairs(rows)[1]
    assert (made["chosen_uncertainty"], made["rejected_uncertainty"]) == (0.5, 2.0)


def test_answers_without_a_score_are_counted(pairs):
    work, rows = pairs([*answers(0, ("a", 1.0), ("b", 0.0), ("c", None))])
    assert len(rows) == 1
    assert work.skipped == {"no score": 1}


def test_no_pair_at_all_is_one_fault(pairs):
    with pytest.raises(Fault, match="no rows are left"):
        pairs(answers(0, ("a", 1.0), ("b", 1.0)))


def leaf(group, path, *segments, score=0.0, **more):
    row = {"prompt": f"p{group}", "group": group, "sample": path[-1], "completion": "".join(segments), "segments": list(segments), "path": list(path)}
    return row | {"score": score} | more


TREE = [
    leaf(0, (0, 0, 0), "a. ", "b", score=1.0),
    leaf(0, (0, 0, 1), "a. ", "c", score=0.0),
    leaf(0, (0, 1, 0), "d. ", "e", score=0.5),
    leaf(0, (0, 1, 1), "d. ", "f", score=0.25),
    leaf(0, (1, 0, 0), "a. ", "g", score=2.0),
    leaf(0, (1, 1), "h", score=0.75),
]


def check_record(row, answers):
    """What the card says of a pair of leaves."""
    good, bad = (answers[row[name]] for name in ("chosen", "rejected"))
    assert row["shared_prefix"] + row["rest_chosen"] == row["chosen"]
    assert row["shared_prefix"] + row["rest_rejected"] == row["rejected"]
    depth = row["lca_depth"]
    assert "".join(good["segments"][:depth]) == row["shared_prefix"] == "".join(bad["segments"][:depth])
    assert good["segments"][:depth] == bad["segments"][:depth]
    if good["path"][0] == bad["path"][0]:
        assert good["segments"][depth : depth + 1] != bad["segments"][depth : depth + 1], "the shared prefix is maximal"
    else:
        assert depth == 0


def test_a_pair_of_leaves_keeps_the_deepest_node_of_both(pairs):
    for rule in (AllPairs(), TreePairs(per_tree=9)):
        _, rows = pairs(TREE, rule=rule)
        for row in rows:
            check_record(row, {r["completion"]: r for r in TREE})
            assert not {"segments", "path"} & set(row)
        assert len(rows) == (15 if rule.tag == "all_pairs" else 7)
        found = {(row["chosen"], row["rejected"]): row["lca_depth"] for row in rows}
        assert found["a. b", "a. c"] == 1 and found["a. b", "d. e"] == 0
    assert ("a. g", "a. b") not in found, "a rule for trees pairs leaves of one tree"


class Reader:
    """A reward that has seen the very texts it scores."""

    def __init__(self):
        self.texts = []

    def __call__(self, rows):
        self.texts += [row["completion"] for row in rows]
        return [{"score": float(len(row["completion"]) + row["completion"].count("d"))} for row in rows]


def test_an_answer_that_is_not_finished_is_scored_once_as_the_text_down_to_it(pairs):
    length = Reader()
    reward = Bound(Length(), length, {})
    _, rows = pairs(TREE, reward, TreePairs(per_tree=50, full=0, cross=1, unfinished=1))
    assert sorted(length.texts) == sorted([*(row["completion"] for row in TREE), "a. ", "d. ", "a. "])
    found = {(r["chosen"], r["rejected"]) for r in rows}
    assert found == {("d. ", "a. "), ("d. e", "a. "), ("d. f", "a. "), ("a. ", "h")}, "`a. b` and `d. ` score the same"
    assert all(r["lca_depth"] == 0 and r["shared_prefix"] == "" for r in rows)


def test_what_is_drawn_depends_on_the_seed_and_not_on_other_prompts(make_work, dataset, finished):
    rows = [leaf(g, (0, i // 2, i % 2), f"{g}{i // 2}. ", f"{i}", score=float(i)) for g in range(8) for i in range(4)]

    def make(rows, seed):
        work = make_work(seed)
        pair(work, completions=dataset(rows, answer_columns=OWN), reward="labels", rule=bind(TreePairs(per_tree=2), {}))
        return [(r["chosen"], r["rejected"]) for r in load_rows(finished(work, "dataset"))]

    whole = make(rows, 0)
    assert len(whole) == 16
    assert make(rows[16:], 0) == whole[8:]
    assert make(rows, 1) != whole


def test_a_part_of_the_reward_may_tell_right_from_wrong(pairs):
    rows = [row | {"result": float(row["completion"] in ("b", "c"))} for row in answers(0, ("a", 0.9), ("b", 0.1), ("c", 0.5))]
    _, made = pairs(rows, rule=RightAgainstWrong(part="result"))
    assert [(r["chosen"], r["rejected"], r["chosen_score"]) for r in made] == [("c", "a", 0.5)]
