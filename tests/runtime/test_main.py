"""What a run leaves behind it, beside others: its summary from the start on, its lock, and manifests that say later why a stage has to run."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from aligncompiler.cli import main as alignc
from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import Report
from aligncompiler.ir import artifact_folder, write_plan
from aligncompiler.planning.why import reasons
from aligncompiler.store.artifacts import Index, listing
from aligncompiler.store.run_folder import hold, look, read_summary
from runtime.__main__ import main

SPEC = """\
alignc: v1
name: small
engine: {accelerator: cpu, threads: 1}
datasets:
  puzzles: {kind: deduction, count: 12, leaves: {min: 2, max: 2}, between: [0, 0.5]}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 1, num_heads: 2, context: 256}
    tokenizer: {kind: bpe, data: "${datasets.puzzles}", vocab_size: 300}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.puzzles}
    objective: {kind: sft}
    budget: {steps: 2}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.01}
  drafts: {kind: sample, policy: "${stages.sft}", prompts: "${datasets.puzzles}", count: 2, max_new_tokens: 4, limit: 2}
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A folder with the spec, carried out once."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.yaml").write_text(SPEC, encoding="utf-8")
    assert run(folder) == 0
    return folder


def plan_of(folder, *sets):
    found = compile_spec(folder / "small.yaml", sets=sets)
    assert found.plan is not None, [d.message for d in found.report.diagnostics]
    return found.plan


def run(folder, plan=None, name="run"):
    """The exit code of the runtime on a plan, in this process."""
    write_plan(plan or plan_of(folder), folder / name / "plan.json")
    argv, sys.argv = sys.argv, ["runtime", str(folder / name / "plan.json"), "--store", str(folder / "store")]
    try:
        return main()
    finally:
        sys.argv = argv


def test_after_an_edit_why_names_the_field_its_line_and_the_artifact_of_then(project, capsys):
    old = plan_of(project)["stages.sft"].key
    edited = SPEC.replace("learning_rate: 0.01", "learning_rate: 0.02")
    (project / "edited.yaml").write_text(edited, encoding="utf-8")
    line = next(i for i, text in enumerate(edited.splitlines(), 1) if "learning_rate" in text)
    capsys.readouterr()
    assert alignc(["why", str(project / "edited.yaml"), "--store", str(project / "store")]) == 0
    sft, drafts = capsys.readouterr().out.splitlines()
    field = f"optimizer.learning_rate is 0.02 ({project}/edited.yaml:{line}:45), was 0.01 in the artifact {old[:8]} of 20"
    assert sft.startswith(f"stages.sft runs: {field}")
    assert drafts == "  and 1 stage that stands on it: stages.drafts"
    assert alignc(["why", str(project / "edited.yaml"), "drafts", "--store", str(project / "store")]) == 0
    assert capsys.readouterr().out.startswith(f"stages.drafts runs: because stages.sft changed: {field}")


def test_what_is_cached_names_its_run_and_its_day(project):
    found = reasons(plan_of(project), project / "store")
    assert all(reason.cached and reason.run == str(project / "run") and reason.since.startswith(time.strftime("%Y-%m-")) for reason in found.values())


def test_a_manifest_says_when_and_for_what_it_was_made(project):
    plan = plan_of(project)
    manifest = Index(project / "store").manifest(plan["stages.sft"].key)
    assert (manifest["id"], manifest["kind"], manifest["experiment"], manifest["experiment_seed"]) == ("stages.sft", "train", "small", 0)
    assert manifest["preimage"] == plan["stages.sft"].preimage and manifest["created"].endswith("+00:00")
    assert manifest["versions"]["torch"] and manifest["seconds"] >= 0 and "steps" in json.dumps(manifest["summary"])


def test_the_summary_says_how_it_ended_and_the_folder_is_free_again(project):
    summary = read_summary(project / "run")
    assert (summary["status"], summary["name"], summary["planned"], len(summary["stages"])) == ("complete", "small", 4, 4)
    assert summary["started"] <= summary["ended"] and summary["seconds"] > 0
    assert look(project / "run", True).keys == {stage.key for stage in plan_of(project).stages}
    assert not list((project / "store" / "using").iterdir())


def test_a_folder_that_is_held_is_left_alone(project, capsys):
    plan = plan_of(project)
    (project / "held").mkdir()
    started, done = multiprocessing.get_context("fork").Event(), multiprocessing.get_context("fork").Event()
    other = multiprocessing.get_context("fork").Process(target=keep, args=(project / "held", started, done))
    other.start()
    assert started.wait(20)
    assert run(project, plan, "held") == 1
    assert "error[P614]: another alignc is running this plan" in capsys.readouterr().err
    assert sorted(p.name for p in (project / "held").iterdir()) == ["plan.json", "run.lock"]
    done.set()
    other.join()
    assert run(project, plan, "held") == 0


def keep(folder, started, done):
    release = hold(folder, Report())
    assert release is not None
    started.set()
    done.wait(20)
    os._exit(9)


def test_a_file_that_is_no_plan_is_one_diagnostic(project, tmp_path, capsys):
    (tmp_path / "plan.json").write_text('{"format": "alignc-plan/0"}')
    argv, sys.argv = sys.argv, ["runtime", str(tmp_path / "plan.json"), "--store", str(tmp_path / "store")]
    try:
        assert main() == 1
    finally:
        sys.argv = argv
    assert "P615" in capsys.readouterr().err and not (tmp_path / "run.json").exists()


def test_a_manifest_without_its_parts_is_made_again(project):
    plan = plan_of(project)
    folder = artifact_folder(project / "store", plan["stages.drafts"].key)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    assert run(project, plan, "again") == 0
    assert [s["id"] for s in read_summary(project / "again")["stages"] if not s["cached"]] == ["stages.drafts"]


