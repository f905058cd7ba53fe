"""A sweep is the same as compiling each cell by itself, with what they have in common once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.compile import Compiled, compile_spec
from aligncompiler.ir import read_plan, write_plan
from aligncompiler.sweep import brief, short_names

SPEC = """
alignc: v1
name: sweep
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 64, num_layers: 2, num_heads: 4, context: 256}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 400}
datasets:
  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 4}, between: [0, 0.9]}
  exam: {kind: deduction, count: 100, leaves: {min: 2, max: 4}, between: [0.9, 1]}
rewards:
  steps: {kind: deduction_steps}
stages:
  sft: {kind: train, model: "${models.base}", data: "${datasets.puzzles}", objective: sft, budget: {steps: 10}, optimizer: &adam {kind: adamw, learning_rate: 1e-3}}
  drafts: {kind: sample, policy: "${stages.sft}", prompts: "${datasets.puzzles}", count: 4, max_new_tokens: 32}
  pairs: {kind: pair, completions: "${stages.drafts}", reward: "${rewards.steps}"}
  dpo: {kind: train, model: "${stages.sft}", data: "${stages.pairs}", objective: {kind: dpo, beta: "${vars.beta}"}, budget: {steps: 5}, optimizer: *adam}
  exam:
    kind: evaluate
    models: ["${stages.sft}", "${stages.dpo}"]
    data: ${datasets.exam}
    metrics: [{kind: mean_score, reward: "${rewards.steps}"}]
