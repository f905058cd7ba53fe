"""A column as a reward."""

import pytest

from aligncompiler.spec.rule import Column
from runtime.fault import Fault, Skip
from runtime.registry import bind


def test_the_number_of_the_column_is_the_score_and_none_is_a_skip():
    assert bind(Column(name="gold"), {})([{"gold": 2}, {"gold": "0.5"}, {"gold": None}]) == [{"score": 2.0}, {"score": 0.5}, Skip("no `gold`")]


def test_what_is_no_number_is_one_fault():
    with pytest.raises(Fault, match="holds 'good', which is no number"):
        bind(Column(name="gold"), {})([{"gold": "good"}])
