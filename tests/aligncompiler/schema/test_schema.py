"""The schema is made from the language: every kind and every field of it, in its order, closed, with its texts and its ranges."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal

import jsonschema
import pytest

from aligncompiler.manual.docstrings import field_docs
from aligncompiler.schema import language_schema
from aligncompiler.spec import objective
from aligncompiler.spec.base import Kind, Spec, field
from aligncompiler.spec.composed import COMPOSED
from aligncompiler.spec.experiment import Experiment
from aligncompiler.spec.objective import Objective
from aligncompiler.spec.registry import FAMILIES, built_in, kinds, tag_of
from aligncompiler.spec.slot import Slot, slots

SCHEMA = language_schema()
DEFINITIONS = SCHEMA["definitions"]
KINDS = [(family, tag) for family in FAMILIES for tag in kinds(family)]


def in_slot(slot: Slot | None) -> Iterator[type[Spec]]:
    """The statements without a kind that stand in a slot."""
    if slot is not None:
        yield from (slot.nested,) if slot.nested else ()
        yield from in_slot(slot.items)
        yield from in_slot(slot.values)


def statements() -> Iterator[tuple[str, type[Spec]]]:
    """(name of the definition, class) of every statement of the language."""
    yield "spec", Experiment
    for family, tag in KINDS:
        yield f"{family}.{tag}", kinds(family)[tag]
    for cls in (Experiment, *(kinds(family)[tag] for family, tag in KINDS)):
        for slot in slots(cls).values():
            yield from ((inner.__name__, inner) for inner in in_slot(slot))


STATEMENTS = sorted(dict(statements()).items())


def test_the_schema_is_a_schema_of_its_dialect() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_the_metaschema_can_refuse() -> None:
    with pytest.raises(jsonschema.SchemaError):
        jsonschema.Draft7Validator.check_schema({"type": "objekt"})


def test_every_reference_of_the_schema_leads_to_a_definition_and_every_definition_is_used() -> None:
    named = {part.split('"')[0] for part in json.dumps(SCHEMA).split('"$ref": "#/definitions/')[1:]}
    assert named == set(DEFINITIONS)


def test_two_schemas_of_one_language_are_equal_to_the_byte() -> None:
    assert json.dumps(language_schema()) == json.dumps(SCHEMA)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_offers_its_kinds_in_the_order_of_the_source_and_looks_at_kind(family: str) -> None:
    made = next(DEFINITIONS[name] for name in (family, f"{family}.inline") if name in DEFINITIONS)
    offered = made["properties"]["kind"]["anyOf"][0]
    assert offered["enum"] == list(kinds(family)) and len(offered["markdownEnumDescriptions"]) == len(offered["enum"])
    chosen = {one["if"]["properties"]["kind"]["const"]: one["then"]["$ref"].rpartition("/")[2] for one in made["allOf"]}
    assert chosen == {tag: f"{family}.{tag}" for tag in kinds(family)} and made["required"] == ["kind"]


@pytest.mark.parametrize(("name", "cls"), STATEMENTS, ids=lambda x: x if isinstance(x, str) else "")
def test_a_statement_has_every_field_in_order_and_no_others(name: str, cls: type[Spec]) -> None:
    made = DEFINITIONS[name]
    fields = sorted(slots(cls), key=lambda word: word != "kind")
    assert list(made["properties"]) == [*fields, *(COMPOSED if cls is Experiment else ())] and made["additionalProperties"] is False
    assert made.get("required", []) == [doc.name for doc in field_docs(cls) if doc.required]


@pytest.mark.parametrize(("name", "cls"), STATEMENTS, ids=lambda x: x if isinstance(x, str) else "")
def test_every_field_carries_its_docstring_unit_default_and_role(name: str, cls: type[Spec]) -> None:
    for doc in field_docs(cls):
        made = DEFINITIONS[name]["properties"][doc.name]
        for text in (made["description"], made["markdownDescription"]):
            assert doc.text in text and doc.unit in text
            assert ("required" if doc.required else "default") in text
            assert {"semantic": "changes the results", "runtime": "not the results", "cosmetic": "neither"}[doc.role] in text


@pytest.mark.parametrize(("family", "tag"), KINDS)
def test_a_part_of_a_statement_has_the_same_fields_and_needs_none(family: str, tag: str) -> None:
    part = DEFINITIONS.get(f"part.{family}.{tag}", DEFINITIONS[f"{family}.{tag}"])
    assert list(part["properties"]) == list(DEFINITIONS[f"{family}.{tag}"]["properties"])
    assert "required" not in part and part["additionalProperties"] is False
    unsaid = DEFINITIONS[f"part.{family}.any"]
    assert set(part["properties"]) - {"kind"} <= set(unsaid["properties"]) and unsaid["additionalProperties"] is False


def test_ranges_and_patterns_are_those_of_the_classes() -> None:
    dpo = DEFINITIONS["objectives.dpo"]["properties"]
    assert dpo["beta"]["exclusiveMinimum"] == 0 and (dpo["label_smoothing"]["minimum"], dpo["label_smoothing"]["exclusiveMaximum"]) == (0, 0.5)
    between = DEFINITIONS["datasets.deduction"]["properties"]["between"]
    assert (between["minItems"], between["maxItems"]) == (2, 2)
    name = DEFINITIONS["spec"]["properties"]["name"]["anyOf"][0]
    assert name["pattern"].startswith("^[A-Za-z0-9]") and "at most 80 letters" in name["patternErrorMessage"]


def constraints() -> Iterator[tuple[str, str, Any]]:
    for _, cls in STATEMENTS:
        for name, info in cls.model_fields.items():
            yield from ((cls.__name__, name, one) for one in info.metadata)


KNOWN = ("ge", "gt", "le", "lt", "multiple_of", "pattern", "artifacts")


def test_no_class_uses_a_constraint_that_the_schema_does_not_know() -> None:
    assert [one for one in constraints() if not any(getattr(one[2], word, None) is not None for word in KNOWN)] == []


@pytest.mark.parametrize(
    ("statement", "field_name", "roots"),
    [
        ("stages.train", "model", ["models", "rewards", "stages"]),
        ("stages.train", "data", ["datasets", "stages"]),
        ("stages.train", "objective", ["objectives"]),
        ("stages.evaluate", "models", ["models", "rewards", "stages"]),
        ("objectives.dpo", "beta", []),
        ("optimizers.adamw", "betas", []),
    ],
)
def test_a_reference_starts_with_a_family_that_makes_what_is_due(statement: str, field_name: str, roots: list[str]) -> None:
    made = DEFINITIONS[statement]["properties"][field_name]
    last = made["anyOf"][-1] if "anyOf" in made else made
    last = DEFINITIONS[last["$ref"].rpartition("/")[2]] if "$ref" in last else last
    assert last["pattern"] == rf"^\$\{{({'|'.join([*roots, 'vars', 'round', 'rounds'])})(\.[\w-]+)+\}}$"


class Borrowed(Objective):
    """An objective that came from elsewhere."""

    kind: Literal["borrowed"] = "borrowed"
    strength: float = field(2.0, unit="1", ge=1)
    """How strong."""


def test_a_kind_that_is_added_to_the_registry_is_in_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    added: dict[str, type[Kind]] = kinds("objectives") | {tag_of(Borrowed): Borrowed}
    monkeypatch.setattr(objective, "Borrowed", Borrowed, raising=False)
    for one in (kinds, built_in):
        one.cache_clear()
    try:
        made = language_schema()["definitions"]
        assert made["objectives"]["properties"]["kind"]["anyOf"][0]["enum"] == list(added)
        assert made["objectives.borrowed"]["properties"]["strength"]["minimum"] == 1
        assert any(path.endswith(r"\.strength$") for path in made["paths"]["patternProperties"])
    finally:
        monkeypatch.undo()
        for one in (kinds, built_in):
            one.cache_clear()


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("extends: base.yaml\n", True),
        ("extends: base.yaml\nstages: {sft: {budget: {steps: 3}}}\n", True),
        ("extends: base.yaml\nstages: {sft: {objective: {beta: 0.2}}}\n", True),
        ("extends: base.yaml\nstages: {sft: {objective: {kind: dpo, center: 0.2}}}\n", False),
        ("extends: base.yaml\nstages: {sft: {bugdet: {steps: 3}}}\n", False),
        ("extends: base.yaml\nstages: {exam: {metrics: [{part: step}]}}\n", False),
        ("extends: base.yaml\nvars: {beta: {default: 0.2}}\nrounds: {loop: {count: 3}}\n", True),
        ("stages: {sft: {budget: {steps: 3}}}\n", False),
        ("extends: base.yaml\nprofiles: {smoke: {stages.sft.budget.steps: 3, rounds.loop.count: 1, vars.beta: 2}}\n", True),
        ("extends: base.yaml\nprofiles: {smoke: {stages.sft.budget.stepz: 3}}\n", False),
        ("extends: base.yaml\nprofiles: {smoke: {stages.sft.budget.steps: lots}}\n", False),
        ("extends: base.yaml\nprofiles: {smoke: {stages.sft.budget: {steps: 3, epochs: null}}}\n", True),
        ("extends: base.yaml\nrounds: {loop: {count: 0}}\n", False),
        ("extends: base.yaml\nrounds: {loop: {over: [{a: 1}], stages: {number: {kind: train}}}}\n", False),
    ],
)
def test_a_child_says_only_what_it_changes(seen: Any, text: str, fine: bool) -> None:
    assert (seen.refused(text) == {}) is fine


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("axes: {vars.beta: [0.05, 0.1], seed: [0, 1, 2], stages.sft.budget.steps: [10]}", True),
        ("axes: {seed: 3}", False),
        ("axes: {sed: [3]}", False),
        ("axes: {seed: [one]}", False),
        ("zip: [{seed: [1, 2], stages.dpo.objective.beta: [0.1, 0.2]}], skip: [{seed: 1}], add: [{seed: 9, vars.beta: 3}]", True),
        ("zip: {seed: [1]}", False),
        ("skip: [{seed: lots}]", False),
        ("add: [{seed: 1, stages.dpo.objective.beat: 1}]", False),
        ("grid: {seed: [1]}", False),
        ("axes: {engine.devices: [1]}", False),
    ],
)
def test_a_sweep_gives_lists_of_values_to_paths(seen: Any, text: str, fine: bool) -> None:
    assert (seen.refused(f"extends: base.yaml\nsweep: {{{text}}}\n") == {}) is fine
