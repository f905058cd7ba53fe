"""A column as a reward."""

import pytest

from aligncompiler.spec.rule import Column
from runtime.fault import Fault, Skip
from runtime.registry import bind


def test_the_number_of_the_column_is_the_score_and_none_is_a_skip():
    found = bind(Column(name="gold"), {})([{"gold": value} for value in (2, "0.5", None, float("nan"), "inf")])
    assert found == [{"score": 2.0}, {"score": 0.5}, *[Skip("no `gold`")] * 3]


def test_what_is_no_number_is_one_fault():
    with pytest.raises(Fault, match="holds 'good', which is no number"):
        bind(Column(name="gold"), {})([{"gold": "good"}])
