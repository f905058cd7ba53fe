"""`alignc why` through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.cli import main
from aligncompiler.compile import compile_spec

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def spec(folder: Path, full: str, finish: Callable[..., None]) -> str:
    """A spec that was finished before its beta changed."""
    (folder / "spec.yaml").write_text(full)
    plan = compile_spec(Path("spec.yaml")).plan
    assert plan is not None
    finish(plan, Path("store"))
    (folder / "spec.yaml").write_text(full.replace("beta: 0.2", "beta: 0.3"))
    return "spec.yaml"


def test_it_prints_what_has_to_run_and_nothing_else(spec: str, capsys: Capture) -> None:
    assert main(["why", spec, "--store", "store"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert len(lines) == 2 and err == ""
    assert lines[0].startswith("stages.dpo runs: objective.beta is 0.3 (spec.yaml:17:29), was 0.2 in the artifact ")
    assert lines[1] == "  and 1 stage that stands on it: stages.exam"
    assert main(["why", spec, "exam", "--store", "store"]) == 0
    asked = capsys.readouterr().out
    assert asked.startswith("stages.exam runs: because stages.dpo changed: objective.beta is 0.3 (spec.yaml:17:29), was 0.2 in the artifact ")


def test_two_fields_of_one_stage_are_one_block(spec: str, folder: Path, full: str, capsys: Capture) -> None:
    (folder / "spec.yaml").write_text(
        full.replace("    objective: ${objectives.gentle}\n    budget: {steps: 50}", "    objective: ${objectives.gentle}\n    budget: {epochs: 2}")
    )
    assert main(["why", spec, "--store", "store"]) == 0
    head, epochs, steps, rest = capsys.readouterr().out.splitlines()
    assert head == "stages.dpo runs:" and rest == "  and 1 stage that stands on it: stages.exam"
    assert epochs.startswith("  budget.epochs is 2.0 (spec.yaml:") and steps.startswith("  budget.steps is null (default; spec.yaml:")


def test_one_stage_is_asked_for_with_or_without_its_section(spec: str, capsys: Capture) -> None:
    for name in ("dpo", "stages.dpo"):
        assert main(["why", spec, name, "--store", "store"]) == 0
        assert capsys.readouterr().out.startswith("stages.dpo runs: objective.beta")
    assert main(["why", spec, "datasets.puzzles", "--store", "store"]) == 0
    assert capsys.readouterr().out.startswith("datasets.puzzles is cached: made 20")


def test_when_everything_is_cached_it_says_so_on_stderr(spec: str, capsys: Capture) -> None:
    assert main(["why", spec, "--store", "store", "--set", "stages.dpo.objective.beta=0.2"]) == 1, "it stands in `objectives`"
    capsys.readouterr()
    assert main(["why", spec, "--store", "store", "--set", "objectives.gentle.beta=0.2"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and err == "ok  all 11 stages are cached; nothing has to run\n"


def test_json_has_every_stage(spec: str, capsys: Capture) -> None:
    assert main(["why", spec, "--store", "store", "--json"]) == 0
    stages = json.loads(capsys.readouterr().out)["stages"]
    assert len(stages) == 11 and [s["id"] for s in stages if not s["cached"]] == ["stages.dpo", "stages.exam"]


def test_faults_of_the_spec_the_store_and_the_command_line(spec: str, folder: Path, capsys: Capture) -> None:
    (folder / "bad.yaml").write_text("alignc: v1\n")
    (folder / "file").write_text("")
    assert main(["why", "bad.yaml", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["diagnostics"]
    assert main(["why", spec, "--store", "file", "--json"]) == 1
    out, err = capsys.readouterr()
    assert [d["code"] for d in json.loads(out)["diagnostics"]] == ["P605"] and "is a file; a store is a folder" in err
    assert main(["why", spec, "dp", "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {"diagnostics": []} and "did you mean" in err
