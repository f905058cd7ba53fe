"""Every value of a resolved spec says where it was written and what it overrode."""

from __future__ import annotations

from pathlib import Path

import pytest

from aligncompiler.compile import compile_spec
from aligncompiler.origins import Origin, origins

PARENT = """
alignc: v1
name: parent
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 64, num_layers: 2, num_heads: 4, context: 256}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 400}
datasets:
  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}}
objectives:
  loss: {kind: sft}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: ${objectives.loss}
    budget: {steps: 10}
    optimizer: {kind: adamw, learning_rate: 1e-3}
"""
CHILD = """
extends: parent.yaml
name: child
vars: {rate: {type: float, default: 2e-3}}
stages: {sft: {optimizer: {learning_rate: "${vars.rate}"}, budget: {steps: 20}}}
profiles: {smoke: {stages.sft.budget.steps: 2}}
"""


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Origin]:
    monkeypatch.chdir(tmp_path)
    Path("parent.yaml").write_text(PARENT)
    Path("child.yaml").write_text(CHILD)
    compiled = compile_spec(Path("child.yaml"), ["smoke"], ["vars.rate=3e-3", "stages.sft.clip_norm=2"], static=True)
    assert not compiled.report.errors
    return {origin.path: origin for origin in origins(compiled)}


def said(origin: Origin) -> tuple[object, str | None, list[tuple[object, str | None]]]:
    return origin.value, origin.place and str(origin.place), [(value, place and str(place)) for value, place in origin.overrode]


def test_a_value_knows_every_value_it_took_the_place_of_in_order(found: dict[str, Origin]) -> None:
    steps = said(found["stages.sft.budget.steps"])
    assert steps == (2, "child.yaml:6:45", [(20, "child.yaml:5:76"), (10, "parent.yaml:19:21"), (None, None)])


def test_a_value_that_came_through_a_variable_says_both_places(found: dict[str, Origin]) -> None:
    rate = found["stages.sft.optimizer.learning_rate"]
    assert str(rate.place).startswith("--set vars.rate=3e-3") and str(rate.via) == "child.yaml:5:43"
    assert [(value, str(place)) for value, place in rate.overrode] == [(0.002, "child.yaml:4:37")]


def test_a_default_has_no_place_and_one_that_is_overridden_is_named(found: dict[str, Origin]) -> None:
    assert said(found["stages.sft.log_every"]) == (10, None, [])
    assert said(found["stages.sft.clip_norm"])[2] == [(1.0, None)]


def test_a_value_of_a_named_objective_was_written_where_it_is_declared(found: dict[str, Origin]) -> None:
    assert said(found["stages.sft.objective.kind"]) == ("sft", "parent.yaml:12:16", [])


def test_every_leaf_of_the_language_is_there(found: dict[str, Origin]) -> None:
    assert {"seed", "engine.precision", "models.base.architecture.rope_theta", "datasets.puzzles.leaves.min", "stages.sft.schedule.shape"} <= set(found)
    assert all(origin.place is None or origin.place.line > 0 for origin in found.values())


def test_a_changed_kind_shows_what_the_old_one_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("parent.yaml").write_text(PARENT)
    Path("child.yaml").write_text("extends: parent.yaml\ndatasets: {puzzles: {kind: demonstrations, file: a.jsonl, between: [0, 0.5]}}\n")
    compiled = compile_spec(Path("child.yaml"), static=True)
    by_path = {origin.path: origin for origin in origins(compiled)}
    assert said(by_path["datasets.puzzles.kind"]) == ("demonstrations", "child.yaml:2:28", [("deduction", "parent.yaml:10:19")])
    assert by_path["datasets.puzzles.file"].overrode == ((None, None),)


def test_what_a_child_drops_is_shown_with_what_stood_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("parent.yaml").write_text(PARENT + "  again: {kind: sample, policy: '${stages.sft}', prompts: '${datasets.puzzles}', count: 2, max_new_tokens: 8}\n")
    Path("child.yaml").write_text("extends: parent.yaml\nstages: {again: null}\n")
    shown = {origin.path: origin for origin in origins(compile_spec(Path("child.yaml"), static=True))}
    value, place, [(over, at)] = said(shown["stages.again"])
    assert (value, place, at) == (None, "child.yaml:2:17", "parent.yaml:21:10")
    assert isinstance(over, dict) and over["kind"] == "sample"
