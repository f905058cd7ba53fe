"""What happens to a run from outside: one diagnostic, an exit code, nothing half-written, and the next run goes on."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from aligncompiler.compile import compile_spec
from aligncompiler.diagnostic import Report
from aligncompiler.ir import artifact_folder, write_plan
from aligncompiler.process import outcome
from aligncompiler.store.artifacts import Index, manifest_in
from aligncompiler.store.resume import half_done, numbers, resume_folder
from aligncompiler.store.run_folder import read_summary
from runtime.__main__ import guarded
from runtime.console import Console
from runtime.execute import StageFailed, execute
from runtime.fault import Fault
from runtime.interrupts import Interrupts
from runtime.model_files import loading
from runtime.ranks import Ranks
from runtime.store import Store

ROOT = Path(__file__).parents[2]
SPEC = """\
alignc: v1
name: faults
engine: {accelerator: cpu, threads: 1}
datasets:
  puzzles: {kind: deduction, count: 12, leaves: {min: 2, max: 2}}
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
    budget: {steps: 300}
    batch: {rows: 2}
    optimizer: {kind: adamw, learning_rate: 0.001}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "faults.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


@dataclass
class Run:
    """A fork of this process that carries a plan out: importing the libraries takes longer than everything else here."""

    pid: int
    log: Path
    code: int | None = None

    def poll(self):
        if self.code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if ended else None
        return self.code

    def wait(self, seconds=120.0):
        end = time.monotonic() + seconds
        while self.poll() is None:
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise TimeoutError(self.said())
            time.sleep(0.01)
        return self

    def said(self):
        return self.log.read_text(encoding="utf-8")

    def errors(self):
        return [line for line in self.said().splitlines() if "error" in line]


def start(plan, folder, store=".alignc", name="run", limit=lambda: None):
    write_plan(plan, folder / name / "plan.json")
    log = folder / f"{name}.log"
    log.unlink(missing_ok=True)
    child = os.fork()
    if child:
        return Run(child, log)
    code = 99
    try:
        file = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.argv = ["runtime", str(folder / name / "plan.json"), "--store", str(folder / store)]
        limit()
        code = guarded()
    finally:
        os._exit(code)


def run(*arguments, **how):
    return start(*arguments, **how).wait()


def plan_of(folder, *sets):
    plan = compile_spec(folder / "faults.yaml", sets=sets).plan
    assert plan is not None
    return plan


def until(what, process, seconds=60.0):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.005)


