"""Rated answers of invented words."""

import math
import statistics

import pytest

from aligncompiler.spec.base import Range
from aligncompiler.spec.dataset import RatedText, Spread
from runtime.datasets.rated_text import value, weight, word
from runtime.registry import bind


def rows(**fields):
    return list(bind(RatedText(**{"count": 50, **fields}), {})())


def test_attributes_and_gold_are_those_of_the_words():
    spec = RatedText(count=50)
    for row in rows():
        said = [w for w in row["completion"].split() if w != "perhaps"]
        assert 3 <= len(said) <= 8
        true = {name: sum(value(w, name) for w in said) / math.sqrt(len(said)) for name in spec.names}
        assert all(row[f"true_{name}"] == pytest.approx(true[name]) for name in spec.names)
        assert row["gold"] == pytest.approx(sum(weight(name) * true[name] for name in spec.names))
        assert row["rated"] == pytest.approx(sum(weight(name) * row[name] for name in spec.names))
        assert row["noise"] == (1.0 if row["completion"].startswith("perhaps ") else 0.2)
        assert set(row) == {"prompt", *spec.answer_columns}


def test_ratings_scatter_as_far_as_is_said():
    found = rows(count=2000, noise=Spread(min=0.1, max=2.0))
    for std in (0.1, 2.0):
        errors = [row["coherence"] - row["true_coherence"] for row in found if row["noise"] == std]
        assert statistics.pstdev(errors) == pytest.approx(std, rel=0.05)
    assert statistics.pstdev(row["true_coherence"] for row in found) == pytest.approx(1.0, rel=0.2)


def test_the_same_seed_gives_the_same_rows_and_ranges_share_no_prompt():
    assert rows() == rows() != rows(seed=1)
    a, b = ({row["prompt"] for row in rows(between=between)} for between in ((0.0, 0.5), (0.5, 1.0)))
    assert len(a) == len(b) == 50
    assert not a & b


def test_unseen_words_are_none_of_the_others():
    seen, unseen = ({w for row in rows(count=200, unseen=flag) for w in row["completion"].split()} - {"perhaps"} for flag in (False, True))
    assert len(seen) == len(unseen) == 64
    assert not seen & unseen


def test_words_are_all_different():
    assert len({word(number) for number in range(500_000)}) == 500_000


def test_answers_and_their_length_are_those_asked_for():
    found = rows(count=3, answers=2, words=Range(min=1, max=1), doubtful=0.0, names=("a",))
    assert len(found) == 6
    assert all(len(row["completion"].split()) == 1 for row in found)


def test_frequent_words_are_as_frequent_as_zipf_says():
    said = [w for row in rows(count=2000, vocabulary=8, skew=1.0, doubtful=0.0) for w in row["completion"].split()]
    total = sum(1 / rank for rank in range(1, 9))
    for rank in (1, 2, 8):
        assert said.count(word(rank - 1)) / len(said) == pytest.approx(1 / rank / total, rel=0.05)
