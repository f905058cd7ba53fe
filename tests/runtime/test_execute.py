"""The whole story on a tiny experiment: every stage, the report, the cache, and failures that leave nothing behind."""

import json
import re
import shutil
import sys
from dataclasses import replace
from html import unescape
from urllib.parse import unquote

import pytest
import transformers
import yaml

from aligncompiler.compile import compile_spec
from aligncompiler.ir import artifact_folder, write_plan
from runtime.__main__ import main

SPEC = """\
alignc: v1
name: tiny
description: Everything once & <quickly>.
engine: {accelerator: cpu, threads: 1}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 256}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 300}
datasets:
  puzzles: {kind: deduction, count: 12, leaves: {min: 2, max: 2}, between: [0, 0.5]}
  exam: {kind: deduction, count: 6, leaves: {min: 2, max: 3}, between: [0.5, 1]}
  pairs: {kind: preferences, file: pairs.jsonl}
  held_out: {kind: preferences, file: held_out.jsonl}
rewards:
  rm: {kind: scalar, backbone: "${stages.sft}"}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 2}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
  drafts: {kind: sample, policy: "${stages.sft}", prompts: "${datasets.puzzles}", count: 3, max_new_tokens: 4, limit: 4}
  scored: {kind: label, completions: "${stages.drafts}", reward: "${rewards.rm}"}
  chosen: {kind: pair, completions: "${stages.scored}"}
  judge:
    kind: train
    model: ${rewards.rm}
    data: ${datasets.pairs}
    objective: {kind: bradley_terry}
    budget: {steps: 2}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
  dpo:
    kind: train
    model: ${stages.sft}
    data: ${stages.chosen}
    objective: {kind: dpo}
    budget: {steps: 2}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
  answers:
    kind: evaluate
    models: ["${stages.sft}", "${stages.dpo}"]
    data: ${datasets.exam}
    metrics: [{kind: accuracy, by: leaves}, {kind: mean_score, reward: {kind: deduction_steps}, part: step}]
    max_new_tokens: 4
  ranking: {kind: evaluate, models: ["${stages.judge}"], data: "${datasets.held_out}", metrics: [{kind: pair_accuracy}]}
"""
PAIRS = [{"prompt": f"question {i}", "chosen": f"good {i}", "rejected": "bad " * (1 + i % 3)} for i in range(6)]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the spec and its data."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "tiny.yaml").write_text(SPEC, encoding="utf-8")
    long = {"prompt": "p", "chosen": "x" * 400, "rejected": "y"}
    same = {"prompt": "p", "chosen": "z", "rejected": "z"}
    (folder / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in [*PAIRS, long, same]), encoding="utf-8")
    (folder / "held_out.jsonl").write_text("".join(json.dumps(r | {"prompt": r["prompt"] + "?"}) + "\n" for r in PAIRS), encoding="utf-8")
    return folder


def plan_of(project, *sets):
    found = compile_spec(project / "tiny.yaml", sets=sets)
    assert found.plan is not None, [d.message for d in found.report.diagnostics]
    return found.plan


