"""Patterns in answers, in bounded time."""

import time

import pytest

from runtime import patterns
from runtime.fault import Fault
from runtime.rewards.exact_match import exact_match
from runtime.rewards.regex import regex


@pytest.mark.parametrize(
    ("pattern", "gives", "text", "wanted"),
    [
        (r"\d+", "found", "a 12 b 3", 1),
        (r"\d+", "whole", "12", 1),
        (r"\d+", "whole", "12 ", 0),
        (r"\d+", "count", "a 12 b 3", 2),
        (r"aa", "count", "aaaaa", 2),
        (r"x*", "count", "aa", 3),
        (r"\d+", "count", "", 0),
        (r"(?i)STOP$", "found", "please stop", 1),
        (r"^b", "found", "a\nb", 0),
    ],
)
def test_a_pattern_is_found_fills_the_answer_or_is_counted(pattern, gives, text, wanted):
    assert regex([{"completion": text}], pattern=pattern, gives=gives) == [{"score": wanted}]


@pytest.mark.parametrize(
    "score",
    [
        lambda rows: regex(rows, pattern=r"(a|aa)+$", gives="found"),
        lambda rows: regex(rows, pattern=r"(a|aa)+", gives="whole"),
        lambda rows: exact_match(rows, extract=r"(a|aa)+$", ignore=()),
    ],
)
def test_a_pattern_that_would_take_for_ever_is_stopped_and_named(score, monkeypatch):
    monkeypatch.setattr(patterns, "SECONDS", 0.2)
    start = time.monotonic()
    with pytest.raises(Fault, match=r"\(a\|aa\)\+.*took more than 0.2 s on an answer of 101 characters") as caught:
        score([{"completion": "a" * 100 + "b", "answer": "a"}])
    assert caught.value.code == "P632" and time.monotonic() - start < 5