def files(store, plan):
    return {stage.id: manifest_in(artifact_folder(store, stage.key))["files"] for stage in plan.stages}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The files that a plan comes to where nothing happens."""
    known = {}

    def made(plan):
        keys = tuple(stage.key for stage in plan.stages)
        if keys not in known:
            folder = tmp_path_factory.mktemp("undisturbed")
            assert run(plan, folder).code == 0
            known[keys] = files(folder / ".alignc", plan)
        return known[keys]

    return made


def unfinished(store):
    """What lies about in a store beside artifacts."""
    return sorted(f"{area}/{path.name}" for area in ("making", "resume") for path in (store / area).glob("*"))


def test_an_interrupt_saves_says_how_to_go_on_and_what_comes_of_it_is_the_same(folder, undisturbed):
    plan, store = plan_of(folder), folder / ".alignc"
    key = plan["stages.sft"].key
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    first = subprocess.Popen(
        [sys.executable, "-m", "aligncompiler", "run", "faults.yaml", "--out", "elsewhere"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True
    )
    until(lambda: (store / "making" / key / "metrics.jsonl").exists(), first, 120)
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=60)[1]
    at = half_done(store, key)
    assert first.returncode == 130 and at.startswith("step ") and at.endswith(" of 300")
    assert "stopping; what is done is saved. Ctrl-C again ends it at once" in said
    assert f"interrupted; finished stages are kept (2 of 3), and `stages.sft` is saved at {at}. Go on with: alignc run faults.yaml --out elsewhere\n" in said
    assert (
        f"goes on from {at}"
        in subprocess.run([sys.executable, "-m", "aligncompiler", "plan", "faults.yaml"], cwd=folder, env=environment, capture_output=True, text=True).stdout
    )
    second = run(plan, folder)
    assert second.code == 0 and f"stages.sft: goes on from {at}" in second.said()
    assert files(store, plan) == undisturbed(plan) and unfinished(store) == []
    curve = [json.loads(line)["step"] for line in (artifact_folder(store, key) / "metrics.jsonl").read_text().splitlines()]
    assert curve == [1, *range(10, 301, 10)]


@pytest.mark.parametrize(("small", "finished"), [(12, "finished stages are kept (2 of 4)"), (10**6, "no stage is finished")])
def test_an_interrupt_among_the_datasets_tells_what_is_kept_and_what_starts_again(folder, small, finished):
    rest = "  rest: {kind: deduction, count: 1000000, leaves: {min: 2, max: 2}}\n"
    spec = (
        SPEC.replace("models:", f"{rest}models:").replace("    data: ${datasets.puzzles}", "    data: ${datasets.rest}").replace("count: 12", f"count: {small}")
    )
    (folder / "faults.yaml").write_text(spec, encoding="utf-8")
    plan, store = plan_of(folder), folder / ".alignc"
    at = plan["datasets.rest" if small == 12 else "datasets.puzzles"]
    first = subprocess.Popen(
        [sys.executable, "-m", "aligncompiler", "run", "faults.yaml"], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )
    until((store / "making" / at.key / "rows.0.part").exists, first, 120)
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=60)[1]
    assert first.returncode == 130
    assert f"interrupted; {finished}, and `{at.id}` starts again from its beginning. Go on with: alignc run faults.yaml\n" in said
    assert unfinished(store) == [] and len(Index(store).keys) == (2 if small == 12 else 0)


def test_the_second_ctrl_c_of_alignc_run_ends_it_at_once_and_the_next_run_goes_on(folder, undisturbed):
    """The process of the run is held still between the two, so that it can do nothing about the first: it is killed wherever it was."""
    plan, store = plan_of(folder, "engine.save_every=0", "stages.sft.budget.steps=120"), folder / ".alignc"
    key, sets = plan["stages.sft"].key, ["--set", "engine.save_every=0", "--set", "stages.sft.budget.steps=120"]
    first = subprocess.Popen(
        [sys.executable, "-m", "aligncompiler", "run", "faults.yaml", *sets],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: len(numbers(resume_folder(store, key))) == 2, first, 120)
    [runtime] = map(int, Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split())
    os.kill(runtime, signal.SIGSTOP)
    at = half_done(store, key)
    first.send_signal(signal.SIGINT)
    assert any("stopping; what is done is saved. Ctrl-C again ends it at once" in line for line in first.stderr)
    assert first.poll() is None, "it waits for what is to be saved"
    second = time.monotonic()
    first.send_signal(signal.SIGINT)
    assert first.wait(20) == 130 and time.monotonic() - second < 10
    assert "ended at once; finished stages and what was saved on the way are kept. Go on with: alignc run faults.yaml --set " in first.stderr.read()
    assert not Path(f"/proc/{runtime}").exists()
    [ended] = folder.glob("runs/*")
    assert read_summary(ended)["status"] == "interrupted" and half_done(store, key) == at
    assert all(not Index(store).lacks(key) for key in Index(store).keys)
    again = run(plan, folder)
    assert again.code == 0 and f"stages.sft: goes on from {at}" in again.said()
    assert files(store, plan) == undisturbed(plan) and unfinished(store) == []


@pytest.mark.parametrize("passes", [True, False])
def test_what_a_stage_had_done_stays_where_its_fault_may_pass(folder, monkeypatch, passes):
    def stopped(stage, inputs, work):
        assert work.keep("parts")(0, lambda: 1) == 1
        raise Fault("P633", "nobody answers", passes=passes)

    monkeypatch.setattr("runtime.execute.carry_out", stopped)
    plan = plan_of(folder)
    with pytest.raises(StageFailed) as caught:
        execute(plan, Store(folder / ".alignc"), Console(plan, silent=True), Ranks(), {})
    assert any(name.startswith("resume/") for name in unfinished(folder / ".alignc")) == passes
    assert caught.value.fault.help == ("the same command goes on from batch 1",) * passes


def test_memory_that_runs_out_while_a_model_is_loaded_is_no_fault_of_the_model():
    with pytest.raises(RuntimeError, match="allocate"), loading("a model"):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")
    with pytest.raises(Fault, match="no model can be loaded from `a model`: odd") as caught, loading("a model"):
        raise RuntimeError("odd")
    assert caught.value.passes


def test_sigterm_saves_as_well_though_it_comes_twice(folder):
    plan, store = plan_of(folder), folder / ".alignc"
    first = start(plan, folder)
    until((store / "making" / plan["stages.sft"].key / "metrics.jsonl").exists, first)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):  # as from a scheduler and from what it started
        os.kill(first.pid, number)
        time.sleep(0.001)
    assert first.wait().code == 130 and half_done(store, plan["stages.sft"].key).startswith("step ")
    assert unfinished(store) == [f"{area}/{plan['stages.sft'].key}" for area in ("making", "resume")]


def test_only_a_second_ctrl_c_ends_at_once_and_no_request_is_lost():
    heard = Interrupts(at_once=False)
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt), heard:
            for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
                signal.raise_signal(number)
            saved = True  # what is raised is raised at the end
        assert saved and heard.asked
        signal.raise_signal(signal.SIGTERM)  # while it winds up
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    with Interrupts(at_once=False):
        pass
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("harm", ["flipped", "cut", "statement", "curve"])
def test_a_damaged_checkpoint_is_put_aside_and_the_one_before_is_taken(folder, undisturbed, harm):
    plan, store = plan_of(folder, "engine.save_every=0", "stages.sft.budget.steps=30"), folder / ".alignc"
    key = plan["stages.sft"].key
    first = start(plan, folder)
    until(lambda: len(numbers(resume_folder(store, key))) >= 2 and numbers(resume_folder(store, key))[0] >= 11, first)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait().code == -signal.SIGKILL
    *_, last, newest = numbers(resume_folder(store, key))
    tensors = resume_folder(store, key) / f"{newest:08d}" / "tensors.safetensors"
    content = bytearray(tensors.read_bytes())
    content[-3] ^= 1
    if harm == "flipped":
        tensors.write_bytes(content)
    elif harm == "cut":
        tensors.write_bytes(content[:100])
    elif harm == "statement":
        tensors.with_name("state.json").write_text("{")
    else:
        (store / "making" / key / "metrics.jsonl").write_text("")
    aside = numbers(resume_folder(store, key)) if harm == "curve" else [newest]
    second = run(plan, folder)
    assert second.code == 0, second.said()
    assert files(store, plan) == undisturbed(plan) and unfinished(store) == []
    assert sorted(p.name for p in (store / "damaged").iterdir()) == [f"{key}.{number:08d}" for number in aside]
    assert (f"goes on from step {last} of 30" in second.said()) == (harm != "curve")
    assert key not in Index(store).aside, "it was no artifact that was damaged"


def test_a_flipped_byte_in_an_artifact_is_found_and_the_stage_made_again(folder):
    plan, store = plan_of(folder, "stages.sft.budget.steps=2"), folder / ".alignc"
    assert run(plan, folder).code == 0
    before = files(store, plan)
    for again in (1, 2):
        weights = artifact_folder(store, plan["models.base"].key) / "model" / "model.safetensors"
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
        assert run(plan, folder).code == 0 and files(store, plan) == before
        assert [s["id"] for s in read_summary(folder / "run")["stages"] if not s["cached"]] == ["models.base"]
        assert len(list((store / "damaged").iterdir())) == again, "one does not take the place of the other"


def test_what_a_stage_went_on_from_goes_when_it_is_stored_even_if_the_process_is_killed_in_between(folder):
    plan, store = plan_of(folder, "engine.save_every=0", "stages.sft.budget.steps=6"), folder / ".alignc"
    key = plan["stages.sft"].key

    def die_at_the_end():
        throw = Store.throw
        Store.throw = lambda self, path: os.kill(os.getpid(), signal.SIGKILL) if path == resume_folder(self.root, key) else throw(self, path)

    assert run(plan, folder, limit=die_at_the_end).code == -signal.SIGKILL
    assert unfinished(store) == [f"resume/{key}"] and manifest_in(artifact_folder(store, key)) is not None
    assert run(plan, folder).code == 0 and unfinished(store) == []


def test_two_runs_at_once_on_one_store_make_each_stage_once_and_the_one_that_waits_says_so(folder):
    plan, store = plan_of(folder, "stages.sft.budget.steps=400"), folder / ".alignc"
    first = start(plan, folder, name="one")
    until((store / "making" / plan["stages.sft"].key).exists, first)
    second = start(plan, folder, name="two")
    assert first.wait().code == second.wait().code == 0, first.said() + second.said()
    made = [[s["id"] for s in read_summary(folder / name)["stages"] if not s["cached"]] for name in ("one", "two")]
    assert sorted(made[0] + made[1]) == sorted(stage.id for stage in plan.stages)
    assert "stages.sft: waits for another run that makes it" in second.said()


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a file system of so many bytes, or one that may only be read."""
    mounted = []

    def mount(name, options):
        where = tmp_path / name
        where.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(where)], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        mounted.append(where)
        return where

    yield mount
    for where in mounted:
        subprocess.run(["umount", "-l", str(where)], check=True)


