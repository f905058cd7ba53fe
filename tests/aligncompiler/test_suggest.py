"""Near words and foreign names."""

from __future__ import annotations

import pytest

from aligncompiler.misplaced import leads_somewhere
from aligncompiler.spec.experiment import Experiment
from aligncompiler.spec.registry import FAMILIES, kinds
from aligncompiler.spec.slot import slots
from aligncompiler.suggest import FOREIGN, distance, nearest


@pytest.mark.parametrize(("a", "b", "expected"), [("lable", "label", 1), ("", "abc", 3), ("same", "same", 0), ("kitten", "sitting", 3), ("sft", "stf", 1)])
def test_an_exchange_of_neighbours_is_one_mistake(a: str, b: str, expected: int) -> None:
    assert distance(a, b) == distance(b, a) == expected


def test_far_words_are_not_suggested() -> None:
    assert nearest("zebra", ["label", "model"]) == [] and nearest("x" * 1000, ["x" * 999]) == []


@pytest.mark.parametrize("theirs", FOREIGN)
def test_every_foreign_name_leads_to_a_word_of_the_language(theirs: str) -> None:
    target = FOREIGN[theirs]
    every = [Experiment, *(kind for family in FAMILIES for kind in kinds(family).values())]
    nested = [slot.nested for cls in every for slot in slots(cls).values() if slot.nested]
    assert target == "kind" or any(leads_somewhere(cls, target) for cls in [*every, *nested])
