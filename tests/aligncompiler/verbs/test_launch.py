"""Launch files: what they say, and, with the runtime, that they start, stop and go on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aligncompiler.cli import main as alignc
from aligncompiler.store.run_folder import read_summary

ROOT = Path(__file__).parents[3]
SPEC = """\
alignc: v1
name: small
engine: {accelerator: cpu, strategy: ddp, nodes: 2, threads: 1}
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
    batch: {rows: 4}
    optimizer: {kind: adamw, learning_rate: 0.01}
"""
SLURM = """\
#!/bin/bash
# small: 2 machine(s), 8 process(es) on each. Submit it with `sbatch`; submitted again, it goes on where it stood.
#SBATCH --job-name=small
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --partition=big
#SBATCH --time=12:00:00
#SBATCH --account=us
#SBATCH --requeue
#SBATCH --signal=B:USR1@240
#SBATCH --open-mode=append
#SBATCH --output=HERE/runs/RUN/slurm-%j.log
set -u
cd HERE

# The processes meet at the first machine of the job, at a port that no other job has.
HEAD_NODE=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
PORT=$((20000 + SLURM_JOB_ID % 20000))
export HEAD_NODE PORT

srun --kill-on-bad-exit=1 --export=ALL PYTHON -m runtime.together --nnodes=2 --nproc-per-node=8 --rdzv-id=RUN --rdzv-backend=c10d \
--rdzv-endpoint="${HEAD_NODE:?}:${PORT:-29500}" --shutdown-timeout=120 -m runtime HERE/runs/RUN/plan.json --store HERE/.alignc --command='alignc launch small.yaml --slurm | sbatch' &
step=$!

# When time is nearly up, or the job is stopped, the run is told to save and to end; only in the first case it goes back into the queue.
again=no
trap 'again=yes; kill -TERM "$step"' USR1
trap 'again=no; kill -TERM "$step"' TERM INT

while kill -0 "$step" 2>/dev/null; do wait "$step"; done  # a signal ends `wait`, not the run
wait "$step"
code=$?
if [ "$again" = yes ] && [ "$code" -ne 0 ]; then
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
"""
SCONTROL = """\
#!/bin/bash
if [ "$1" = show ]; then echo localhost; else echo "$@" >> scontrol.log; fi
"""
SRUN = """\
#!/bin/bash
# As srun does: the command once for each machine of the job, signals passed on, the worst exit code.
while [[ $1 == --* ]]; do shift; done
for node in 1 2; do "$@" & tasks+=($!); done
trap 'kill -TERM "${tasks[@]}"' TERM
worst=0
for task in "${tasks[@]}"; do
    while kill -0 "$task" 2>/dev/null; do wait "$task"; done
    wait "$task" || worst=$?
done
exit $worst
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC, encoding="utf-8")
    return tmp_path


def test_a_job_of_slurm_says_what_the_engine_asks_for(here, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["alignc", "launch", "small.yaml", "--slurm"])
    wanted = ["--cpus", "32", "--partition", "big", "--time", "12:00:00", "--sbatch=--account=us"]
    assert alignc(["launch", "small.yaml", "--slurm", "--set", "engine.devices=8", "--set", "engine.accelerator=cuda", *wanted]) == 0
    text = capsys.readouterr().out
    [folder] = here.glob("runs/*")
    assert text.replace(str(here), "HERE").replace(folder.name, "RUN").replace(sys.executable, "PYTHON") == SLURM
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    assert json.loads((folder / "plan.json").read_text())["engine"]["devices"] == 8


def test_a_job_without_a_named_device_is_refused_before_it_is_written(here, capsys):
    Path("small.yaml").write_text(SPEC.replace("accelerator: cpu, ", ""), encoding="utf-8")
    assert alignc(["launch", "small.yaml", "--slurm", "-o", "job.sh"]) == 1
    assert "small.yaml:3:1: error[P610]: which device" in capsys.readouterr().err and not Path("job.sh").exists()


def test_run_says_how_several_machines_are_started(here, capsys):
    assert alignc(["run", "small.yaml"]) == 1
    assert "alignc launch small.yaml --slurm" in capsys.readouterr().err


def test_names_of_folders_are_quoted_for_the_shell(here, monkeypatch, capsys):
    odd = here / "it's a $HOME"
    odd.mkdir()
    monkeypatch.chdir(odd)
    Path("small.yaml").write_text(SPEC, encoding="utf-8")
    assert alignc(["launch", "small.yaml", "--torchrun"]) == 0
    script = capsys.readouterr().out.replace("exec ", "printf '%s\\n' ")
    out = subprocess.run(["bash"], input=script, env=os.environ | {"HEAD_NODE": "one"}, capture_output=True, text=True, check=True).stdout.splitlines()
    assert str(odd / ".alignc") in out and "--rdzv-endpoint=one:29500" in out


def job_in(here, *sets):
    """The script of a job, and the environment that SLURM would give it."""
    assert alignc(["launch", "small.yaml", "--slurm", "--grace", "20", "-o", "job.sh", *sets]) == 0
    (here / "bin").mkdir(exist_ok=True)
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        (here / "bin" / name).write_text(text, encoding="utf-8")
        (here / "bin" / name).chmod(0o755)
    paths = {"PATH": f"{here / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    slurm = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "n[1-2]", "SLURM_NTASKS": "2", "SLURM_JOB_NAME": "small", "SLURM_PROCID": "0"}
    return {"args": ["./job.sh"], "cwd": here, "env": os.environ | paths | slurm, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


@pytest.mark.torch
def test_a_job_trains_on_both_machines(here):
    done = subprocess.run(**job_in(here), timeout=180, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    [folder] = here.glob("runs/*")
    assert read_summary(folder)["status"] == "complete" and not Path("scontrol.log").exists()
    assert done.stdout.count("stages.sft") == 1, "one process speaks"


@pytest.mark.torch
def test_a_job_whose_time_is_up_winds_up_and_goes_back_into_the_queue(here):
    job = subprocess.Popen(**job_in(here, "--set", "stages.sft.budget.steps=100000"))
    [folder] = here.glob("runs/*")
    until = time.monotonic() + 120
    while not list(here.glob(".alignc/making/*/metrics.jsonl")):  # the first step
        assert time.monotonic() < until and job.poll() is None
        time.sleep(0.1)
    job.send_signal(signal.SIGUSR1)
    out, _ = job.communicate(timeout=120)
    assert job.returncode != 0 and read_summary(folder)["status"] == "interrupted", out[-3000:]
    assert Path("scontrol.log").read_text().startswith("requeue ") and not (folder / "crash.txt").exists()
    assert "Go on with: sbatch job.sh\n" in out and "Traceback" not in out, out[-3000:]
