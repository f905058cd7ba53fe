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