def run(project, plan, name="run", store="store"):
    """(exit code, run.json) of the runtime on a plan, in this process."""
    folder = project / name
    write_plan(plan, folder / "plan.json")
    argv, sys.argv = sys.argv, ["runtime", str(folder / "plan.json"), "--store", str(project / store)]
    try:
        code = main()
    finally:
        sys.argv = argv
    return code, json.loads((folder / "run.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def first(project):
    """The first run of the spec."""
    plan = plan_of(project)
    code, summary = run(project, plan)
    assert code == 0
    return plan, summary


def cached(summary):
    return {stage["id"]: stage["cached"] for stage in summary["stages"]}


def test_every_stage_makes_its_artifact(project, first):
    plan, summary = first
    assert summary["status"] == "complete"
    assert not any(cached(summary).values())
    assert {s["id"] for s in summary["stages"]} == {s.id for s in plan.stages}
    for stage in plan.stages:
        folder = artifact_folder(project / "store", stage.key)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["id"] == stage.id
        assert manifest["versions"]["torch"]
        assert (project / "run" / "artifacts" / stage.id).resolve() == folder
    assert list((project / "store" / "making").iterdir()) == []


def test_rows_that_cannot_be_used_are_counted_where_they_are_dropped(first):
    skipped = {stage["id"]: stage["skipped"] for stage in first[1]["stages"]}
    assert skipped["datasets.pairs"] == {"chosen equals rejected": 1}
    assert skipped["stages.judge"] == {"longer than 256 tokens": 1}


def test_policies_and_scorers_load_with_plain_transformers(project, first):
    artifacts = project / "run" / "artifacts"
    transformers.AutoModelForCausalLM.from_pretrained(artifacts / "stages.dpo" / "model")
    assert transformers.AutoModelForSequenceClassification.from_pretrained(artifacts / "stages.judge" / "model").config.num_labels == 1
    assert transformers.AutoTokenizer.from_pretrained(artifacts / "stages.dpo" / "model").eos_token == "<|end|>"


def test_tables_hold_models_differences_and_baselines_with_intervals(project, first):
    table = json.loads((project / "run" / "artifacts" / "stages.answers" / "table.json").read_text(encoding="utf-8"))
    accuracy, steps = table["tables"]
    roles = {(line["role"], line["model"]) for line in accuracy["lines"] if line["group"] == ""}
    assert ("difference", "stages.dpo - stages.sft") in roles
    assert {("model", "stages.sft"), ("model", "stages.dpo"), ("baseline", "majority"), ("baseline", "form_count")} <= roles
    assert {line["group"] for line in accuracy["lines"]} == {"", "leaves 2", "leaves 3"}
    assert all(line["low"] <= line["value"] <= line["high"] for one in (accuracy, steps) for line in one["lines"])
    assert sum(line["n"] for line in accuracy["lines"] if line["model"] == "stages.sft" and line["group"]) == 6
    assert table["samples"][0]["answers"].keys() == {"stages.sft", "stages.dpo"}


def test_a_second_run_finds_everything(project, first):
    code, summary = run(project, first[0])
    assert (code, set(cached(summary).values())) == (0, {True})


def test_an_artifact_that_was_deleted_is_made_again_and_nothing_else(project, first):
    plan = first[0]
    before = (artifact_folder(project / "store", plan["stages.dpo"].key) / "model" / "model.safetensors").read_bytes()
    shutil.rmtree(artifact_folder(project / "store", plan["stages.dpo"].key))
    _, summary = run(project, plan)
    assert [id for id, found in cached(summary).items() if not found] == ["stages.dpo"]
    assert (artifact_folder(project / "store", plan["stages.dpo"].key) / "model" / "model.safetensors").read_bytes() == before


def test_a_damaged_artifact_is_made_again_and_that_is_told(project, first, capsys):
    plan = first[0]
    key = plan["stages.drafts"].key
    (artifact_folder(project / "store", key) / "rows.parquet").write_bytes(b"PAR1")
    _, summary = run(project, plan)
    assert [id for id, found in cached(summary).items() if not found] == ["stages.drafts"]
    told = "stages.drafts: what was stored is damaged: `rows.parquet` has another checksum than its manifest says; it lies in "
    assert told in (said := capsys.readouterr().err) and str(project / "store" / "damaged" / key) in said


def test_a_change_remakes_only_what_depends_on_it(project, first):
    _, summary = run(project, plan_of(project, "stages.dpo.objective.beta=0.5"), "changed")
    assert [id for id, found in cached(summary).items() if not found] == ["stages.dpo", "stages.answers"]


def test_checkpoints_are_measured_beside_the_model_that_came_of_them(project):
    """The lines of an `evaluate` stage name the parts; a second run finds them in the store."""
    sets = ("stages.sft.checkpoints=[0.5, 1.0]", "stages.answers.models=['${stages.sft}', '${stages.sft.checkpoints}']")
    plan = plan_of(project, *sets)
    needed = {"stages.answers", *plan.ancestors("stages.answers")}
    plan = replace(plan, stages=tuple(s for s in plan.stages if s.id in needed))
    code, summary = run(project, plan, "kept", "kept.store")
    assert (code, summary["status"]) == (0, "complete")
    table = json.loads((artifact_folder(project / "kept.store", plan["stages.answers"].key) / "table.json").read_text(encoding="utf-8"))
    values = {line["model"]: line["value"] for line in table["tables"][1]["lines"] if line["role"] == "model" and not line["group"]}
    assert values.keys() == {"stages.sft", "stages.sft.checkpoints.1", "stages.sft.checkpoints.2"}
    assert values["stages.sft.checkpoints.2"] == values["stages.sft"], "the last checkpoint is the trained model"
    assert all(cached(run(project, plan, "kept", "kept.store")[1]).values())


def test_the_terminal_shows_a_line_a_stage_and_the_tables(project, first, capsys):
    run(project, first[0])
    shown = capsys.readouterr()
    lines = shown.err.splitlines()
    assert lines[0].startswith("tiny  ")
    for stage in first[0].stages:
        assert sum(f" {stage.id} " in line and "cached" in line for line in lines) == 1
    assert "stages.answers: accuracy" in shown.out
    assert "\x1b" not in shown.out + shown.err, "no colours or bars off a terminal"


def test_the_report_is_one_page_that_needs_nothing_else(project, first):
    page = (project / "run" / "report.html").read_bytes().decode("utf-8")
    assert page.startswith("<!doctype html>")
    assert "Everything once &amp; &lt;quickly&gt;." in page
    assert page.count("<svg") > 5
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    links = re.findall(r"""(?:src|href|action)\s*=\s*["'](?!#|data:)([^"']*)""", page)
    assert links and all((project / "run" / unquote(link)).exists() for link in links), "links lead to what lies beside the report"
    assert not re.search(r"@import|url\((?!#)", page)
    specs = [yaml.safe_load(unescape(text)) for text in re.findall(r'<pre class="yaml">(.*?)</pre>', page, re.DOTALL)]
    assert len(specs) == 1 + len(first[0].stages) and all(specs)
    assert "chosen equals rejected" in page and "longer than 256 tokens" in page


def test_the_report_of_a_failed_run_says_what_failed_and_shows_what_was_finished(project, first):
    plan = plan_of(project, "stages.judge.max_tokens=2")
    _, summary = run(project, plan, "told")
    page = (project / "told" / "report.html").read_text(encoding="utf-8")
    assert summary["report"].endswith("report.html") and summary["problems"][0]["code"] == "P604"
    assert '<span class="pill failed">failed</span>' in page
    assert "no row is left to train on" in page and "raise `max_tokens`" in page
    assert '<tr class="failed"><td class="name tight"><span class="state failed"></span>stages.judge<' in page
    assert page.count('<tr class="waiting">') == len(plan.stages) - len(summary["stages"]) - 1
    assert (project / "told" / "artifacts" / "stages.sft" / "manifest.json").is_file()


def test_a_stage_that_fails_keeps_what_was_made_and_leaves_nothing_half_written(project, first, capsys):
    plan = plan_of(project, "stages.judge.max_tokens=2")
    code, summary = run(project, plan, "failed")
    shown = capsys.readouterr()
    assert (code, summary["status"], summary["failed"]) == (1, "failed", "stages.judge")
    assert "no row is left to train on" in shown.err
    assert "Traceback" not in shown.err
    assert not artifact_folder(project / "store", plan["stages.judge"].key).exists()
    assert artifact_folder(project / "store", plan["stages.sft"].key).exists()
    code, summary = run(project, first[0], "after")
    assert (code, set(cached(summary).values())) == (0, {True})


def test_a_fault_names_the_place_in_the_spec(project, first, capsys):
    line = next(i for i, text in enumerate(SPEC.splitlines(), 1) if text.startswith("  held_out"))
    (project / "held_out.jsonl").write_bytes(b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n{"prompt": \n')
    code, _ = run(project, plan_of(project), "broken")
    shown = capsys.readouterr().err
    assert code == 1
    assert re.search(rf"tiny\.yaml:{line}:\d+", shown)
    assert "held_out.jsonl`, line 2: this is not JSON: a value is missing" in shown
    assert "P602" in shown
