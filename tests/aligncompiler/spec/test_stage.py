"""A figure that would take the place of a column: the help can be followed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from aligncompiler.compile import Compiled

SPEC = """\
alignc: v1
name: figures
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 128}
    tokenizer: {kind: bpe, data: "${datasets.rated}", vocab_size: 300}
datasets:
  rated: {kind: rated_text, count: 40, between: [0, 0.5]}
  fresh: {kind: rated_text, count: 40, between: [0.5, 1]}
rewards:
  one: {kind: attributes, backbone: "${models.base}", names: [helpfulness], head: HEAD}
stages:
  trained:
    kind: train
    model: ${rewards.one}
    data: ${datasets.rated}
    objective: OBJECTIVE
    optimizer: {kind: adamw, learning_rate: 1e-3}
    budget: {steps: 2}
"""
UNSURE = SPEC.replace("head: HEAD", "head: gaussian, uncertainty: aleatoric").replace("OBJECTIVE", "gaussian_likelihood")
SURE = SPEC.replace("HEAD", "mean").replace("OBJECTIVE", "squared_error")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (UNSURE + '  best: {kind: rank, completions: "${datasets.fresh}", reward: "${stages.trained}", sure: 0.5}\n', "`raw` and `uncertainty` alone"),
        (UNSURE + '  said: {kind: label, completions: "${datasets.fresh}", reward: "${stages.trained}"}\n', "`raw` and `uncertainty` alone"),
        (SURE + '  said: {kind: label, completions: "${datasets.fresh}", reward: "${stages.trained}"}\n', "the figure `raw` alone"),
    ],
)
def test_a_scorer_whose_figures_the_rows_have_is_scored_by_as_the_help_says(compiled: Callable[..., Compiled], text: str, told: str) -> None:
    [problem] = compiled(text).report.diagnostics
    assert problem.code == "M524" and "`helpfulness`" in problem.message
    [help] = problem.help
    assert told in help
    found = re.match(r"score by `(.*)`, which", help)
    assert found is not None
    assert compiled(text.replace('reward: "${stages.trained}"', f"reward: {found[1]}")).report.diagnostics == []


def test_a_figure_that_no_reward_can_do_without_leaves_the_column_to_be_renamed(compiled: Callable[..., Compiled]) -> None:
    text = SURE.replace("fresh: {kind: rated_text,", "fresh: {kind: rated_text, names: [raw],")
    text += '  said: {kind: label, completions: "${datasets.fresh}", reward: {kind: clip, of: "${stages.trained}", low: 0}}\n'
    [problem] = compiled(text).report.diagnostics
    assert problem.code == "M524" and problem.help == ("give the column `raw` another name where the rows are read",)
