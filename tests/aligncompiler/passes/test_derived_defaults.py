"""Words such as `context` stand for a value; whoever writes the value out has the same keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aligncompiler.compile import compile_spec
from aligncompiler.ir import Plan
from aligncompiler.spec.base import Spec
from aligncompiler.spec.experiment import Experiment
from aligncompiler.spec.registry import find, kinds
from aligncompiler.spec.slot import slots

# Fields whose default is a word that stands for a value: (spec, field) -> its path in DERIVED, and the value it stands for there.
STANDS_FOR = {
    ("Architecture", "num_kv_heads"): ("models.base.architecture.num_kv_heads", 4),
    ("Architecture", "ffn_size"): ("models.base.architecture.ffn_size", 352),
    ("Train", "max_tokens"): ("stages.sft.max_tokens", 192),
    ("Train", "reference"): ("stages.dpo.reference", "${stages.sft}"),
    ("Logprobs", "max_tokens"): ("stages.asked.max_tokens", 192),
    ("Engine", "accelerator"): ("engine.accelerator", "cuda" if Path("/dev/nvidia0").exists() else "cpu"),
    ("Engine", "threads"): ("engine.threads", 2),
}
# Words that stand for no value which could be written in their place.
OWN_MEANING = {
    ("LoRA", "targets"): "which layers a model has stands in its files, not in the spec",
    ("Normalised", "mean"): "`rows` is computed from scores, which no spec knows",
    ("Normalised", "std"): "the same",
    ("Tree", "min_clauses"): "how many clauses an answer has is known when the policy has written one",
    ("Pair", "reward"): "`labels` reads scores that are there; a reward computes them",
    ("Rank", "reward"): "the same",
    ("Ibn", "roots"): "`bound` is another number for each number of comparisons; a list is tried for all of them",
}
DERIVED = """\
alignc: v1
name: derived
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 128, num_layers: 2, num_heads: 4, context: 192}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 512}
datasets:
  puzzles: {kind: deduction, count: 100, leaves: {min: 2, max: 3}}
  real: {kind: preferences, file: pairs.jsonl}
stages:
  sft: {kind: train, model: "${models.base}", data: "${datasets.puzzles}", objective: sft, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 1}}
  dpo: {kind: train, model: "${stages.sft}", data: "${datasets.real}", objective: dpo, budget: {steps: 1}, optimizer: {kind: adamw, learning_rate: 1}}
  asked: {kind: logprobs, policy: "${stages.sft}", data: "${datasets.real}"}
"""


def keys(plan: Plan) -> dict[str, str]:
    return {stage.id: stage.key for stage in plan.stages}


def words_for_values() -> Iterator[tuple[str, str]]:
    """(spec, field) of every field of the language whose default is a word beside values of another sort, or that a pass exchanges."""
    for cls in every_spec(Experiment):
        for name, slot in slots(cls).items():
            default = cls.model_fields[name].default
            other = slot.structured or {int, float} & set(slot.scalars)
            if isinstance(default, str) and default in slot.choices and (other or default == "detect"):
                yield cls.__name__, name


def every_spec(cls: type[Spec]) -> set[type[Spec]]:
    """Every statement that may stand in a spec, by the fields of those around it."""
    found: set[type[Spec]] = set()
    todo = [cls]
    while todo:
        one = todo.pop()
        if one in found:
            continue
        found.add(one)
        flat = list(slots(one).values())
        while flat:
            slot = flat.pop()
            flat += [inner for inner in (slot.items, slot.values) if inner is not None]
            todo += [slot.nested] if slot.nested is not None else []
            todo += [made for tag in kinds(slot.family.family) if (made := find(slot.family.family, tag)) is not None] if slot.family is not None else []
    return found


def test_every_word_that_stands_for_a_value_is_known_here() -> None:
    assert set(words_for_values()) == STANDS_FOR.keys() | OWN_MEANING.keys()


@pytest.mark.parametrize("named", STANDS_FOR.values(), ids=lambda named: named[0])
def test_a_derived_default_written_out_changes_no_key(named: tuple[str, Any], tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "p", "chosen": "a", "rejected": "b"}')
    dotted, value = named
    (tmp_path / "spec.yaml").write_text(DERIVED)
    first = compile_spec(tmp_path / "spec.yaml").plan
    found = compile_spec(tmp_path / "spec.yaml", (), [f"{dotted}={json.dumps(value)}"])
    assert first is not None and found.plan is not None, found.report.diagnostics
    assert keys(found.plan) == keys(first)
    if "architecture" in dotted or "tokens" in dotted:
        other = compile_spec(tmp_path / "spec.yaml", (), [f"{dotted}={value // 2}"]).plan
        assert other is not None and keys(other) != keys(first), "another value does"


def test_log_probabilities_that_are_stored_fit_rows_of_the_same_length_in_other_words(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "p", "chosen": "a", "rejected": "b"}')
    (tmp_path / "spec.yaml").write_text(DERIVED)
    sets = ["stages.dpo.reference=${stages.asked}"]
    plans = [compile_spec(tmp_path / "spec.yaml", (), [*sets, *more]).plan for more in ([], ["stages.dpo.max_tokens=192"], ["stages.asked.max_tokens=192"])]
    assert all(plan is not None and keys(plan) == keys(plans[0] or plan) for plan in plans)
