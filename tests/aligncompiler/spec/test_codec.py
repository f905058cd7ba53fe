"""Plans as JSON, both ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from aligncompiler.compile import Compiled
from aligncompiler.ir import Plan, read_plan, write_plan

Compile = Callable[..., Compiled]


def plan(compiled: Compiled) -> Plan:
    assert compiled.plan is not None
    return compiled.plan


def test_a_plan_survives_json_both_ways(compiled: Compile, full: str) -> None:
    first = plan(compiled(full))
    text = json.dumps(first.to_json(), allow_nan=False)
    second = Plan.from_json(json.loads(text))
    assert second == first and json.dumps(second.to_json()) == text


def test_a_plan_survives_a_file(compiled: Compile, full: str, folder: Path) -> None:
    first = plan(compiled(full))
    write_plan(first, folder / "deep" / "plan.json")
    assert read_plan(folder / "deep" / "plan.json") == first


def test_references_keep_their_types(compiled: Compile, full: str) -> None:
    second = Plan.from_json(json.loads(json.dumps(plan(compiled(full)).to_json())))
    exam = second["stages.exam"].spec
    assert [(m.to, m.output.artifact) for m in exam.models] == [("stages.sft", "policy"), ("stages.dpo", "policy")]  # type: ignore[attr-defined]


def test_a_part_of_a_node_keeps_its_path_and_its_type(compiled: Compile, full: str) -> None:
    text = full.replace("    batch: {rows: 16", "    checkpoints: [0.5]\n    batch: {rows: 16").replace(
        "models: [${stages.sft},", "models: [${stages.sft.checkpoints},"
    )
    first = plan(compiled(text))
    second = Plan.from_json(json.loads(json.dumps(first.to_json())))
    assert second == first
    judged = second["stages.exam"].spec.models[0]  # type: ignore[attr-defined]
    assert (judged.to, judged.inside, str(judged.output)) == ("stages.sft", "checkpoints.1", "policy")


def test_a_text_that_looks_like_a_reference_stays_a_text(compiled: Compile, folder: Path) -> None:
    (folder / "r.jsonl").write_text("{}")
    text = "alignc: v1\nname: x\ndatasets: {d: {kind: problems, file: r.jsonl, columns: {prompt: ref}}}\n"
    text += "models: {m: {kind: causal_lm, folder: .}}\nstages: {e: {kind: evaluate, models: ['${models.m}'], data: '${datasets.d}', metrics: [accuracy]}}\n"
    first = plan(compiled(text))
    assert Plan.from_json(json.loads(json.dumps(first.to_json()))) == first


def test_stages_stand_after_what_they_read(compiled: Compile, full: str) -> None:
    done: set[str] = set()
    for stage in plan(compiled(full)).stages:
        assert set(stage.reads) <= done
        done.add(stage.id)
