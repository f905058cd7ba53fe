"""What the language takes at a path: the same as its classes say, for every field of every kind."""

from __future__ import annotations

import pytest

from aligncompiler.server.grammar import Due, due_at, keys_at
from aligncompiler.spec.composed import COMPOSED
from aligncompiler.spec.experiment import Engine, Experiment
from aligncompiler.spec.registry import DECLARED, kinds
from aligncompiler.spec.slot import slots
from aligncompiler.spec.training import Budget, Train

KINDS = [(family, tag) for family in DECLARED for tag in kinds(family)]


def due(path: str, kind: str = "") -> Due | None:
    return due_at(tuple(path.split(" ")), lambda here: kind)


@pytest.mark.parametrize(("family", "tag"), KINDS)
@pytest.mark.parametrize("above", ["", "rounds loop ", "rounds a rounds b "])
def test_every_field_of_every_declaration_has_its_slot(family: str, tag: str, above: str) -> None:
    cls = kinds(family)[tag]
    for name, slot in slots(cls).items():
        found = due(f"{above}{family} x {name}", tag)
        assert found is not None
        assert found.family == family if name == "kind" else (found.slot, found.owner, found.field) == (slot, cls, name)


@pytest.mark.parametrize("above", ["profiles smoke", "sweep add 0", "sweep axes", "sweep zip 0"])
def test_a_dotted_path_leads_where_the_same_steps_lead(above: str) -> None:
    for dotted in ("stages.dpo.budget.steps", "engine.devices", "seed", "rounds.loop.stages.dpo.budget.steps"):
        listed = ("0",) if above.endswith(("axes", "zip 0")) else ()
        plain, under = (due_at(path, lambda here: "train") for path in (tuple(dotted.split(".")), (*above.split(), dotted, *listed)))
        assert under == plain and under is not None


def test_an_axis_takes_a_list_of_such_values() -> None:
    found = due_at(("sweep", "axes", "seed"), lambda here: "")
    assert found is not None and found.slot is not None and found.slot.items == slots(Experiment)["seed"]


def test_the_value_of_an_override_may_itself_be_a_statement() -> None:
    found = due_at(("profiles", "smoke", "stages.dpo.budget", "steps"), lambda here: "train")
    assert found is not None and (found.owner, found.field) == (Budget, "steps")


def test_statements_inside_are_known_by_their_class_or_their_kind() -> None:
    assert due("engine") == Due(slots(Experiment)["engine"], Engine, Experiment, "engine")
    found = due("stages x budget", "train")
    assert found is not None and found.statement is Budget
    unknown = due("stages x", "")
    assert unknown is not None and unknown.statement is None and unknown.slot is not None and unknown.slot.family is not None
    known = due("stages x", "train")
    assert known is not None and known.statement is Train


@pytest.mark.parametrize("path", ["nothing", "stages x nothing", "engine devices more", "rounds loop start policy", "vars x nothing more", "extends x y"])
def test_the_language_has_nothing_to_say_elsewhere(path: str) -> None:
    found = due(path, "train")
    assert found is None or (found.slot is None and found.statement is None)


def test_keys_of_composition_are_known_with_their_texts() -> None:
    assert keys_at(("vars", "x")) == COMPOSED["vars"].inside and keys_at(("sweep",)) == COMPOSED["sweep"].inside
    assert keys_at(("rounds", "a")) == keys_at(("rounds", "a", "rounds", "b")) == COMPOSED["rounds"].inside
    assert keys_at(("rounds",)) == keys_at(("rounds", "a", "stages")) == keys_at(("stages", "x")) == keys_at(()) == {}
    for word in COMPOSED:
        found = due(word)
        assert found is not None and found.key == COMPOSED[word]
    found = due("rounds loop next")
    assert found is not None and found.key == COMPOSED["rounds"].inside["next"]
