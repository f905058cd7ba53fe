"""The page of a large sweep stays one that can be opened."""

import json
import time

import pytest

from aligncompiler.compile import compile_spec
from aligncompiler.ir import write_plan
from runtime.report.page import write_report
from runtime.store import Artifact

SPEC = """
alignc: v1
name: wide
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 192}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 300}
datasets:
  puzzles: {kind: deduction, count: 40, leaves: {min: 2, max: 2}, between: [0, 0.9]}
  exam: {kind: deduction, count: 8, leaves: {min: 2, max: 3}, between: [0.9, 1]}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 4}
    optimizer: {kind: adamw, learning_rate: "${vars.rate}"}
  exam: {kind: evaluate, models: ["${stages.sft}"], data: "${datasets.exam}", metrics: [{kind: mean_score, reward: {kind: deduction_steps}}]}
vars:
  rate: {type: float, default: 1e-3}
"""
ENDING = {"status": "interrupted", "seconds": 5.0, "started": "2026-01-01T00:00:00+00:00", "stage": "datasets.exam"}


def made_of(plan, folder, share):
    """Artifacts as such a run would leave them, of the first part of the stages."""
    made = {}
    for number, stage in enumerate(plan.stages[: int(share * len(plan.stages))]):
        own = folder / "artifacts" / str(number)
        own.mkdir(parents=True)
        facts = {"rows": 97}
        if stage.output.artifact == "table":
            lines = [{"role": "model", "model": stage.reads[0], "group": g, "value": 0.5, "low": 0.4, "high": 0.6, "n": 8} for g in ("", *"abcde")]
            facts["tables"] = [{"name": "score", "metric": "mean_score", "by": "x", "lines": lines}]
            sample = {"prompt": "p" * 200, "reference": "r", "answers": {"a": "x" * 300}}
            (own / "table.json").write_text(json.dumps({"tables": facts["tables"], "samples": [sample] * 6, "confidence": 0.95}))
        if stage.spec.family == "stages" and stage.output.artifact == "policy":
            (own / "metrics.jsonl").write_text("".join(json.dumps({"step": i, "loss": 1 / i}) + "\n" for i in range(1, 200)))
        manifest = {"seconds": 1.0, "summary": {"loss": 1.0}, "skipped": {"too long": 3}, "facts": facts, "versions": {"torch": "2.0"}}
        made[stage.id] = (Artifact(stage.id, own, manifest), number % 2 == 0)
    return made


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_thousand_cells_make_a_page_under_two_megabytes_in_under_three_seconds(tmp_path, share):
    rates = ", ".join(str(round(1e-6 * i, 7)) for i in range(1, 1001))
    (tmp_path / "spec.yaml").write_text(SPEC + f"sweep:\n  axes: {{vars.rate: [{rates}]}}\n", encoding="utf-8")
    plan = compile_spec(tmp_path / "spec.yaml").plan
    assert len(plan.cells) == 1000
    write_plan(plan, tmp_path / "plan.json")
    made = made_of(plan, tmp_path, share)
    start = time.process_time()
    path = write_report(plan, made, tmp_path, ENDING)
    assert time.process_time() - start < 3
    assert path.stat().st_size < 2_000_000
    page = path.read_text(encoding="utf-8")
    assert page.count("<tr>") > 1000, "every cell has its line"
    assert "stages.sft ×1000" in page, "variants are one node of the graph"
    assert "found in the store, made with torch 2.0" in page


def test_a_run_that_was_stopped_before_its_first_stage_has_a_page(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    plan = compile_spec(tmp_path / "spec.yaml").plan
    page = write_report(plan, {}, tmp_path, ENDING).read_text(encoding="utf-8")
    assert '<span class="pill interrupted">interrupted</span>' in page
    assert '<tr class="interrupted">' in page and page.count('<tr class="waiting">') == len(plan.stages) - 1
    assert not list(tmp_path.glob("report.html.*"))
