"""Every kind answers for its own part of an estimate: none can be forgotten, and what is deliberately inherited is named here."""

from __future__ import annotations

from typing import get_args

import pytest

from aligncompiler.spec.base import Kind
from aligncompiler.spec.model import Adapter, Architecture, Tokenizer
from aligncompiler.spec.optimizer import Optimizer
from aligncompiler.spec.pairing import Pairing
from aligncompiler.spec.registry import FAMILIES, kinds

MAKERS = [cls for family in FAMILIES for cls in kinds(family).values() if cls.output is not Kind.output]
PARTS = {Tokenizer: "vocabulary", Adapter: "trainable", Pairing: "pairs"}  # family -> what each of its kinds answers


def answers(cls: type[Kind], base: type[Kind], name: str) -> bool:
    """Whether a kind, or a class between it and `base`, has an answer of its own."""
    return getattr(cls, name) is not getattr(base, name)


@pytest.mark.parametrize("cls", MAKERS, ids=lambda cls: cls.__name__)
def test_a_kind_that_makes_an_artifact_estimates_it(cls: type[Kind]) -> None:
    assert answers(cls, Kind, "estimate")


@pytest.mark.parametrize("base", PARTS, ids=lambda cls: cls.__name__)
def test_a_kind_that_stands_inside_others_answers_for_its_part(base: type[Kind]) -> None:
    silent = [cls.__name__ for cls in kinds(base.family).values() if not answers(cls, base, PARTS[base])]
    assert silent == []


@pytest.mark.parametrize("cls", kinds("optimizers").values(), ids=lambda cls: cls.__name__)
def test_an_optimizer_says_how_many_numbers_it_keeps(cls: type[Kind]) -> None:
    assert issubclass(cls, Optimizer) and cls.moments is not None


def test_each_family_of_architectures_is_with_or_without_biases() -> None:
    """Families are frozen here, so that one with other weights is not taken for one of these."""
    assert set(get_args(Architecture.model_fields["family"].annotation)) == {"llama", "qwen2"} and Architecture.biased == ("qwen2",)


def test_these_checks_can_fail() -> None:
    class Silent(Kind):
        """Makes something and says nothing of it."""

    assert not answers(Silent, Kind, "estimate")
