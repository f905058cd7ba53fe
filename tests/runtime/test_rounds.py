"""Rounds from the spec to artifacts: each round starts from the one before, is kept by itself, and is not done again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

SPEC = """
alignc: v1
name: rounds
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 192}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 300}
datasets:
  puzzles: {kind: deduction, count: 30, leaves: {min: 2, max: 2}, between: [0, 0.9]}
  exam: {kind: deduction, count: 6, leaves: {min: 2, max: 2}, between: [0.9, 1]}
rounds:
  loop:
    over:
      - {rate: 1e-2}
      - {rate: 1e-3}
    start: {policy: "${models.base}"}
    stages:
      tuned:
        kind: train
        model: ${round.policy}
        data: ${datasets.puzzles}
        objective: {kind: sft}
        budget: {steps: 2}
        optimizer: {kind: adamw, learning_rate: "${round.rate}"}
    next: {policy: "${round.tuned}"}
stages:
  exam:
    kind: evaluate
    models: ["${models.base}", "${rounds.loop.all.tuned}"]
    data: ${datasets.exam}
    max_new_tokens: 4
    metrics: [{kind: mean_score, reward: {kind: deduction_steps}}]
"""


def run(folder: Path, text: str) -> dict[str, dict[str, object]]:
    """Id -> what `run.json` says of each stage."""
    (folder / "spec.yaml").write_text(text)
    done = subprocess.run([sys.executable, "-m", "aligncompiler", "run", "spec.yaml", "--json"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {stage["id"]: stage for stage in json.loads(done.stdout.splitlines()[-1])["stages"]}


def test_a_further_round_leaves_the_earlier_ones_as_they_are(tmp_path: Path) -> None:
    first = run(tmp_path, SPEC)
    assert {"stages.loop.1.tuned", "stages.loop.2.tuned"} <= set(first)
    more = run(tmp_path, SPEC.replace("      - {rate: 1e-3}\n", "      - {rate: 1e-3}\n      - {rate: 5e-4}\n"))
    assert {id: stage["cached"] for id, stage in more.items() if "tuned" in id} == {
        "stages.loop.1.tuned": True,
        "stages.loop.2.tuned": True,
        "stages.loop.3.tuned": False,
    }
    tables = [json.loads(path.read_text()) for path in tmp_path.glob("runs/*/artifacts/stages.exam/table.json")]
    judged = {line["model"] for table in tables for line in table["tables"][0]["lines"] if line["role"] == "model"}
    assert judged == {"models.base", "stages.loop.1.tuned", "stages.loop.2.tuned", "stages.loop.3.tuned"}


def test_a_value_of_one_round_re_runs_that_round_and_what_comes_after(tmp_path: Path) -> None:
    run(tmp_path, SPEC)
    changed = run(tmp_path, SPEC.replace("rate: 1e-3", "rate: 2e-3"))
    assert {id for id, stage in changed.items() if not stage["cached"]} == {"stages.loop.2.tuned", "stages.exam"}
