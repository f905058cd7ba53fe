"""Answers of a policy, unpaired and step-wise feedback included."""

import pytest

from runtime.fault import Fault, Skip


def test_a_label_becomes_a_score(read):
    rows = read("completions", [{"prompt": "p", "completion": "a", "label": True}, {"prompt": "p", "completion": "b", "label": False}])
    assert rows == [{"prompt": "p", "completion": "a", "score": 1.0}, {"prompt": "p", "completion": "b", "score": 0.0}]


def test_numbers_and_absent_labels_are_labels_too(read):
    rows = read("completions", [{"prompt": "p", "completion": "a", "label": 0.25}, {"prompt": "p", "completion": "b", "label": None}])
    assert rows[0]["score"] == 0.25
    assert "score" not in rows[1]


def test_steps_are_joined_and_keep_their_labels(read):
    row = {"prompt": "p", "completions": ["one, ", "two"], "labels": [True, False]}
    assert read("completions", [row]) == [{"prompt": "p", "completion": "one, two", "steps": ["one, ", "two"], "step_labels": [1.0, 0.0]}]


def test_messages_are_taken_apart(read):
    row = {"prompt": [{"role": "user", "content": "hi"}], "completion": [{"role": "assistant", "content": "hello"}]}
    assert read("completions", [row])[0]["completion"] == "hello"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": "p", "completion": ""}, "empty completion"),
        ({"prompt": "p", "completion": "a", "label": "good"}, "label is no number"),
        ({"prompt": "p", "completions": ["a", "b"], "labels": [True]}, "completions and labels differ in length"),
        ({"prompt": "p", "completions": ["a"], "labels": ["good"]}, "label is no number"),
        ({"prompt": "p", "completions": "a", "labels": [True]}, "completions and labels differ in length"),
    ],
)
def test_rows_that_say_nothing_are_skips(read, row, reason):
    assert read("completions", [row]) == [Skip(reason)]


def test_missing_columns_are_one_fault(read):
    with pytest.raises(Fault, match="`prompt, completion` or `prompt, completions, labels`"):
        read("completions", [{"prompt": "p"}])


def test_ratings_become_columns_of_numbers_wherever_they_stand(read):
    rows = [{"prompt": "p", "completion": "a", "scores": {"clear": 3, "true": 1.5}}, {"prompt": "q", "completion": "b", "scores": {"clear": None, "true": 2}}]
    made = read("completions", rows, attributes={"clarity": "scores.clear", "truth": "scores.true"})
    assert [(r["clarity"], r["truth"]) for r in made] == [(3.0, 1.5), (None, 2.0)]
    words = read("completions", [{"prompt": "p", "completion": "a", "truth": "much"}], attributes={"truth": "truth"})
    assert [one.reason for one in words] == ["truth is no number"]
    with pytest.raises(Fault, match=r"no column `rated\.clear`"):
        read("completions", rows, attributes={"clarity": "rated.clear"})
