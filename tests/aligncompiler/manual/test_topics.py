"""What can be explained beside codes: everything that a spec can say, under the name a person would ask with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.cli import main
from aligncompiler.codes import BASE
from aligncompiler.compile import Compiled
from aligncompiler.manual.topics import find, insides, known
from aligncompiler.spec.base import Kind, Spec
from aligncompiler.spec.composed import COMPOSED
from aligncompiler.spec.experiment import Experiment
from aligncompiler.spec.registry import FAMILIES, kinds
from aligncompiler.spec.slot import slots

KINDS = {tag: cls for family in FAMILIES for tag, cls in kinds(family).items()}


def followed(cls: type[Spec]) -> object:
    """What is followed once on a path: a statement, or a family, whose kinds may stand inside each other in any order."""
    return cls.family if issubclass(cls, Kind) else cls


def every_path(cls: type[Spec], above: tuple[str, ...], seen: frozenset[object]) -> set[str]:
    """Every dotted path of keys below a statement, a statement or a family inside itself followed once."""
    found = set()
    for name, slot in slots(cls).items():
        if name == "kind":
            continue
        found.add(".".join((*above, name)))
        for inner in insides(slot):
            if followed(inner) not in seen:
                found |= every_path(inner, (*above, name), seen | {followed(inner)})
    return found


@pytest.mark.parametrize("tag", KINDS)
def test_every_key_at_every_depth_of_a_kind_is_explained(tag: str) -> None:
    for path in every_path(KINDS[tag], (), frozenset({followed(KINDS[tag])})):
        topic = find(f"{tag}.{path}")
        assert [d for d in topic.fields if d.name.rpartition(".")[2] == path.rpartition(".")[2] and d.text], path


def test_every_key_at_the_top_is_explained() -> None:
    for path in ("seed", "name", "engine", "engine.precision", *slots(Experiment), *COMPOSED):
        topic = find(path)
        assert topic.text or topic.fields[0].text, path
    assert find("engine").fields[1].name == "accelerator" and find("engine.precision").fields[0].default == "float32"


def test_every_name_that_is_listed_can_be_asked_for() -> None:
    for names in known().values():
        assert all(find(name) for name in names)
    assert all(find(family) and find(family.removesuffix("s")) for family in FAMILIES)


@pytest.mark.parametrize(
    ("topic", "first", "text"),
    [
        ("budget", "train.budget", "How long to train."),
        ("architecture", "causal_lm.architecture", "The shape of a decoder"),
        ("train.budget.steps", "steps", ""),
        ("budget.steps", "train.budget.steps", ""),
        ("learning_rate", "adamw.learning_rate", ""),
        ("optimizer.learning_rate", "adamw.learning_rate", ""),
        ("train.optimizer.learning_rate", "learning_rate", ""),
        ("train.objective", "objective", "Kinds of objective: sft"),
        ("vars.pull.type", "type", ""),
        ("rounds.over", "over", ""),
        ("precision", "engine.precision", ""),
        ("devices", "engine.devices", ""),
        ("axes", "sweep.axes", ""),
        ("hidden_size", "causal_lm.architecture.hidden_size", ""),
        ("steps", "train.budget.steps", ""),
        ("stages.sft.budget", "train.budget", "How long to train."),
    ],
)
def test_a_key_is_found_by_its_path_and_by_its_name(topic: str, first: str, text: str) -> None:
    found = find(topic)
    assert found.fields[0].name == first and found.text.startswith(text)


@pytest.mark.parametrize(
    ("topic", "help"),
    [
        ("learnin_rate", "`learning_rate`"),
        ("engine.precison", "`precision`"),
        ("vars.typ", "`type`"),
        ("extends.x", "names of your own"),
        ("budget.stps", "`steps`"),
        ("devics", "`devices`"),
        ("models.base", "`alignc show SPEC models.base` shows it"),
        ("models.pretraned", "did you mean `pretrained`"),
        ("stages.sft", "`alignc explain stages`"),
    ],
)
def test_a_topic_that_is_not_there_suggests_one(topic: str, help: str) -> None:
    with pytest.raises(LookupError, match=help):
        find(topic)


def test_a_key_that_stands_in_several_places_is_listed_with_all_of_them() -> None:
    assert [d.name for d in find("count").fields] == ["deduction.count", "rated_text.count", "sample.count", "lexicographic.levels.count", "rounds.count"]
    assert {"model: causal_lm, encoder", "optimizer: adamw"} <= {line.strip() for line in find("kind").text.splitlines()}


@pytest.mark.parametrize("name", [name for name, key in COMPOSED.items() if key.example])
def test_the_examples_of_composed_keys_are_specs(name: str, folder: Path, compiled: Callable[..., Compiled]) -> None:
    (folder / "base.yaml").write_text("".join(BASE.values()))
    example = COMPOSED[name].example
    own = {"vars": "objectives"}.get(name, "")
    rest = "".join(text for section, text in BASE.items() if section != own and f"\n{section}:" not in f"\n{example}")
    errors = compiled((BASE["alignc"] if name == "extends" else rest) + example, static=True).report.errors
    assert errors == []


def test_every_key_inside_a_composed_key_is_accepted_there(compiled: Callable[..., Compiled]) -> None:
    from aligncompiler.compose import VAR_KEYS
    from aligncompiler.unroll import KEYS

    assert set(COMPOSED["vars"].inside) == set(VAR_KEYS) and set(COMPOSED["rounds"].inside) == set(KEYS)


def test_explain_prints_an_example_and_what_a_key_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "vars"]) == 0
    out = capsys.readouterr().out
    assert "  type: one of `float`" in out and "beta: ${vars.pull}" in out
    assert main(["explain", "vars", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["topic"] == "vars"
