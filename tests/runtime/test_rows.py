"""Conventions of the field come to one form, and a row never moves between splits."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.fault import Fault, Skip
from runtime.rows import hash_share, is_messages, kept, need_columns, renamed, reply_of, set_prompt, split_messages, split_shared, text_fault, transcript

USER = {"role": "user", "content": "hi"}
REPLY = {"role": "assistant", "content": "hello"}


def test_hash_share_has_fixed_values_in_the_unit_range():
    assert hash_share("a prompt") == hash_share("a prompt")
    assert hash_share("") == pytest.approx(0xE3B0C44298FC1C14 / 2**64, abs=1e-15)
    shares = [hash_share(str(i)) for i in range(4000)]
    assert all(0 <= s < 1 for s in shares)
    assert abs(sum(shares) / 4000 - 0.5) < 0.02


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.sets(st.text(max_size=6), max_size=20), st.floats(0.05, 0.95))
def test_disjoint_ranges_split_rows_without_loss_whatever_the_order(texts, cut):
    rows = [{"prompt": t} for t in sorted(texts)]
    low, high = list(kept(rows, "prompt", (0.0, cut), None)), list(kept(rows, "prompt", (cut, 1.0), None))
    assert sorted(r["prompt"] for r in low + high) == sorted(texts)
    more = [{"prompt": "another"}, *reversed(rows)]
    assert [r for r in kept(more, "prompt", (0.0, cut), None) if r["prompt"] != "another"] == low[::-1] or "another" in texts


def test_limit_counts_kept_rows_and_lets_skips_pass():
    rows = [{"prompt": "a"}, Skip("empty"), {"prompt": "b"}, {"prompt": "c"}]
    assert list(kept(rows, "prompt", (0.0, 1.0), 2)) == [{"prompt": "a"}, Skip("empty"), {"prompt": "b"}]


@pytest.mark.parametrize("value", [None, "text", [], [{"role": "user"}], {"role": "user", "content": "x"}, ["a"]])
def test_only_lists_of_role_and_content_are_messages(value):
    assert not is_messages(value)


def test_a_conversation_becomes_text_that_opens_the_reply_and_is_kept_beside_it():
    row = {}
    set_prompt(row, [{"role": "system", "content": "be kind"}, USER])
    assert row["prompt"] == "System: be kind\n\nHuman: hi\n\nAssistant:"
    assert json.loads(row["messages"])[1] == USER
    assert transcript([USER, REPLY], reply=False) == "Human: hi\n\nAssistant: hello"


def test_a_text_prompt_stays_what_it_is():
    row = {}
    set_prompt(row, "hi")
    assert row == {"prompt": "hi"}


def test_the_reply_of_messages_is_their_last_content():
    assert reply_of([USER, REPLY]) == "hello"
    assert reply_of("hello") == "hello"


def test_only_conversations_that_end_with_the_assistant_are_split():
    assert split_messages([USER, REPLY]) == ([USER], "hello")
    assert split_messages([USER]) is None
    assert split_messages([REPLY]) is None
    assert split_messages([USER, REPLY, USER]) is None


@pytest.mark.parametrize(
    ("chosen", "rejected", "parts"),
    [
        ("\n\nHuman: a\n\nAssistant: yes", "\n\nHuman: a\n\nAssistant: no", ("\n\nHuman: a\n\nAssistant:", " yes", " no")),
        ("H\n\nAssistant: a\n\nAssistant: b", "H\n\nAssistant: a\n\nAssistant: c", ("H\n\nAssistant: a\n\nAssistant:", " b", " c")),
        ("H\n\nAssistant: same start", "H\n\nAssistant: same end", ("H\n\nAssistant:", " same start", " same end")),
        ("what is it red", "what is it reddish", ("what is it ", "red", "reddish")),
        ([USER, REPLY], [USER, {"role": "assistant", "content": "no"}], ([USER], [REPLY], [{"role": "assistant", "content": "no"}])),
    ],
)
def test_a_shared_prompt_is_split_off(chosen, rejected, parts):
    assert split_shared(chosen, rejected) == parts


@pytest.mark.parametrize(("chosen", "rejected"), [("yes", "no"), ([REPLY], [USER]), ("text", [USER]), (None, "x")])
def test_answers_without_a_shared_prompt_are_not_split(chosen, rejected):
    assert split_shared(chosen, rejected) is None


@pytest.mark.parametrize(
    ("row", "reason"),
    [({"a": " \n"}, "empty a"), ({"a": ""}, "empty a"), ({"a": None}, "no a"), ({}, "no a"), ({"a": 3}, "a is not a text")],
)
def test_a_column_without_text_gives_its_reason(row, reason):
    assert text_fault(row, ("a",)) == Skip(reason)


def test_columns_are_renamed_and_may_be_exchanged():
    rows = [{"question": "q", "chosen": "c", "rejected": "r", "id": 1}]
    mapped = {"prompt": "question", "chosen": "rejected", "rejected": "chosen"}
    assert list(renamed(rows, mapped)) == [{"prompt": "q", "chosen": "r", "rejected": "c", "id": 1}]


def test_a_mapped_column_that_is_not_there_names_those_that_are():
    with pytest.raises(Fault, match="no column `question`") as caught:
        list(renamed([{"q": 1, "a": 2}], {"prompt": "question"}))
    assert (caught.value.code, caught.value.field) == ("P603", "columns.prompt")
    assert "q, a" in caught.value.help[0]


def test_missing_columns_are_named_with_every_accepted_choice():
    with pytest.raises(Fault, match="`prompt, chosen, rejected` or `chosen, rejected`") as caught:
        need_columns({"text": "x"}, [("prompt", "chosen", "rejected"), ("chosen", "rejected")], "`x.jsonl`", "file")
    assert (caught.value.code, caught.value.field) == ("P603", "file") and caught.value.message.startswith("`x.jsonl` has no columns")
