"""Statements inside a kind: a field that no function reads which could be given the statement."""

import importlib.util
from pathlib import Path

import pytest

from aligncompiler.compile import compile_spec
from aligncompiler.spec.base import Spec
from runtime.lowering import attributes, kinds_in, lower, statements, unread

SPECS = Path(__file__).parents[2] / "specs"


class Part(Spec):
    """One part."""

    weight: float
    name: str


class Whole(Spec):
    """Parts, in every way that a field may hold them."""

    one: Part
    several: tuple[Part, ...]
    named: dict[str, Part]


class Talking(Part):
    """A part that tells its own name."""

    def told(self) -> str:
        return self.name


def by_name(*, part):
    return part.weight


def by_type(*, part: Part):
    return rename(part) + part.weight


def rename(other: Part):
    return other.name


def elsewhere(*, part: Part):
    return part.weight + stranger(3)


def stranger(number: int):
    return number.name


def by_anything(*, part: Part):
    return part.weight + duck(part)


def duck(thing):
    return thing.name


def as_a_whole(*, part: Part):
    return part.model_dump()


def by_method(*, part: Talking):
    return part.told() * part.weight


def test_statements_are_found_at_any_depth():
    assert list(statements(Whole)) == [("one", Part), ("several", Part), ("named", Part)]


def test_a_field_counts_as_read_only_where_the_statement_may_be():
    assert unread(Part, "part", by_name) == ["name"]
    assert unread(Part, "part", by_type) == []
    assert unread(Part, "part", elsewhere) == ["name"], "the `name` of something else"


def test_where_types_say_too_little_a_field_counts_as_read():
    assert unread(Part, "part", by_anything) == []
    assert unread(Part, "part", as_a_whole) == []


def test_a_method_of_the_statement_reads_for_who_calls_it():
    assert unread(Talking, "part", by_method) == []
    assert unread(Talking, "part", by_name) == ["name"]


class Pair(Spec):
    """Two ranges of one type, and one deeper down."""

    one: Part
    other: Part


class Kindred(Spec):
    """A statement of statements."""

    first: Part
    pair: Pair
    parts: tuple[Part, ...]


def one_of_two(*, first: Part, pair: Pair, parts):
    return first.weight + pair.other.name + (lambda: first.weight + pair.other.weight)() + len(parts)


def handed_on(*, first: Part, pair: Pair, parts):
    return rename(first) + first.weight + rename(pair.one)


def assigned(*, first: Part, pair: Pair, parts):
    first = pair.one
    return first.weight


def by_its_method(*, first: Part, pair: Pair, parts):
    return first.model_dump() + pair.other.name


def test_a_statement_of_which_only_attributes_are_taken_is_not_read_through_another_of_its_type():
    assert attributes(Kindred, "first", one_of_two) == {"weight"} and attributes(Kindred, "pair", one_of_two) == {"other"}
    assert attributes(Kindred, "pair.other", one_of_two) == {"name", "weight"} and attributes(Kindred, "pair.one", one_of_two) == set()
    assert unread(Part, "first", one_of_two) == [], "the names alone do not tell"


def test_a_statement_that_is_used_otherwise_is_looked_at_by_name():
    assert attributes(Kindred, "first", handed_on) is None and attributes(Kindred, "pair.one", handed_on) is None
    assert attributes(Kindred, "pair", handed_on) == {"one"}
    assert attributes(Kindred, "first", assigned) is None and attributes(Kindred, "first", by_its_method) is None
    assert attributes(Kindred, "parts", one_of_two) is None


def test_kinds_are_found_wherever_they_stand():
    from aligncompiler.spec.base import Output, Ref
    from aligncompiler.spec.measuring import Evaluate
    from aligncompiler.spec.metric import Accuracy, MeanScore
    from aligncompiler.spec.rule import DeductionSteps, ExactMatch

    ref = Ref("stages.a", Output("policy"))
    spec = Evaluate(models=(ref,), data=ref, metrics=(Accuracy(), MeanScore(reward=DeductionSteps())))
    paths = {"": Evaluate, "metrics.0": Accuracy, "metrics.0.reward": ExactMatch, "metrics.1": MeanScore, "metrics.1.reward": DeductionSteps}
    assert dict(kinds_in(spec)) == paths


@pytest.mark.skipif(importlib.util.find_spec("vllm") is not None, reason="vLLM is installed")
def test_a_sampler_that_is_not_installed_is_told_before_any_stage_is_made(tmp_path):
    plan = compile_spec(SPECS / "quickstart.yaml", sets=["engine.accelerator=cpu", "stages.drafts.sampler=vllm"]).plan
    assert [(stage.id, fault.code, fault.field) for stage, fault in lower(plan, tmp_path)] == [("stages.drafts", "P606", "sampler")]
