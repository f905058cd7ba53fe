"""The form of an answer."""

import pytest

from runtime.rewards.format import format


def score(text, sections=(), outside="nothing", body="text"):
    [found] = format([{"completion": text}], sections=sections, outside=outside, body=body)
    return found["score"]


THINK = ("think", "answer")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<think>a</think><answer>b</answer>", 1),
        (" <think>a</think>\n\n<answer>b</answer>\n", 1),
        ("<think>a</think> so <answer>b</answer>", 0),
        ("<think>a</think><answer>b</answer> done", 0),
        ("<answer>b</answer><think>a</think>", 0),
        ("<think><answer>b</answer></think>", 0),
        ("<think>a<answer></think>b</answer>", 0),
        ("<think>a</think><think>a</think><answer>b</answer>", 0),
        ("<think>a</think><answer>b</answer><answer>c</answer>", 0),
        ("<think> </think><answer>b</answer>", 0),
        ("<think>a</think><answer></answer>", 0),
        ("<think>a</think>", 0),
        ("</think>a<think><answer>b</answer>", 0),
        ("", 0),
    ],
)
def test_sections_stand_once_in_order_and_hold_text(text, wanted):
    assert score(text, THINK) == wanted


@pytest.mark.parametrize(
    ("text", "outside", "wanted"),
    [
        ("<think>a</think> 42", "after", 1),
        ("<think>a</think> ", "after", 0),
        ("so <think>a</think> 42", "after", 0),
        ("<think>a</think> 42", "nothing", 0),
        ("so <think>a</think> 42", "anything", 1),
        ("<think>a</think>", "anything", 1),
    ],
)
def test_what_may_stand_outside_of_the_sections(text, outside, wanted):
    assert score(text, ("think",), outside) == wanted


@pytest.mark.parametrize(
    ("text", "sections", "outside", "wanted"),
    [
        ('{"a": [1, null]}', (), "nothing", 1),
        ("3", (), "nothing", 1),
        ("{'a': 1}", (), "nothing", 0),
        ("NaN", (), "nothing", 0),
        ("[1, -Infinity]", (), "nothing", 0),
        ('{"a": 1} {"b": 2}', (), "nothing", 0),
        ("", (), "nothing", 0),
        ("[" * 100_000, (), "nothing", 0),
        ("<think>not json</think> [1]", ("think",), "after", 1),
        ("<think>[1]</think> not json", ("think",), "after", 0),
        ("<think>a</think><answer>[1]</answer>", THINK, "nothing", 1),
        ("<think>[1]</think><answer>b</answer>", THINK, "nothing", 0),
    ],
)
def test_the_last_part_is_json_where_it_is_asked_for(text, sections, outside, wanted):
    assert score(text, sections, outside, "json") == wanted
