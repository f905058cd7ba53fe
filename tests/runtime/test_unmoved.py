"""What a stage reads is what its key says: a file that is edited after planning, or while it is read, stops the stage and nothing is stored."""

import json
import os
import shutil
import sys

import pytest

from aligncompiler.compile import compile_spec
from aligncompiler.ir import artifact_folder, write_plan
from aligncompiler.store import inputs
from runtime import unmoved as module
from runtime.__main__ import main
from runtime.fault import Fault
from runtime.unmoved import current, unmoved

SPEC = """\
alignc: v1
name: edited
engine: {accelerator: cpu, threads: 1}
datasets:
  rows:
    kind: demonstrations
    file: rows.jsonl
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.rows}", vocab_size: 300}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.rows}
    objective: {kind: sft}
    budget: {steps: 1}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
"""
ROWS = "".join(json.dumps({"prompt": f"q{n}", "completion": "yes"}) + "\n" for n in range(4))
OTHER = ROWS.replace("yes", "no!")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "rows.jsonl").write_text(ROWS)
    return tmp_path


@pytest.fixture
def plan(project):
    return compile_spec(project / "spec.yaml").plan


def carried_out(project, plan, monkeypatch):
    write_plan(plan, project / "run" / "plan.json")
    monkeypatch.setattr(sys, "argv", ["runtime", str(project / "run" / "plan.json"), "--store", str(project / "store")])
    return main()


@pytest.mark.parametrize("change", ["edit", "remove"])
def test_a_file_that_changed_after_planning_stops_the_run_at_its_field(project, plan, monkeypatch, capsys, change):
    file = project / "rows.jsonl"
    file.write_text(OTHER) if change == "edit" else file.unlink()
    assert carried_out(project, plan, monkeypatch) == 1
    said = capsys.readouterr().err
    assert f"error[P618]: stage `datasets.rows`: `rows.jsonl` {'has changed' if change == 'edit' else 'is gone'} since the plan was made" in said
    assert "spec.yaml:7:11" in said and "run again" in said
    assert not list((project / "store" / "artifacts").iterdir()) and not list((project / "store" / "making").iterdir())
    if change == "edit":
        assert carried_out(project, compile_spec(project / "spec.yaml").plan, monkeypatch) == 0


def test_what_is_stored_already_needs_no_file(project, plan, monkeypatch):
    assert carried_out(project, plan, monkeypatch) == 0
    (project / "rows.jsonl").unlink()
    assert carried_out(project, plan, monkeypatch) == 0


def test_a_file_that_changes_while_it_is_read_is_found_out(project, plan):
    """Whether the reader then stops by itself or not."""
    stage, file = plan["datasets.rows"], project / "rows.jsonl"
    for ends in (None, Fault("P602", "this is not JSON"), ValueError("half a file")):
        file.write_text(ROWS)
        with pytest.raises(Fault) as caught, unmoved(stage):
            file.write_text(OTHER)
            if ends is not None:
                raise ends
        assert (caught.value.code, caught.value.field) == ("P618", "file")


def test_a_file_written_just_now_is_hashed_again_since_its_times_may_not_tell(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("a")
    count = []
    monkeypatch.setattr(module, "hash_of", lambda target: count.append(target) or inputs.hash_of(target))
    assert current(tmp_path / "a") == current(tmp_path / "a") and len(count) == 2


def test_same_size_and_restored_time_do_not_hide_a_fresh_edit(project, plan):
    file = project / "rows.jsonl"
    times = file.stat().st_mtime_ns
    with pytest.raises(Fault), unmoved(plan["datasets.rows"]):
        file.write_text(OTHER)
        os.utime(file, ns=(times, times))


def test_a_stage_that_leaves_its_files_alone_passes_and_its_own_faults_stay(plan):
    with unmoved(plan["datasets.rows"]):
        pass
    with pytest.raises(Fault, match="mine"), unmoved(plan["datasets.rows"]):
        raise Fault("P602", "mine")


def test_a_settled_folder_is_hashed_once_until_one_of_its_files_moves(tmp_path, monkeypatch):
    folder = tmp_path / "weights"
    (folder / "deep").mkdir(parents=True)
    for name in ("a", "deep/b"):
        (folder / name).write_text(name)
    count = []
    monkeypatch.setattr(module, "COARSE", -1000.0)
    monkeypatch.setattr(module, "hash_of", lambda target: count.append(target) or inputs.hash_of(target))
    first = current(folder)
    assert current(folder) == first and len(count) == 1
    times = (folder / "deep" / "b").stat().st_mtime_ns
    (folder / "deep" / "b").write_text("DEEP/b")
    os.utime(folder / "deep" / "b", ns=(times, times))
    assert current(folder) != first and len(count) == 2
    (folder / "deep" / "b").rename(folder / "deep" / "c")
    (folder / "a").unlink()
    assert current(folder) != first and current(tmp_path / "nothing") == ""


@pytest.mark.parametrize("named", ["folder: own", "package: weighty, path: own"])
@pytest.mark.parametrize("change", ["edit", "add", "remove"])
def test_a_model_folder_that_changed_after_planning_stops_the_run_at_its_field(project, plan, monkeypatch, capsys, named, change):
    assert carried_out(project, plan, monkeypatch) == 0
    own = project / "own" if named == "folder: own" else project / "weighty" / "own"
    shutil.copytree(artifact_folder(project / "store", plan["models.base"].key) / "model", own)
    (project / "weighty").mkdir(exist_ok=True)
    (project / "weighty" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(project))
    spec = SPEC[: SPEC.index("    architecture")] + f"    {named.replace(', ', chr(10) + '    ')}\n" + SPEC[SPEC.index("stages:") :]
    (project / "spec.yaml").write_text(spec)
    again = compile_spec(project / "spec.yaml").plan
    config = own / "config.json"
    if change == "edit":
        config.write_text(config.read_text().replace("64", "32"))
    elif change == "add":
        (own / "more.json").write_text("{}")
    else:
        shutil.rmtree(own)
    before = sorted((project / "store" / "artifacts").rglob("manifest.json"))
    capsys.readouterr()
    assert carried_out(project, again, monkeypatch) == 1
    said = capsys.readouterr().err
    name, field = ("own", "folder") if named == "folder: own" else ("weighty/own", "path")
    assert f"error[P618]: stage `models.base`: `{name}` {'is gone' if change == 'remove' else 'has changed'} since the plan was made" in said
    line = next(number for number, text in enumerate(spec.splitlines(), 1) if text.strip().startswith(f"{field}:"))
    assert f"spec.yaml:{line}:" in said
    assert sorted((project / "store" / "artifacts").rglob("manifest.json")) == before and not list((project / "store" / "making").iterdir())
