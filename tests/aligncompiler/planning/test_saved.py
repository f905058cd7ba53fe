"""A saved plan is carried out as it is, or refused with what has moved, where, and both values."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aligncompiler
from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import SpecError
from aligncompiler.planning import saved
from aligncompiler.planning.saved import load_saved, moved, save
from aligncompiler.store.artifacts import checksum

DATA = "  pairs_file: {kind: preferences, file: pairs.jsonl, between: [0, 0.5]}\n"
USE = "  early: {kind: logprobs, policy: '${models.base}', data: '${datasets.pairs_file}'}\n"


@pytest.fixture
def text(full: str, folder: Path) -> str:
    """The spec with a data file."""
    (folder / "pairs.jsonl").write_text("one")
    return full.replace("rewards:\n", DATA + "rewards:\n") + USE


@pytest.fixture
def said(text: str, folder: Path) -> Callable[..., list[tuple[str, str]]]:
    """(`line:col`, message) of everything that is said of the plan of `text` after the spec became something else."""

    def run(now: str, profiles: tuple[str, ...] = (), sets: tuple[str, ...] = (), then: str = text) -> list[tuple[str, str]]:
        Path("spec.yaml").write_text(then)
        if not Path("plan.json").exists():
            plan = compile_spec(Path("spec.yaml"), profiles, sets).plan
            assert plan is not None
            save(plan, Path("plan.json"), "spec.yaml", profiles, sets)
        Path("spec.yaml").write_text(now)
        report = moved(load_saved(Path("plan.json")))
        assert all(d.help for d in report.errors if d.code == "P612")
        return [(f"{d.primary.place.line}:{d.primary.place.col}" if d.primary else "", d.message) for d in report.in_order() if d.severity == "error"]

    return run


def at(text: str, fragment: str) -> str:
    before = text[: text.index(fragment)]
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def test_a_plan_comes_back_as_it_was_saved(said: Callable[..., object], text: str) -> None:
    assert said(text) == []
    compiled = compile_spec(Path("spec.yaml")).plan
    assert load_saved(Path("plan.json")).plan == compiled


COSMETIC = {
    "comment": ("seed: 3\n", "\n\nseed: 3  # three\n"),
    "name": ("name: example", "name: other"),
    "description": ("steps help", "they do not"),
    "default written out": ("{kind: bradley_terry}", "{kind: bradley_terry, center: 0.0}"),
    "number form": ("learning_rate: 1e-3", "learning_rate: 0.001"),
    "inlined declaration": ("objective: ${objectives.gentle}", "objective: {kind: dpo, beta: 0.2}"),
}


@pytest.mark.parametrize("edit", COSMETIC)
def test_what_cannot_matter_does_not_refuse(said: Callable[..., list[tuple[str, str]]], text: str, edit: str) -> None:
    assert said(text.replace(*COSMETIC[edit], 1)) == []


def test_a_semantic_edit_is_named_with_both_values_at_its_line_once(said: Callable[..., list[tuple[str, str]]], text: str) -> None:
    edited = text.replace("beta: 0.2", "beta: 0.3")
    assert said(edited) == [(at(edited, "0.3"), "`stages.dpo.objective.beta` is 0.3 now; the plan was made with 0.2")]


def test_an_edit_of_what_runs_cost_is_an_edit(said: Callable[..., list[tuple[str, str]]], text: str) -> None:
    edited = text.replace("tokens_at_once: 4096", "tokens_at_once: 8192").replace("seed: 3\n", "seed: 3\nengine: {threads: 1}\n")
    assert said(edited) == [
        (at(edited, "1}\n"), "`engine.threads` is 1 now; the plan was made with all"),
        (at(edited, "8192"), "`stages.sft.batch.tokens_at_once` is 8192 now; the plan was made with 4096"),
    ]


def test_seed_references_and_stages_are_named(said: Callable[..., list[tuple[str, str]]], text: str) -> None:
    edited = text.replace("seed: 3", "seed: 4").replace("    model: ${rewards.judge}", "    model: ${rewards.other}")
    edited = edited.replace("rewards:\n", "rewards:\n  other: {kind: scalar, backbone: '${stages.sft}'}\n").replace("  exam:", "  final:")
    found = [message for _, message in said(edited)]
    assert "`seed` is 4 now; the plan was made with 3" in found
    assert "`stages.rm.model` is ${rewards.other} now; the plan was made with ${rewards.judge}" in found
    assert "`stages.final` is not in the plan, but is in the spec now" in found and "`stages.exam` is in the plan, but not in the spec any more" in found
    assert found.count("`seed` is 4 now; the plan was made with 3") == 1


def test_an_item_taken_out_of_a_list_is_named_alone(said: Callable[..., list[tuple[str, str]]], text: str) -> None:
    two = text.replace("metrics: [", "metrics: [{kind: accuracy, reward: ${rewards.steps}}, ")
    [(place, message)] = said(text, then=two)
    assert message == "`stages.exam.metrics.0.kind` is not there now; the plan was made with accuracy" and place == at(text, "metrics: [")


def test_the_content_of_a_data_file_counts_and_its_name_does_not(said: Callable[..., list[tuple[str, str]]], text: str) -> None:
    said(text)
    Path("pairs.jsonl").rename("renamed.jsonl")
    renamed = text.replace("pairs.jsonl", "renamed.jsonl")
    assert said(renamed) == []
    Path("renamed.jsonl").write_text("two")
    [(place, message)] = said(renamed)
    assert place == at(renamed, "renamed.jsonl") and message.startswith("the content of `renamed.jsonl` has changed: sha256 3fc4ccfe now, ")


def test_profiles_and_values_of_the_command_line_are_used_again(said: Callable[..., list[tuple[str, str]]], text: str) -> None:
    more = text + "profiles: {low: {stages.dpo.budget.steps: 7}}\n"
    assert said(more, ("low",), ("seed=9",), more) == []
    [(place, message)] = said(more.replace("steps: 7}", "steps: 8}"), ("low",), ("seed=9",), more)
    assert message == "`stages.dpo.budget.steps` is 8 now; the plan was made with 7" and place == at(more, "7}}")


def test_a_spec_that_is_gone_or_broken_is_told_with_its_own_errors(said: Callable[..., list[tuple[str, str]]], text: str) -> None:
    found = said(text.replace("seed: 3", "sed: 3"))
    assert [message for _, message in found] == [
        "the plan cannot be compared with its spec `spec.yaml`, which has errors now",
        "unknown key `sed` in the spec",
    ]
    Path("spec.yaml").unlink()
    assert "there is no file `spec.yaml`" in {d.message for d in moved(load_saved(Path("plan.json"))).diagnostics}


def test_the_code_counts(said: Callable[..., list[tuple[str, str]]], text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said(text)
    data = json.loads(Path("plan.json").read_text())
    assert {"aligncompiler/planning/why.py", "runtime/execute.py"} <= set(data["saved"]["code"]["files"])
    data["saved"]["code"]["files"]["runtime/objectives/dpo.py"] = "0123456789abcdef"
    data["saved"]["code"]["plugins"] = {"alignc-extra": "1.0"}
    del data["saved"]["checksum"]
    data["saved"]["checksum"] = checksum(data)
    Path("plan.json").write_text(json.dumps(data))
    monkeypatch.setattr(saved, "__version__", "9.9")
    found = [message for _, message in said(text)]
    assert found[0] == f"alignc is 9.9 now; the plan was made by {aligncompiler.__version__}"
    assert found[1].startswith("the code of alignc has changed: `runtime/objectives/dpo.py` (01234567, now ")
    assert found[2] == "the plug-in alignc-extra is not installed now; the plan was made with 1.0"


BROKEN = {
    "nothing": b"",
    "not json": b"{",
    "not utf-8": b"\xff\xfe\x00",
    "a list": b"[1]",
    "a number": b"3",
    "no format": b"{}",
    "another format": b'{"format": "alignc-plan/0"}',
    "foreign": b'{"format": "torch"}',
    "a format that is no text": b'{"format": []}',
    "no stages": b'{"format": "alignc-plan/1"}',
    "stages that are none": b'{"format": "alignc-plan/1", "stages": [3], "name": "x"}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_holds_no_plan_is_one_diagnostic(folder: Path, name: str) -> None:
    Path("plan.json").write_bytes(BROKEN[name])
    with pytest.raises(SpecError) as stopped:
        load_saved(Path("plan.json"))
    assert stopped.value.diagnostic.code == "P615" and stopped.value.diagnostic.help


def test_every_part_of_a_plan_may_be_missing_or_foreign_without_a_traceback(said: Callable[..., object], text: str) -> None:
    said(text)
    whole = json.loads(Path("plan.json").read_text())
    stage = whole["stages"][-1]
    for where in (whole, whole["saved"], stage, stage["spec"], stage["output"]):
        for name in list(where):
            for value in ({}, None, 3, "x", [3]):
                kept = where[name]
                where[name] = value
                Path("plan.json").write_text(json.dumps(whole))
                where[name] = kept
                try:
                    moved(load_saved(Path("plan.json")))
                except SpecError as error:
                    assert error.diagnostic.code == "P615"


def edit_of_cost(data: dict[str, Any]) -> None:
    next(stage for stage in data["stages"] if stage["id"] == "stages.sft")["spec"]["log_every"] = 5


EDITS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a field that is in no key": edit_of_cost,
    "a key of the engine that is in no key": lambda data: data["engine"].update(threads=1),
    "a description": lambda data: data.update(description="other"),
    "a value of the command line": lambda data: data["saved"].update(sets=["seed=9"]),
    "the checksum": lambda data: data["saved"].update(checksum="0" * 64),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_that_the_rest_of_a_plan_allows_is_no_edit_of_the_spec(said: Callable[..., object], text: str, name: str) -> None:
    said(text)
    data = json.loads(Path("plan.json").read_text())
    EDITS[name](data)
    Path("plan.json").write_text(json.dumps(data))
    with pytest.raises(SpecError) as stopped:
        load_saved(Path("plan.json"))
    found = stopped.value.diagnostic
    assert (found.code, found.message) == ("P615", "`plan.json` is no saved plan that can be carried out: it was edited after it was made")


def test_another_layout_of_the_same_plan_is_the_plan(said: Callable[..., list[tuple[str, str]]], text: str) -> None:
    said(text)
    Path("plan.json").write_text(json.dumps(json.loads(Path("plan.json").read_text()), sort_keys=True))
    assert said(text) == []


def test_a_missing_plan_is_one_diagnostic(folder: Path) -> None:
    with pytest.raises(SpecError) as stopped:
        load_saved(Path("none.json"))
    assert stopped.value.diagnostic.code == "P601"
