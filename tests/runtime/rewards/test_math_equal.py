"""Answers that mean the same."""

import threading
import time

import pytest

from runtime import mathematics
from runtime.fault import Skip
from runtime.rewards.math_equal import math_equal


def scores(*pairs, digits=6):
    return math_equal([{"answer": answer, "completion": completion} for answer, completion in pairs], digits=digits)


@pytest.mark.parametrize(
    ("answer", "completion", "wanted"),
    [
        ("1/2", "It is \\boxed{\\frac{1}{2}}.", 1),
        ("1/2", "0.5", 1),
        ("72", "#### 72", 1),
        (72, "so 72.0", 1),
        ("3,000", "3000", 1),
        ("50\\%", "$0.5$", 1),
        ("x^2+2x+1", "$(x+1)^2$", 1),
        ("\\sqrt{8}", "$2\\sqrt{2}$", 1),
        ("\\{1,2,3\\}", "$\\{3,2,1\\}$", 1),
        ("$[0,1)$", "$[0,1)$", 1),
        ("$[0,1)$", "$[0,1]$", 0),
        ("18 apples", "18", 1),
        ("7", "<think>3 + 4</think><answer>7</answer>", 1),
        ("7", "<think>3 + 4 = 7</think><answer>8</answer>", 0),
        ("$x<y$", "$x<y$", 1),
        ("7", "(7)", 1),
        ("7", " [7] ", 1),
        ("-7", "(-7)", 1),
        ("0.5", "[1/2].", 1),
        ("7", "3 + 4, so the answer is (7).", 1),
        ("7", "Final answer:[7]", 1),
        ("7", "x = (7)", 1),
        ("7", "<think>3 + 4</think><answer>(7)</answer>", 1),
        ("7", "Answer:7", 1),
        ("-7", "ANSWER:-7.", 1),
        ("0.5", "answer:.5", 1),
        ("7", "the answer is: (7)", 1),
        ("7", "The answer is : [7]", 1),
        ("1000", "Answer: (1,000)", 1),
        ("0.5", "(.5)", 1),
        ("0.5", "Answer: (.5)", 1),
        ("7", "(+7)", 1),
        ("7", "Answer:+7", 1),
        ("7", "The answer is (7)!", 1),
        ("7", "**Answer:**7", 1),
        ("7", "**Answer**: (7)", 1),
        ("7", "Answer: **(7)**.", 1),
        (1e-05, "The answer is 0.00001", 1),
        (1e-05, "$10^{-5}$", 1),
        (1e-05, "It is 0.00002.", 0),
        (2e16, "20000000000000000", 1),
        ("1e5", "100000", 1),
        ("1.5e3", "so 1500", 1),
        ("1e-5", "0.00001", 1),
        ("0.00002", "The answer is 2e-05.", 1),
        ("-1500", "x = -1.5E+3", 1),
        ("1500", "$1.5e3$", 1),
        ("100000", "\\boxed{1e5}", 1),
        ("2e-5", "$2\\exp(1)-5$", 1),
        ("2e", "$2\\exp(1)$", 1),
        ("1500", "0x1.5e3", 0),
        ("1234", "Answer: (1,234)", 0),
        ("8", "Answer:7", 0),
        ("8", "(7)", 0),
        ("7", "[7, 8]", 0),
        ("$(1,7)$", "(7)", 0),
        ("$[7,8]$", "[7]", 0),
        ("7", "Answer:[7, 8]", 0),
        ("1234", "(1,234)", 0),
        ("7", "f(7)", 0),
        ("7", "x[7]", 0),
        ("7", "the answer is f(7)", 0),
        ("7", "[3](7)", 0),
        ("7", "(7]", 0),
        ("2", "Answer:7 (2)", 0),
        ("7", "Answer:7 (2)", 1),
        ("7", "12:07", 0),
        ("72", "73", 0),
        ("72", "no idea", 0),
        ("72", "", 0),
    ],
)
def test_forms_that_mean_the_same_are_equal(answer, completion, wanted):
    assert scores((answer, completion)) == [{"score": wanted}]


def test_numbers_are_compared_to_so_many_decimal_places():
    assert scores(("0.3333", "1/3"), digits=4) == [{"score": 1.0}] and scores(("0.3333", "1/3"), digits=6) == [{"score": 0.0}]
    assert scores((1e-05, "0.00001"), (1e-05, "0.00002"), digits=8) == [{"score": 1.0}, {"score": 0.0}]


def test_what_is_no_mathematics_is_a_skip():
    assert scores(("yes", "yes"), ("", "3"), (None, "3")) == [Skip(mathematics.UNREADABLE)] * 2 + [Skip("no answer to compare with")]


def test_an_answer_that_would_take_for_ever_is_a_skip_and_those_after_it_are_scored(monkeypatch):
    monkeypatch.setattr(mathematics, "SECONDS", 3.0)
    scores(("1", "1"), ("1", "1"))  # both processes have started
    first, second, third = scores(("5", "$9^{9^{9^{9}}}$"), ("5", "$5$"), ("5", "6"))
    assert first == Skip("comparing the answer as mathematics takes more than 3 s") and (second, third) == ({"score": 1.0}, {"score": 0.0})


def test_it_is_asked_from_any_thread():
    found = []
    thread = threading.Thread(target=lambda: found.extend(scores(("2", "$1+1$"))))
    thread.start()
    thread.join(60)
    assert found == [{"score": 1.0}]


@pytest.mark.parametrize("tail", ["*" * 20_000 + "x", " " * 20_000 + "x", "*" * 10_000 + " " * 10_000 + "x", "*" * 10_000 + "." + "*" * 10_000 + "x"])
def test_a_long_tail_of_stars_or_blanks_takes_no_time(tail):
    begun = time.perf_counter()
    assert mathematics.legible(f"(7){tail}") == f"(7){tail}"
    assert time.perf_counter() - begun < 0.5