def test_two_commands_at_once_on_one_plan_end_in_one_run_and_a_killed_one_holds_nobody_up(project, tmp_path):
    (tmp_path / "small.yaml").write_text(SPEC.replace("steps: 2", "steps: 3000").replace("name: small", "name: twice"), encoding="utf-8")
    command = [sys.executable, "-m", "aligncompiler", "run", "small.yaml", "--store", str(project / "store"), "--json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (runs := list(tmp_path.glob("runs/*/run.json"))):
        assert time.monotonic() < until and first.poll() is None
        time.sleep(0.1)
    summary = json.loads(runs[0].read_text())
    assert summary["status"] == "running" and look(runs[0].parent, False).status == "running"
    second = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1 and f"(pid {summary['pid']} on " in second.stderr
    assert json.loads(second.stdout)["diagnostics"][0]["code"] == "P614"
    assert json.loads(runs[0].read_text())["pid"] == summary["pid"], "the first one's summary is untouched"
    os.kill(summary["pid"], signal.SIGKILL)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 4 and json.loads(out)["status"] == "killed" and "error[P608]: the process of the run was killed by SIGKILL" in err
    assert look(runs[0].parent, False).status.startswith("killed")
    used = {stage.key for stage in plan_of(project).stages}
    assert alignc(["store", "gc", "--store", str(project / "store"), "--out", str(project)]) == 0
    assert used <= set(listing(project / "store" / "artifacts")) and not list((project / "store" / "making").iterdir())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_a_run_ends_with_the_command_that_started_it_and_keeps_what_it_finished(tmp_path, number):
    (tmp_path / "small.yaml").write_text(SPEC.replace("steps: 2", "steps: 3000"), encoding="utf-8")
    command = [sys.executable, "-m", "aligncompiler", "run", "small.yaml"]
    heard = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)  # tests may run under nohup, which a run heeds
    parent = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL, preexec_fn=heard)
    until = time.monotonic() + 60
    while (summary := next(map(read_summary, (p.parent for p in tmp_path.glob("runs/*/run.json"))), None) or {}).get("stage") != "stages.sft":
        assert time.monotonic() < until and parent.poll() is None
        time.sleep(0.05)
    assert [stage["id"] for stage in summary["stages"]] == ["datasets.puzzles", "models.base"], "what is finished is told while the run goes on"
    parent.send_signal(number)
    assert parent.wait(60) == (130 if number == signal.SIGHUP else -signal.SIGKILL)
    [folder] = tmp_path.glob("runs/*")
    while look(folder, False).status != "interrupted":
        assert time.monotonic() < until
        time.sleep(0.05)
    assert [stage["id"] for stage in read_summary(folder)["stages"]] == ["datasets.puzzles", "models.base"]


def test_who_stops_to_read_stops_the_run_without_a_word_more(project, tmp_path):
    (tmp_path / "small.yaml").write_text(SPEC.replace("steps: 2", "steps: 3000"), encoding="utf-8")
    command = [sys.executable, "-m", "aligncompiler", "run", "small.yaml", "--store", str(project / "store")]
    with subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE) as process:
        process.stderr.readline()
        process.stderr.close()
        assert process.wait(60) == 130
    [folder] = tmp_path.glob("runs/*")
    assert look(folder, False).status == "interrupted" and not (folder / "crash.txt").exists()


def test_a_manifest_that_was_changed_is_made_again(project):
    plan = plan_of(project)
    manifest = artifact_folder(project / "store", plan["stages.drafts"].key) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"facts": {', '"facts": {"more": 1, '))
    assert run(project, plan, "changed") == 0
    assert [s["id"] for s in read_summary(project / "changed")["stages"] if not s["cached"]] == ["stages.drafts"]


def test_an_internal_error_ends_the_run_in_its_summary_too(project, monkeypatch):
    monkeypatch.setattr("runtime.__main__.execute", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(project, name="wrong")
    summary = read_summary(project / "wrong")
    assert (summary["status"], summary["exit"]) == ("failed", 5)
    assert "division by zero" in summary["why"]
    assert Path(summary["report"]).is_file()


STOPPED = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal
class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == {where!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Stop())
sys.argv = {argv!r}
runpy.run_module({module!r}, None, "__main__")
"""


@pytest.mark.parametrize(("module", "where"), [("runtime", "yaml"), ("runtime", "torch"), ("aligncompiler", "pydantic"), ("aligncompiler", "yaml")])
def test_a_stop_in_the_middle_of_an_import_is_told_by_the_exit_code(project, tmp_path, module, where):
    write_plan(plan_of(project, "seed=5"), tmp_path / "run" / "plan.json")
    rest = [str(tmp_path / "run" / "plan.json")] if module == "runtime" else ["plan", str(project / "small.yaml")]
    code = STOPPED.format(where=where, argv=["x", *rest, "--store", str(tmp_path / "store")], module=module)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    assert not (tmp_path / "run" / "crash.txt").exists()
    told = "interrupted before the first stage; what earlier runs finished is kept. Go on with: "
    assert (told in done.stderr) == (module == "runtime"), done.stderr


def test_what_every_rank_lacks_is_told_by_the_first(project, tmp_path):
    command = [sys.executable, "-m", "aligncompiler", "run", str(project / "small.yaml"), "--set", "engine.strategy=ddp", "--set", "engine.devices=2"]
    command += ["--set", "engine.loggers=[wandb]", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "runs")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("error[P606]") == 1
    assert "interrupted" not in done.stderr
