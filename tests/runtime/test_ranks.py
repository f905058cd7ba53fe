"""Two processes make what one makes."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
import transformers

from aligncompiler.compile import compile_spec
from aligncompiler.ir import artifact_folder, write_plan
from aligncompiler.store.artifacts import manifest_in
from aligncompiler.store.resume import half_done
from runtime.console import Console
from runtime.execute import execute
from runtime.ranks import Ranks
from runtime.store import Store

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.xdist_group("ranks")  # so that what two processes make undisturbed is made once
SPEC = """\
alignc: v1
name: two
engine: {accelerator: cpu, threads: 1}
models:
  base:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 2, num_heads: 2, num_kv_heads: 1, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.demos}", vocab_size: 270}
  adapted:
    kind: causal_lm
    architecture: {family: llama, hidden_size: 16, num_layers: 2, num_heads: 2, num_kv_heads: 1, context: 64}
    tokenizer: {kind: bpe, data: "${datasets.demos}", vocab_size: 270}
    adapter: {kind: lora, rank: 2}
datasets:
  demos: {kind: demonstrations, file: demos.jsonl}
  pairs: {kind: preferences, file: pairs.jsonl}
rewards:
  untrained: {kind: scalar, backbone: "${models.base}"}
stages:
  sft:
    kind: train
    model: ${models.base}
    data: ${datasets.demos}
    objective: {kind: sft}
    budget: {steps: 4}
    batch: {rows: 5, tokens_at_once: 64}
    optimizer: {kind: adamw, learning_rate: 0.01}
    checkpoints: [0.5]
    log_every: 1
  lora:
    kind: train
    model: ${models.adapted}
    data: ${datasets.demos}
    objective: {kind: sft}
    budget: {steps: 4}
    batch: {rows: 5, tokens_at_once: 64}
    optimizer: {kind: adamw, learning_rate: 0.01}
    checkpoints: [0.5]
    gradient_checkpointing: true
    log_every: 1
  rm:
    kind: train
    model: ${rewards.untrained}
    data: ${datasets.pairs}
    objective: {kind: bradley_terry}
    budget: {steps: 4}
    batch: {rows: 5, tokens_at_once: 64}
    optimizer: {kind: adamw, learning_rate: 0.01}
    checkpoints: [0.5]
    gradient_checkpointing: true
    log_every: 1
