"""One row as a judge reads it."""

import json

from aligncompiler.compile import compile_spec
from aligncompiler.example import told
from runtime.example import Shown

SPEC = """\
alignc: v1
name: looked-at
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.rows}", vocab_size: 270}
datasets:
  rows: {kind: completions, file: rows.jsonl}
rewards:
  asked: {kind: generative, backbone: "${models.base}", question: "Is it?", per: step}
  steps: {kind: process, backbone: "${models.base}"}
stages:
  verifier: {kind: train, model: "${rewards.asked}", data: "${datasets.rows}", objective: {kind: step_cross_entropy}, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 0.01}}
  further: {kind: train, model: "${stages.verifier}", data: "${datasets.rows}", objective: {kind: cross_entropy}, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 0.01}}
  process: {kind: train, model: "${rewards.steps}", data: "${datasets.rows}", objective: {kind: step_cross_entropy}, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 0.01}}
"""
ROW = {"prompt": "why", "completions": ["so", " it\n", "is"], "labels": [1, 0, None], "label": 1}


def test_the_steps_of_an_answer_are_shown_with_what_is_asked_behind_each(tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW))
    (tmp_path / "spec.yaml").write_text(SPEC)
    plan = compile_spec(tmp_path / "spec.yaml").plan

    def shown(name):
        (tmp_path / name).mkdir()
        return Shown(plan, tmp_path / "store", tmp_path / name).example(plan[f"stages.{name}"], 0)

    asked, further, process = map(shown, ("verifier", "further", "process"))
    assert [(one["name"], one["parent"], one["text"]) for one in asked["segments"][1:]] == [
        ("completion 1", 0, "so"),
        ("completion 1 asked", 1, "\n\nIs it?\n"),
        ("completion 2", 1, " it\n"),
        ("completion 2 asked", 3, "\n\nIs it?\n"),
        ("completion 3", 3, "is"),
        ("completion 3 asked", 5, "\n\nIs it?\n"),
    ]
    assert [one["text"] for one in further["segments"][1:]] == ["so it\n", "\n\nIs it?\n", "is", "\n\nIs it?\n"]  # by its separator
    assert [one["text"] for one in process["segments"]] == ["<|begin|>why", "so", " it\n", "is"]
    assert asked["targets"] == "steps"
    assert asked["longest"] == sum(len(asked["segments"][n]["tokens"]) for n in (0, 1, 3, 5, 6))
    assert asked["numbers"] == {"label of step 1": 1.0, "label of step 2": 0.0}
    assert further["numbers"] == {"score": 1.0}
    lines = told(process, lambda text, style: text)
    assert any(line.startswith("└─ completion 3: ") and line.endswith(", context") for line in lines)
    assert any(line.startswith("a trunk with 1 leaf: ") for line in lines)
    assert "label of step 2: 0" in lines


ENCODER = """\
alignc: v1
name: looked-at
models: {base: {kind: encoder, folder: %s}}
datasets: {rows: {kind: preferences, file: rows.jsonl}}
rewards: {new: {kind: scalar, backbone: "${models.base}"}}
stages:
  rm: {kind: train, model: "${rewards.new}", data: "${datasets.rows}", objective: {kind: bradley_terry}, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 0.01}}
"""


def test_an_encoder_reads_every_answer_by_itself(tmp_path, bert_folder):
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "why", "chosen": "so it is", "rejected": "no"}))
    (tmp_path / "spec.yaml").write_text(ENCODER % bert_folder)
    plan = compile_spec(tmp_path / "spec.yaml").plan
    found = Shown(plan, tmp_path / "store", tmp_path).example(plan["stages.rm"], 0)
    assert [(one["name"], one["parent"]) for one in found["segments"]] == [("prompt", None), ("chosen", 0), ("prompt", None), ("rejected", 2)]
    assert found["tokens"] > found["longest"] == sum(len(one["tokens"]) for one in found["segments"][:2])
    lines = told(found, lambda text, style: text)
    assert any("an encoder reads each of these by itself" in line for line in lines) and any(line.startswith("2 paths: ") for line in lines)