only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")


@only_root
@pytest.mark.parametrize("kilobytes", [8, 60, 200])
def test_a_full_disk_is_one_diagnostic_and_nothing_is_half_written(folder, undisturbed, small_disk, kilobytes):
    plan, disk = plan_of(folder, "stages.sft.budget.steps=6", "engine.save_every=0"), small_disk("disk", f"size={kilobytes}k")
    done = run(plan, folder, "disk")
    assert done.code == 4 and len(done.errors()) == 1 and "P605" in done.errors()[0] and "o space left" in done.errors()[0], done.said()
    index = Index(disk)
    assert all(not index.lacks(key) for key in index.keys)
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
    assert run(plan, folder, "disk").code == 0
    assert files(disk, plan) == undisturbed(plan)


def test_a_file_that_may_not_grow_is_one_diagnostic(folder):
    """A limit on the size of files stands for a full disk where nothing can be mounted."""
    done = run(plan_of(folder), folder, limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)))
    assert done.code == 4 and len(done.errors()) == 1 and "P605" in done.errors()[0] and "arge" in done.errors()[0], done.said()
    assert unfinished(folder / ".alignc") == []


@only_root
def test_a_store_that_may_only_be_read_is_one_diagnostic(folder, small_disk):
    small_disk("disk", "size=1m,ro")
    done = run(plan_of(folder), folder, "disk")
    assert done.code == 4 and len(done.errors()) == 1 and "P605" in done.errors()[0] and "Read-only file system" in done.errors()[0], done.said()


