"""Prompts with a reference answer."""

import pytest

from runtime.fault import Fault, Skip


def test_numbers_become_the_text_of_the_answer(read):
    rows = read("problems", [{"prompt": "p", "answer": 42}, {"prompt": "q", "answer": 7}])
    assert [r["answer"] for r in rows] == ["42", "7"]
    rows = read("problems", [{"prompt": "p", "answer": number} for number in (1e-05, 0.25, 3.0, 2e16, -1.5e-7)])
    assert [r["answer"] for r in rows] == ["0.00001", "0.25", "3.0", "20000000000000000", "-0.00000015"]


def test_messages_serve_as_the_prompt(read):
    row = read("problems", [{"messages": [{"role": "user", "content": "2+2?"}], "answer": "4"}])[0]
    assert row["prompt"] == "Human: 2+2?\n\nAssistant:"


@pytest.mark.parametrize(
    ("row", "reason"),
    [({"prompt": "p", "answer": ""}, "empty answer"), ({"prompt": "p", "answer": None}, "no answer"), ({"prompt": "", "answer": "a"}, "empty prompt")],
)
def test_rows_without_prompt_or_answer_are_skips(read, row, reason):
    assert read("problems", [row]) == [Skip(reason)]


def test_a_missing_answer_column_is_one_fault(read):
    with pytest.raises(Fault, match="`prompt, answer`"):
        read("problems", [{"prompt": "p"}])