"""
STAGES = {"sft": transformers.AutoModelForCausalLM, "lora": transformers.AutoModelForCausalLM, "rm": transformers.AutoModelForSequenceClassification}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """The folder of the spec and of what it reads, and of what two processes make of it undisturbed, by strategy."""
    tmp_path = tmp_path_factory.mktemp("two")
    rows = [{"prompt": f"{i} and", "completion": " so on" * (1 + i % 4)} for i in range(12)]
    (tmp_path / "demos.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    pairs = [{"prompt": f"{i} and", "chosen": " so on" * (1 + i % 4), "rejected": " no" * (1 + i % 3)} for i in range(12)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(r) + "\n" for r in pairs), encoding="utf-8")
    (tmp_path / "two.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def plan(rows):
    found = compile_spec(rows / "two.yaml")
    assert found.plan is not None, found.report.diagnostics
    return found.plan


@pytest.fixture(scope="module")
def together(plan, rows):
    """The store that two processes make, once for each strategy."""
    return cache(lambda strategy: made_together(plan, rows / strategy, strategy))


def alone(plan, tmp_path):
    """The store of this very process."""
    execute(plan, Store(tmp_path / "one.store"), Console(plan, silent=True), Ranks(), {})
    return tmp_path / "one.store"


def write_for_two(plan, tmp_path, strategy, **engine):
    whole = replace(plan, engine=plan.engine.model_copy(update={"devices": 2, "strategy": strategy, **engine}))
    write_plan(whole, tmp_path / "two" / "plan.json")


def made_together(plan, tmp_path, strategy):
    """The store of two processes."""
    write_for_two(plan, tmp_path, strategy)
    done = subprocess.run(launched(tmp_path, "two.store"), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stderr.count("stages.sft") == 1, "only the first process speaks"
    assert json.loads((tmp_path / "two" / "run.json").read_text(encoding="utf-8"))["status"] == "complete"
    assert not list((tmp_path / "two.store" / "making").iterdir())
    return tmp_path / "two.store"


def launched(tmp_path, store):
    launcher = ["-m", "runtime.together", "--standalone", "--nproc-per-node=2"]
    return [sys.executable, *launcher, "-m", "runtime", str(tmp_path / "two" / "plan.json"), "--store", str(tmp_path / store)]


def curve(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_train_as_one_does(strategy, plan, together, tmp_path):
    """Five rows a step in small passes: one process has more to do than the other, and more passes. A policy, an adapter, a scorer; checkpoints."""
    stores = alone(plan, tmp_path), together(strategy)
    for name, family in STAGES.items():
        one, two = (artifact_folder(store, plan[f"stages.{name}"].key) for store in stores)
        assert len(curve(one)) == 4
        for a, b in zip(curve(one), curve(two), strict=True):
            assert b == pytest.approx(a, abs=1e-5), name
        for part in ("model", "checkpoints/1/model"):
            theirs, ours = (family.from_pretrained(folder / part) for folder in (one, two))
            assert {f.name for f in (one / part).iterdir()} == {f.name for f in (two / part).iterdir()}
            for key, weight in theirs.state_dict().items():
                assert torch.allclose(ours.state_dict()[key], weight, atol=1e-3), (name, part, key)
        assert json.loads((two / "manifest.json").read_text())["facts"] == json.loads((one / "manifest.json").read_text())["facts"]


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_that_are_killed_go_on_and_end_the_same(strategy, plan, together, tmp_path):
    """Killed at once, all of them, when the second step is saved."""
    undisturbed = together(strategy)
    write_for_two(plan, tmp_path, strategy, save_every=0)
    store, command = tmp_path / "killed.store", launched(tmp_path, "killed.store")
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 120
    while process.poll() is None and not half_done(store, plan["stages.sft"].key).startswith(("step 2", "step 3")):
        assert time.monotonic() < until
        time.sleep(0.005)
    for child in [*map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()), process.pid]:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    process.wait(60)
    assert half_done(store, plan["stages.sft"].key), "it was killed before it was finished"
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stderr.count("stages.sft: goes on from step ") == 1
    resumed = artifact_folder(store, plan["stages.sft"].key)
    assert manifest_in(resumed)["files"] == manifest_in(artifact_folder(undisturbed, plan["stages.sft"].key))["files"]


def test_two_processes_that_are_asked_to_stop_save_together_say_how_to_go_on_and_end_the_same(plan, together, tmp_path):
    """By SIGTERM, first to every process of a job, launcher included, as schedulers send it, then to one process alone."""
    undisturbed, store, command = together("ddp"), tmp_path / "stopped.store", launched(tmp_path, "stopped.store")
    write_for_two(plan, tmp_path, "ddp")
    for name, everyone in (("sft", True), ("lora", False)):
        stage = plan[f"stages.{name}"]
        with (tmp_path / name).open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
            until = time.monotonic() + 120
            while process.poll() is None and not (store / "making" / stage.key / "metrics.jsonl").exists():
                assert time.monotonic() < until
                time.sleep(0.002)
            ranks = [*map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())]
            for child in [*ranks, process.pid] if everyone else ranks[-1:]:
                os.kill(child, signal.SIGTERM)
            assert process.wait(60) != 0
        said, at = (tmp_path / name).read_text(), half_done(store, stage.key)
        assert at.endswith(" of 4") and json.loads((tmp_path / "two" / "run.json").read_text())["status"] == "interrupted", said[-3000:]
        assert said.count(f" of {len(plan.stages)}), and `{stage.id}` is saved at {at}. Go on with: alignc run ") == 1
        assert said.splitlines()[-1].startswith("report: ") and not any(word in said for word in ("Traceback", "Warning", "OMP_NUM_THREADS"))
        assert not (tmp_path / "two" / "crash.txt").exists()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and done.stderr.count(f"stages.lora: goes on from {at}") == 1, done.stderr[-4000:]
    for stage in plan.stages:
        assert manifest_in(artifact_folder(store, stage.key))["files"] == manifest_in(artifact_folder(undisturbed, stage.key))["files"], stage.id


def test_a_fault_that_the_first_process_meets_alone_is_told_once(tmp_path):
    for name in ("demos", "pairs"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"prompt": "1", "completion": "a", "chosen": "a", "rejected": "b"}) + "\n", encoding="utf-8")
    (tmp_path / "two.yaml").write_text(SPEC, encoding="utf-8")
    write_for_two(compile_spec(tmp_path / "two.yaml").plan, tmp_path, "ddp")
    (tmp_path / "demos.jsonl").write_text("", encoding="utf-8")
    done = subprocess.run(launched(tmp_path, "store"), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and done.stderr.count("error[") == 1 and "error[P618]" in done.stderr, done.stderr
    assert "internal error" not in done.stderr and not (tmp_path / "two" / "crash.txt").exists()


@pytest.mark.parametrize(("end", "status"), [("sys.exit(3 * int(os.environ['RANK']))", 3), ("os.kill(os.getpid(), 9)", -9), (r"os.write(1, b'done\n')", 0)])
def test_the_launcher_ends_as_the_first_process_that_failed_and_adds_nothing(tmp_path, end, status):
    (tmp_path / "end.py").write_text(f"import os, sys\n{end}\n")
    command = [sys.executable, "-m", "runtime.together", "--standalone", "--nproc-per-node=2", str(tmp_path / "end.py")]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == status and done.stderr == "" and done.stdout == "done\n" * 2 * (status == 0), done.stderr
