"""The list of all keys is frozen: the language grows only as a visible diff, and every word of it is documented."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args

import pytest

from aligncompiler.manual.docstrings import attribute_docs
from aligncompiler.spec.base import Kind, Needs, Ref, Role, Spec, extra_of
from aligncompiler.spec.experiment import Experiment
from aligncompiler.spec.objective import Objective
from aligncompiler.spec.registry import FAMILIES, built_in, kinds
from aligncompiler.spec.slot import Slot, slots
from aligncompiler.spec.stage import Stage
from aligncompiler.words.misplaced import COMPOSED

FROZEN = Path(__file__).parent / "keys.txt"


def nested(cls: type[Spec]) -> Iterator[type[Spec]]:
    """The statements without a kind that stand inside a statement."""

    def inside(slot: Slot | None) -> Iterator[type[Spec]]:
        if slot is not None:
            yield from (slot.nested,) if slot.nested else ()
            yield from inside(slot.items)
            yield from inside(slot.values)

    for slot in slots(cls).values():
        for one in inside(slot):
            yield one
            yield from nested(one)


KINDS = [cls for family in FAMILIES for cls in kinds(family).values()]
STATEMENTS: list[type[Spec]] = list(dict.fromkeys([Experiment, *(s for top in (Experiment, *KINDS) for s in (top, *nested(top)))]))
FIELDS = [(cls, name) for cls in STATEMENTS for name in cls.model_fields if name != "kind"]


def words(cls: type[Spec], path: str) -> Iterator[str]:
    for name, info in cls.model_fields.items():
        if name == "kind":
            continue
        inner = slots(cls)[name].nested
        yield f"{path}.{name} {extra_of(info)['role']}" + ("" if not info.is_required() else " required")
        if inner is not None:
            yield from words(inner, f"{path}.{name}")


def test_the_keys_of_the_language_are_those_of_the_frozen_list(bless: bool) -> None:
    lines = [*words(Experiment, "spec"), *(f"spec.{key}" for key in COMPOSED)]
    ours = [cls for family in FAMILIES for cls in built_in(family).values()]
    lines += [line for cls in ours for line in words(cls, f"{cls.family}.{cls.model_fields['kind'].default}")]
    lines += [f"{cls.family}.{cls.model_fields['kind'].default}" for cls in ours if len(cls.model_fields) == 1]
    text = "\n".join(sorted(lines)) + "\n"
    if bless:
        FROZEN.write_text(text, encoding="utf-8")
    assert text == FROZEN.read_text(encoding="utf-8"), "the language changed on purpose? then `pytest tests/contracts --bless` and read the diff"


@pytest.mark.parametrize("cls", STATEMENTS, ids=lambda cls: cls.__name__)
def test_every_statement_is_documented_in_a_sentence(cls: type[Spec]) -> None:
    assert "__doc__" in vars(cls) and (cls.__doc__ or "").strip().split("\n")[0].rstrip().endswith((".", ":", "each")), cls


@pytest.mark.parametrize(("cls", "name"), FIELDS, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_every_field_is_documented_with_a_role_and_a_unit(cls: type[Spec], name: str) -> None:
    doc = attribute_docs(cls).get(name, "")
    assert doc.rstrip().endswith((".", ")")), f"{cls.__name__}.{name} has no docstring that is a sentence"
    extra = extra_of(cls.model_fields[name])
    assert extra["role"] in get_args(Role)
    slot = slots(cls)[name]
    numbers = {int, float} & set((slot.items or slot).scalars)
    assert not numbers or extra["unit"] or name == "seed", f"{cls.__name__}.{name} is a number without a unit"


@pytest.mark.parametrize("cls", KINDS, ids=lambda cls: cls.__name__)
def test_a_kind_says_what_it_is_made_of_by_its_family_alone(cls: type[Kind]) -> None:
    assert cls.family in FAMILIES and cls.version >= 1
    bases = [b for b in cls.__mro__ if issubclass(b, Kind) and b is not Kind and b is not cls]
    assert all("kind" not in b.model_fields for b in bases), "nothing concrete is inherited from"


def test_no_two_kinds_share_a_tag() -> None:
    tags = [cls.model_fields["kind"].default for cls in KINDS]
    assert len(set(tags)) == len(tags), "`alignc explain TAG` would be ambiguous"


def places_for_references(slot: Slot, seen: frozenset[type[Spec]] = frozenset()) -> Iterator[Needs]:
    """Everything that a reference may stand for in a slot, at any depth; a kind may stand somewhere inside itself."""
    yield from (slot.needs,) if slot.needs is not None else ()
    for inner in (slot.items, slot.values):
        yield from places_for_references(inner, seen) if inner is not None else ()
    if slot.family is None or slot.family not in seen:
        members = [*kinds(slot.family.family).values()] if slot.family is not None else []
        below = seen | {slot.family} if slot.family is not None else seen
        for cls in (*members, *((slot.nested,) if slot.nested is not None else ())):
            for one in slots(cls).values():
                yield from places_for_references(one, below)


def holds_references(cls: type[Spec]) -> set[str]:
    return {name for name, slot in slots(cls).items() if any(True for _ in places_for_references(slot))}


@pytest.mark.parametrize("cls", kinds("objectives").values(), ids=lambda cls: cls.__name__)
def test_an_objective_holds_no_reference(cls: type[Kind]) -> None:
    assert issubclass(cls, Objective) and holds_references(cls) == set(), "what must be loaded to measure a quantity is a field of the stage"


def test_the_search_for_references_sees_lists_mappings_and_nested_statements() -> None:
    policy = Annotated[Ref, Needs(("policy",))]

    class Inner(Spec):
        plain: int
        hidden: dict[str, tuple[policy, ...]]  # type: ignore[valid-type]

    class Leaky(Objective):
        kind: Literal["leaky"] = "leaky"
        plain: float
        deep: Inner

    assert holds_references(Leaky) == {"deep"} and "reward" in holds_references(kinds("stages")["label"])


@pytest.mark.parametrize("cls", kinds("stages").values(), ids=lambda cls: cls.__name__)
def test_the_roles_of_a_stage_name_fields_that_hold_references(cls: type[Kind]) -> None:
    assert isinstance(cls, type) and issubclass(cls, Stage)
    assert {*cls.learns, *cls.measures, *cls.judges} <= holds_references(cls)
    assert bool(cls.measures) == bool(cls.judges), "what is measured, and on which rows, go together"
