"""A spec with a stage of most kinds, and the compiler as functions of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from aligncompiler.compile import Compiled, compile_spec
from aligncompiler.ir import Plan, artifact_folder
from aligncompiler.store.artifacts import described, write_manifest

FULL = """\
alignc: v1
name: example
description: steps help
seed: 3
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 64, num_layers: 2, num_heads: 4, context: 512}
    tokenizer: {kind: bpe, data: ${datasets.puzzles}, vocab_size: 600}
datasets:
  puzzles: {kind: deduction, count: 500, leaves: {min: 2, max: 4}, between: [0, 0.9]}
  held_out: {kind: deduction, count: 100, leaves: {min: 2, max: 4}, between: [0.9, 1]}
rewards:
  judge: {kind: scalar, backbone: ${stages.sft}}
  steps: {kind: deduction_steps, combine: weighted, weights: {step: 1.0, result: 0.5}}
objectives:
  gentle: {kind: dpo, beta: 0.2}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 100}
    optimizer: {kind: adamw, learning_rate: 1e-3}
    batch: {rows: 16, tokens_at_once: 4096}
  drafts: {kind: sample, policy: ${stages.sft}, prompts: ${datasets.puzzles}, count: 4, max_new_tokens: 128}
  pairs: {kind: pair, completions: ${stages.drafts}, reward: ${rewards.steps}}
  rm:
    kind: train
    model: ${rewards.judge}
    data: ${stages.pairs}
    objective: {kind: bradley_terry}
    budget: {steps: 50}
    optimizer: {kind: adamw, learning_rate: 1e-4}
  dpo:
    kind: train
    model: ${stages.sft}
    data: ${stages.pairs}
    objective: ${objectives.gentle}
    budget: {steps: 50}
    optimizer: {kind: adamw, learning_rate: 1e-4}
  exam:
    kind: evaluate
    models: [${stages.sft}, ${stages.dpo}]
    data: ${datasets.held_out}
    metrics: [{kind: mean_score, reward: ${rewards.steps}, part: step, by: leaves}]
"""


@pytest.fixture
def full() -> str:
    """The text of a spec without faults."""
    return FULL


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def compiled(folder: Path) -> Callable[..., Compiled]:
    """Compile a text that stands in `spec.yaml`."""

    def run(text: str | bytes, profiles: Sequence[str] = (), sets: Sequence[str] = (), static: bool = False) -> Compiled:
        (folder / "spec.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return compile_spec(Path("spec.yaml"), profiles, sets, static)

    return run


@pytest.fixture
def said(compiled: Callable[..., Compiled]) -> Callable[..., list[tuple[str, str]]]:
    """(code, `line:col` of the primary place) of everything that the compiler says about a text, in order."""

    def run(text: str | bytes, **options: Sequence[str]) -> list[tuple[str, str]]:
        report = compiled(text, **options).report
        return [(d.code, f"{d.primary.place.line}:{d.primary.place.col}" if d.primary else "") for d in report.in_order()]

    return run


@pytest.fixture
def finish() -> Callable[..., None]:
    """Put an artifact of every stage of a plan into a store, as the runtime would, but for what is in it."""

    def run(plan: Plan, store: Path, only: Sequence[str] = (), run: str = "runs/example-1") -> None:
        for stage in plan.stages:
            place = artifact_folder(store, stage.key)
            if place.exists() or (only and stage.id not in only):
                continue
            (place / "model").mkdir(parents=True)
            (place / "model" / "weights").write_text(f"weights of {stage.id}")
            rest = {"facts": {}, "summary": {"loss": 0.5}, "skipped": {}, "seconds": 1.5, "versions": {}}
            write_manifest(place, stage.id, stage.key, described(plan, stage, run) | rest)

    return run
