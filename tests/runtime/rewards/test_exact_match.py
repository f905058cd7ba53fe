"""Whether an answer is the reference answer."""

import pytest

from runtime.fault import Skip
from runtime.rewards.exact_match import exact_match


def score(completion, answer, extract=None, ignore=("case", "space")):
    return exact_match([{"completion": completion, "answer": answer}], extract=extract, ignore=ignore)[0]


@pytest.mark.parametrize(
    ("completion", "answer", "ignore", "wanted"),
    [
        (" The  Answer\n", "the answer", ("case", "space"), 1.0),
        ("The answer", "the answer", ("space",), 0.0),
        (" 4", "4", ("case",), 0.0),
        ("3,000!", "3000", ("punctuation",), 1.0),
        ("straße", "STRASSE", ("case",), 1.0),
        ("", "4", ("case", "space"), 0.0),
        ("7", 7, (), 1.0),
    ],
)
def test_only_named_differences_are_ignored(completion, answer, ignore, wanted):
    assert score(completion, answer, ignore=ignore) == {"score": wanted}


@pytest.mark.parametrize(("completion", "wanted"), [("#### 4", 1.0), ("#### 3 then #### 4", 1.0), ("#### 4 then #### 5", 0.0), ("no mark 4", 0.0)])
def test_the_last_match_of_the_pattern_is_the_answer(completion, wanted):
    assert score(completion, "4", extract=r"#### (\d+)") == {"score": wanted}


def test_a_pattern_without_a_group_gives_its_whole_match_and_an_absent_group_nothing():
    assert score("the answer is 42.", "42", extract=r"\d+") == {"score": 1.0}
    assert score("no", "yes", extract=r"(yes)|no") == {"score": 0.0}


def test_a_row_without_reference_is_a_skip():
    assert score("4", None) == Skip("no answer to compare with")
