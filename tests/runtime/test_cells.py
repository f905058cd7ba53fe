"""A sweep from the spec to the table of its cells."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytestmark = pytest.mark.torch

SPEC = """
alignc: v1
name: tiny
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 192}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 300}
datasets:
  puzzles: {kind: deduction, count: 40, leaves: {min: 2, max: 2}, between: [0, 0.9]}
  exam: {kind: deduction, count: 8, leaves: {min: 2, max: 2}, between: [0.9, 1]}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 2}
    optimizer: {kind: adamw, learning_rate: "${vars.rate}"}
  exam:
    kind: evaluate
    models: ["${stages.sft}"]
    data: ${datasets.exam}
    max_new_tokens: 4
    metrics: [{kind: mean_score, reward: {kind: deduction_steps}}]
vars:
  rate: {type: float, default: 1e-3}
sweep:
  axes: {vars.rate: [1e-3, 1e-2]}
"""


def alignc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "aligncompiler", *arguments], cwd=folder, capture_output=True, text=True)


def test_a_sweep_runs_shares_stages_and_ends_with_its_cells_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(SPEC)
    done = alignc(tmp_path, "run", "spec.yaml")
    assert done.returncode == 0, done.stderr
    summary = json.loads(next(tmp_path.glob("runs/*/run.json")).read_text())
    ids = [stage["id"] for stage in summary["stages"]]
    assert ids.count("models.base") == 1
    assert [i for i in ids if i.startswith("stages.sft")] == ["stages.sft[rate=1e-3]", "stages.sft[rate=1e-2]"]
    rows = [line.split() for line in done.stdout.splitlines() if re.match(r"0\.0", line)]
    assert [row[0] for row in rows] == ["0.001", "0.01"] and all("[" in row[2] for row in rows)
    page = next(tmp_path.glob("runs/*/report.html")).read_text()
    assert '<h2 id="sweep">' in page and "vars.rate" in page

    some = alignc(tmp_path, "run", "spec.yaml", "--only", "sft", "--json")  # every variant of a stage by its name in the spec
    assert [s["id"] for s in json.loads(some.stdout.splitlines()[-1])["stages"]][2:] == ["stages.sft[rate=1e-3]", "stages.sft[rate=1e-2]"]

    one = alignc(tmp_path, "run", "spec.yaml", "--set", "vars.rate=1e-2", "--json")  # a cell by itself is there already
    assert one.returncode == 0 and all(stage["cached"] for stage in json.loads(one.stdout.splitlines()[-1])["stages"])


@pytest.mark.parametrize(
    ("value", "places", "text"), [(0.51234, 3, "0.512"), (-99.9994, 3, "-99.999"), (7130.123, 3, "7,130.1"), (11976.48, 2, "11,976"), (250.0, 0, "250")]
)
def test_a_large_figure_has_fewer_places(value: float, places: int, text: str) -> None:
    from runtime.cells import figure

    assert figure(value, places) == text
