"""`alignc run` of saved plans and in folders that are taken, without carrying anything out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aligncompiler.cli import main
from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import Report
from aligncompiler.ir import Plan, write_plan
from aligncompiler.store.run_folder import begun, hold, write_summary
from aligncompiler.verbs.run import finished as done
from aligncompiler.verbs.run import run_folder

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def plan(folder: Path, full: str) -> Plan:
    (folder / "spec.yaml").write_text(full)
    found = compile_spec(Path("spec.yaml")).plan
    assert found is not None
    assert main(["plan", "spec.yaml", "-o", "plan.json"]) == 0
    return found


@pytest.fixture
def finished(plan: Plan, finish: Callable[..., None]) -> Plan:
    """The plan as if it had been carried out."""
    finish(plan, Path("store"))
    place = run_folder(Path("runs"), plan)
    write_plan(plan, place / "plan.json")
    (place / "report.html").write_text("")
    stages = [{"id": s.id, "key": s.key, "cached": False} for s in plan.stages]
    write_summary(place, {"run": str(place), "status": "complete", "exit": 0, "report": str(place / "report.html"), "stages": stages})
    return plan


@pytest.mark.parametrize("name", ["plan.json", "plan"])
def test_a_saved_plan_is_the_plan_of_its_spec(finished: Plan, folder: Path, full: str, name: str, capsys: Capture) -> None:
    if name != "plan.json":
        (folder / "plan.json").rename(name)
    (folder / "spec.yaml").write_text(full.replace("steps help", "or do they?"))
    assert main(["run", name, "--store", "store", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "complete"


def test_a_saved_plan_that_has_moved_is_refused(finished: Plan, folder: Path, full: str, capsys: Capture) -> None:
    (folder / "spec.yaml").write_text(full.replace("beta: 0.2", "beta: 0.3"))
    assert main(["run", "plan.json", "--store", "store", "--json"]) == 1
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["status"] == "refused" and [d["code"] for d in told["diagnostics"]] == ["P612"]
    assert "spec.yaml:17:29: error[P612]: `stages.dpo.objective.beta` is 0.3 now; the plan was made with 0.2" in err


@pytest.mark.parametrize("option", [["--set", "seed=1"], ["--profile", "smoke"]])
def test_options_that_would_change_a_saved_plan_are_a_usage_error(plan: Plan, option: list[str], capsys: Capture) -> None:
    assert main(["run", "plan.json", *option, "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)["status"] == "refused" and "is carried out as it is" in err


@pytest.mark.parametrize(("text", "code"), [("", "P615"), ("{", "P615"), ('{"format": "alignc-plan/9"}', "P615"), (None, "P601")])
def test_files_that_hold_no_plan_are_one_diagnostic(plan: Plan, folder: Path, text: str | None, code: str, capsys: Capture) -> None:
    Path("other.json").write_text(text) if text is not None else None
    assert main(["run", "other.json", "--json"]) == 1
    out, err = capsys.readouterr()
    assert [d["code"] for d in json.loads(out)["diagnostics"]] == [code] and "Traceback" not in err


def test_the_plan_of_a_run_folder_has_no_record_of_its_making_and_says_so(finished: Plan, capsys: Capture) -> None:
    assert main(["run", str(run_folder(Path("runs"), finished) / "plan.json")]) == 1
    assert "it has no record of how it was made" in capsys.readouterr().err


def test_a_folder_in_which_a_run_goes_on_is_left_alone(plan: Plan, capsys: Capture) -> None:
    pytest.importorskip("torch")
    place = run_folder(Path("runs"), plan)
    place.mkdir(parents=True)
    release = hold(place, Report())
    assert release is not None
    write_summary(place, begun(place, plan.name, "spec.yaml", 11) | {"status": "running", "stages": []})
    before = sorted((p.name, p.read_bytes()) for p in place.iterdir())
    assert main(["run", "spec.yaml", "--store", "store", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["diagnostics"][0]["code"] == "P614" and "another alignc (pid " in err
    assert sorted((p.name, p.read_bytes()) for p in place.iterdir()) == before
    release()


@pytest.mark.parametrize("store", ["file", "file/below"])
def test_a_store_that_cannot_be_made_is_told_before_anything_starts(plan: Plan, folder: Path, capsys: Capture, store: str) -> None:
    (folder / "file").write_text("")
    assert main(["run", "spec.yaml", "--store", store, "--json"]) == 1
    assert [d["code"] for d in json.loads(capsys.readouterr().out)["diagnostics"]] == ["P605"]
    assert not (folder / "runs").exists()


@pytest.mark.parametrize("stages", [None, [3], {}, [], [{"key": 5}], [{"id": "stages.sft", "key": "a" * 40}]])
def test_a_summary_that_is_not_whole_is_no_finished_run(finished: Plan, stages: object) -> None:
    place = run_folder(Path("runs"), finished)
    assert done(finished, Path("store"), place) is not None
    write_summary(place, {"status": "complete", "report": "x", "stages": stages})
    assert done(finished, Path("store"), place) is None
