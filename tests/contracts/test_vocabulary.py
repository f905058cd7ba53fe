"""Every kind of the language has exactly one implementation, and nothing that is declared can be ignored."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aligncompiler.spec.base import Kind
from aligncompiler.spec.experiment import Engine
from aligncompiler.spec.objective import Objective
from aligncompiler.spec.registry import FAMILIES, built_in, home_of, kinds

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

RUNTIME = Path(__file__).parents[2] / "runtime"
KINDS = [cls for family in FAMILIES for cls in kinds(family).values()]
SHAPE = re.compile(r"_[A-Z][A-Z0-9]*\Z")


def tag(cls: type[Kind]) -> str:
    return str(cls.model_fields["kind"].default)


def implementation_of(cls: type[Kind]) -> Callable[..., Any]:
    from runtime.registry import implementation

    return implementation(cls)


def fields(cls: type[Kind]) -> set[str]:
    return set(cls.model_fields) - {"kind"}


def names_read(function: Callable[..., Any]) -> set[str]:
    """Names that the body of a function reads, nested functions included."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    assert isinstance(definition, ast.FunctionDef)
    return {node.id for line in definition.body for node in ast.walk(line) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


@pytest.fixture(params=KINDS, ids=lambda cls: f"{cls.family}.{tag(cls)}")
def cls(request: pytest.FixtureRequest) -> type[Kind]:
    return request.param


def test_the_implementation_lies_in_the_file_of_its_kind_and_bears_its_name(cls: type[Kind]) -> None:
    function = implementation_of(cls)
    assert function.__name__ == tag(cls) and function.__module__ == f"{home_of(cls)}.{cls.family}.{tag(cls)}"


def test_its_keyword_parameters_are_the_fields_of_the_spec_without_defaults(cls: type[Kind]) -> None:
    parameters = inspect.signature(implementation_of(cls)).parameters.values()
    keywords = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert {p.name for p in keywords} == fields(cls)
    assert all(p.default is p.empty for p in parameters)
    assert not any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters)


def test_every_field_is_read(cls: type[Kind]) -> None:
    assert fields(cls) - names_read(implementation_of(cls)) == set()


def test_the_runtime_itself_finds_that_nothing_is_ignored(cls: type[Kind]) -> None:
    """Statements inside the kind included; a run asks the same before it starts."""
    from runtime.lowering import faults_of

    assert [fault.message for fault in faults_of(cls)] == []


def test_every_field_of_the_engine_is_read_where_an_engine_is_at_hand() -> None:
    from runtime.reach import inner, mentioned, names

    modules = [compile(file.read_text(encoding="utf-8"), str(file), "exec") for file in RUNTIME.rglob("*.py")]
    bodies = [body for module in modules for body in inner(module)[1:] if "engine" in mentioned(body)]
    assert set(Engine.model_fields) - set().union(*map(names, bodies)) == set()


def test_kind_and_implementation_are_documented(cls: type[Kind]) -> None:
    assert inspect.getdoc(cls) and inspect.getdoc(implementation_of(cls))
    assert cls.__doc__ != cls.__mro__[1].__doc__


@pytest.mark.parametrize("objective", [c for c in KINDS if issubclass(c, Objective)], ids=tag)
def test_an_objective_takes_the_quantities_it_reads_with_their_shapes(objective: type[Objective]) -> None:
    parameters = inspect.signature(implementation_of(objective)).parameters.values()
    tensors = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert tuple(SHAPE.sub("", name) for name in tensors) == objective.reads
    assert all(SHAPE.search(name) for name in tensors)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_file_of_a_family_is_the_implementation_of_a_kind(family: str) -> None:
    files = {f.stem for f in (RUNTIME / family).glob("*.py")} - {"__init__"}
    assert files == set(built_in(family))


def test_the_check_that_fields_are_read_can_fail() -> None:
    def partial(*, used: int, unused: int) -> int:
        return used

    assert names_read(partial) == {"used"}