vars: {beta: {type: float, default: 0.1}}
profiles: {smoke: {stages.dpo.budget.steps: 1, vars.beta: 0.7}}
"""
AXES = "sweep:\n  axes: {vars.beta: [0.1, 0.5], seed: [0, 1]}\n  zip:\n    - {stages.dpo.budget.steps: [5, 6], stages.dpo.batch.rows: [8, 16]}\n"


def compiled_text(folder: Path, text: str, *sets: str, profiles: tuple[str, ...] = ()) -> Compiled:
    path = folder / "spec.yaml"
    path.write_text(text)
    return compile_spec(path, profiles, sets)


def test_every_cell_has_the_keys_that_it_has_alone(tmp_path: Path) -> None:
    whole = compiled_text(tmp_path, SPEC + AXES).plan
    assert whole is not None and len(whole.cells) == 8
    for cell in whole.cells:
        alone = compiled_text(tmp_path, SPEC, *(f"{path}={value}" for path, value in cell.values.items())).plan
        assert alone is not None
        assert {base: whole[id].key for base, id in cell.stages.items()} == {stage.id: stage.key for stage in alone.stages}
        assert {base: [whole[read].key for read in whole[id].reads] for base, id in cell.stages.items()} == {
            stage.id: [alone[read].key for read in stage.reads] for stage in alone.stages
        }


def test_stages_that_cells_have_in_common_are_there_once(tmp_path: Path) -> None:
    whole = compiled_text(tmp_path, SPEC + AXES).plan
    assert whole is not None
    ids = [stage.id for stage in whole.stages]
    assert ids.count("datasets.puzzles") == 1
    assert [id for id in ids if id.startswith("stages.sft")] == ["stages.sft[seed=0]", "stages.sft[seed=1]"]
    assert [id for id in ids if id.startswith("stages.dpo.reference")] == ["stages.dpo.reference[seed=0]", "stages.dpo.reference[seed=1]"]
    assert len(ids) == len(set(ids))
    assert len({stage.key for stage in whole.stages if stage.base == "stages.dpo"}) == 8


def test_every_stage_comes_after_what_it_reads(tmp_path: Path) -> None:
    whole = compiled_text(tmp_path, SPEC + AXES).plan
    assert whole is not None
    seen: set[str] = set()
    for stage in whole.stages:
        assert set(stage.reads) <= seen
        seen.add(stage.id)


def test_the_plan_of_a_sweep_survives_json(tmp_path: Path) -> None:
    whole = compiled_text(tmp_path, SPEC + AXES).plan
    assert whole is not None
    write_plan(whole, tmp_path / "plan.json")
    again = read_plan(tmp_path / "plan.json")
    assert again.to_json() == whole.to_json()
    assert [stage.reads for stage in again.stages] == [stage.reads for stage in whole.stages]


def test_a_cell_comes_after_profiles_and_before_set(tmp_path: Path) -> None:
    axis = "sweep:\n  axes: {vars.beta: [0.1, 0.5]}\n"
    cells = compiled_text(tmp_path, SPEC + axis, profiles=("smoke",)).plan
    assert cells is not None
    found = [stage.spec.objective.beta for stage in cells.stages if stage.base == "stages.dpo"]  # type: ignore[attr-defined]
    assert found == [0.1, 0.5]
    assert {stage.spec.budget.steps for stage in cells.stages if stage.base == "stages.dpo"} == {1}  # type: ignore[attr-defined]
    one = compiled_text(tmp_path, SPEC + axis, "vars.beta=0.9")
    assert one.plan is not None and [d.code for d in one.report.diagnostics] == ["C208"]
    assert [s.spec.objective.beta for s in one.plan.stages if s.base == "stages.dpo"] == [0.9]  # type: ignore[attr-defined]


def test_a_sweep_can_exchange_whole_statements(tmp_path: Path) -> None:
    text = (
        SPEC
        + "sweep:\n  axes: {stages.sft.optimizer: [{learning_rate: 1e-2}, {learning_rate: 1e-3}], datasets.puzzles.leaves: [{min: 2, max: 2}, {min: 3, max: 3}]}\n"
    )
    plan = compiled_text(tmp_path, text).plan
    assert plan is not None and len(plan.cells) == 4
    assert len({stage.id for stage in plan.stages if stage.base == "datasets.puzzles"}) == 2


def test_a_sweep_over_rounds_shares_nothing_wrong(tmp_path: Path, compiled: Callable[..., Compiled]) -> None:
    text = SPEC + (
        'rounds:\n  loop:\n    count: 2\n    start: {policy: "${stages.sft}"}\n    stages:\n'
        '      more: {kind: train, model: "${round.policy}", data: "${datasets.puzzles}", objective: sft, budget: {steps: 2}, optimizer: {kind: adamw, learning_rate: 1e-3}}\n'
        '    next: {policy: "${round.more}"}\nsweep:\n  axes: {rounds.loop.count: [1, 2]}\n'
    )
    plan = compiled_text(tmp_path, text).plan
    assert plan is not None
    ids = [stage.id for stage in plan.stages]
    assert ids.count("stages.loop.1.more") == 1 and ids.count("stages.loop.2.more") == 1
    assert "stages.loop.2.more" not in plan.cells[0].stages and "stages.loop.2.more" in plan.cells[1].stages


@pytest.mark.parametrize(
    ("paths", "short"),
    [
        (["vars.beta", "seed"], ["beta", "seed"]),
        (["stages.a.budget.steps", "stages.b.budget.steps"], ["a.budget.steps", "b.budget.steps"]),
        (["seed", "datasets.puzzles.seed"], ["seed", "puzzles.seed"]),
    ],
)
def test_an_axis_has_the_shortest_name_that_no_other_has(paths: list[str], short: list[str]) -> None:
    assert list(short_names(paths).values()) == short


def test_a_value_in_a_name_may_stand_in_a_path() -> None:
    from aligncompiler.diagnostic import Place
    from aligncompiler.load import Node

    place = Place("spec.yaml")
    assert brief(Node("a/b: c", place)) == "a_b_c"
    assert brief(Node({"kind": Node("dpo", place), "beta": Node(0.1, place)}, place)) == "dpo"
    assert brief(Node([Node(1, place), Node(2, place)], place)) == "1+2"
