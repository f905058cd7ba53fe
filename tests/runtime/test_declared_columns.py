"""The columns that the compiler says a stage makes are those that its rows have."""

import sys

import pytest

from aligncompiler.compile import compile_spec
from aligncompiler.ir import artifact_folder, write_plan
from aligncompiler.spec.base import ROW_COLUMNS
from runtime.__main__ import main
from runtime.row_file import Rows
from runtime.work import ROWS_FILE

SPEC = """\
alignc: v1
name: columns
engine: {accelerator: cpu, threads: 1}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 256}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 300}
datasets:
  puzzles: {kind: deduction, count: 4, leaves: {min: 2, max: 2}}
  rated: {kind: rated_text, count: 4, names: [helpful]}
rewards:
  parts: {kind: weighted_sum, parts: {long: {kind: length}, right: {kind: deduction_steps}}, weights: {long: 1, right: 1}}
stages:
  of_rated: {kind: pair, completions: "${datasets.rated}", reward: {kind: column, name: gold}}
  drafts: {kind: sample, policy: "${models.base}", prompts: "${datasets.puzzles}", count: 4, max_new_tokens: 8}
  scored: {kind: label, completions: "${stages.drafts}", reward: "${rewards.parts}"}
  best: {kind: rank, completions: "${stages.scored}"}
  some: {kind: filter, data: "${stages.scored}", by: [tokens], keep: {share: 0.9}}
  chosen: {kind: pair, completions: "${stages.some}", rule: {kind: all_pairs}}
  leaves: {kind: sample, policy: "${models.base}", prompts: "${datasets.puzzles}", count: 4, max_new_tokens: 8, topology: {kind: tree, depth: 2}}
  of_leaves: {kind: pair, completions: "${stages.leaves}", reward: {kind: length}}
  anew: {kind: sample, policy: "${models.base}", prompts: "${stages.of_leaves}", count: 1, max_new_tokens: 4}
  again: {kind: sample, policy: "${models.base}", prompts: "${stages.scored}", count: 1, max_new_tokens: 4}
  rated_anew: {kind: sample, policy: "${models.base}", prompts: "${datasets.rated}", count: 1, max_new_tokens: 4}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(stage, columns of its rows) of every dataset of a run, by its name."""
    folder = tmp_path_factory.mktemp("columns")
    (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
    plan = compile_spec(folder / "spec.yaml").plan
    write_plan(plan, folder / "run" / "plan.json")
    argv, sys.argv = sys.argv, ["runtime", str(folder / "run" / "plan.json"), "--store", str(folder / "store")]
    try:
        assert main() == 0
    finally:
        sys.argv = argv
    datasets = [stage for stage in plan.stages if stage.output.artifact == "dataset"]
    return {stage.id: (stage, set(Rows(artifact_folder(folder / "store", stage.key) / ROWS_FILE).columns)) for stage in datasets}


def test_rows_have_the_columns_that_are_declared(made):
    declared = {id: {*stage.output.columns, *(name for row in stage.output.all_rows for name in ROW_COLUMNS[row])} for id, (stage, _) in made.items()}
    assert declared == {id: columns for id, (_, columns) in made.items()}


def test_pairs_and_new_answers_carry_nothing_that_speaks_of_an_old_answer(made):
    for id, old in (("of_rated", "gold"), ("chosen", "long"), ("anew", "chosen_score"), ("again", "right"), ("rated_anew", "helpful")):
        assert old not in made[f"stages.{id}"][1] and not made[f"stages.{id}"][0].output.has_column(old)
