"""Prompts without answers."""

import pytest

from runtime.fault import Fault, Skip

MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("row", [{"prompt": MESSAGES}, {"messages": MESSAGES}])
def test_messages_may_stand_in_either_column(read, row):
    made = read("prompts", [row])[0]
    assert made["prompt"] == "Human: hi\n\nAssistant:"
    assert made["messages"] == '[{"role": "user", "content": "hi"}]'


def test_texts_are_taken_as_they_are(read):
    assert read("prompts", [{"prompt": "p"}, {"prompt": ""}]) == [{"prompt": "p"}, Skip("empty prompt")]


def test_a_missing_column_is_one_fault(read):
    with pytest.raises(Fault, match="`prompt` or `messages`"):
        read("prompts", [{"text": "x"}])


def test_an_answer_at_the_end_of_the_messages_is_no_part_of_the_prompt(read):
    answered = [*MESSAGES, {"role": "assistant", "content": "hello"}]
    for kind, row in (("prompts", {"messages": answered}), ("problems", {"messages": answered, "answer": "hello"})):
        made = read(kind, [row])[0]
        assert made["prompt"] == "Human: hi\n\nAssistant:" and "hello" not in made["messages"]