def test_memory_that_runs_out_names_the_stage_its_estimate_and_what_to_lower(folder):
    plan = plan_of(
        folder,
        "datasets.puzzles.count=4000",
        "stages.sft.batch.rows=4000",
        "stages.sft.batch.tokens_at_once=1000000",
        "models.base.architecture.hidden_size=256",
    )

    def limit():
        room = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") + (300 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (room, room))

    done = run(plan, folder, limit=limit)
    assert done.code == 4 and len(done.errors()) == 1, done.said()
    assert "error[P626]: stage `stages.sft`: memory ran out" in done.said() and "lower `batch.tokens_at_once`, which is 1000000" in done.said()
    assert unfinished(folder / ".alignc") == []
    report = Report()
    assert outcome(plan, folder / "run", 4, report)["exit"] == 4
    [told] = report.diagnostics
    assert (
        told.code == "P626"
        and "memory ran out; its estimate is " in told.message
        and told.spans[0].place.file.startswith("--set stages.sft.batch.tokens_at_once")
    )


def test_a_run_that_is_killed_may_have_taken_too_much_memory_which_is_said_and_leaves_a_report(folder):
    plan = plan_of(folder)
    first = start(plan, folder)
    until((folder / ".alignc" / "making" / plan["stages.sft"].key).exists, first)
    os.kill(first.pid, signal.SIGKILL)
    report = Report()
    assert outcome(plan, folder / "run", first.wait().code, report)["status"] == "killed"
    page = (folder / "run" / "report.html").read_text(encoding="utf-8")
    assert '<span class="pill running">running</span>' in page and "If it was killed since" in page and "2 of 3" in page
    assert '<tr class="running">' in page and "alignc run" in page
    [told] = report.diagnostics
    assert told.code == "P608" and "while it made `stages.sft`" in told.message
    assert any("memory ran out; its estimate is" in line for line in told.help) and any("`batch.tokens_at_once`" in line for line in told.help)
