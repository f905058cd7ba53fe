"""Prompts with an answer to imitate."""

import pytest

from runtime.fault import Fault, Skip

SYSTEM = {"role": "system", "content": "be kind"}
USER = {"role": "user", "content": "hi"}
REPLY = {"role": "assistant", "content": "hello"}


def test_prompt_and_completion_are_taken_as_they_are(read):
    assert read("demonstrations", [{"prompt": "p", "completion": "c", "x": 1}]) == [{"prompt": "p", "completion": "c", "x": 1}]


def test_messages_are_split_before_the_last_turn_of_the_assistant(read):
    row = read("demonstrations", [{"messages": [SYSTEM, USER, REPLY, USER, REPLY]}])[0]
    assert row["completion"] == "hello"
    assert row["prompt"] == "System: be kind\n\nHuman: hi\n\nAssistant: hello\n\nHuman: hi\n\nAssistant:"
    assert row["messages"].count("hello") == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": [USER]}, "messages do not end with an answer of the assistant"),
        ({"messages": [SYSTEM, USER]}, "messages do not end with an answer of the assistant"),
        ({"messages": "hi"}, "messages are no list of {role, content}"),
        ({"messages": []}, "messages are no list of {role, content}"),
        ({"prompt": "p", "completion": " "}, "empty completion"),
        ({"prompt": None, "completion": "c"}, "no prompt"),
    ],
)
def test_rows_without_an_answer_are_skips(read, row, reason):
    assert read("demonstrations", [row]) == [Skip(reason)]


def test_missing_columns_are_one_fault(read):
    with pytest.raises(Fault, match="`prompt, completion` or `messages`"):
        read("demonstrations", [{"prompt": "p"}])
