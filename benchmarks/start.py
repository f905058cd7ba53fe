"""Seconds from `alignc run` to the first training step, beside those of importing torch and lightning, in turn.

The spec is the quickstart with fewer puzzles; what its first training reads is in the store already, as after any first run. The first step
is seen by the first point of the curve, so the step itself is counted. Each run is compared with the import before it; the medians go to
results/bench_start.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from glob import glob
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
LIMIT = 1.3
SETS = ["--set", "datasets.puzzles.count=4000", "--set", "engine.accelerator=cpu"]


class Taken(NamedTuple):
    """Seconds by the clock on the wall, and of the processors."""

    wall: float
    cpu: float


def imports(_: Path) -> Taken:
    """What a process takes that only imports."""
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, "-c", "import torch, lightning"])
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return Taken(time.monotonic() - start, usage.ru_utime + usage.ru_stime)


def alignc(*words: str) -> list[str]:
    return [sys.executable, "-m", "aligncompiler", "run", str(ROOT / "specs" / "quickstart.yaml"), *SETS, *words]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def cpu_seconds(pid: int) -> float:
    """CPU seconds so far of a process and what it has started."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(map(int, after_name[11:15])) / os.sysconf("SC_CLK_TCK") + sum(cpu_seconds(int(child)) for child in children)


def run(folder: Path) -> Taken:
    """What is taken from the command to the first point of the curve; then the run is interrupted."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    for curve in list((folder / ".alignc").rglob("metrics.jsonl")):  # of the stage itself nothing is there, neither a checkpoint nor a result
        shutil.rmtree(curve.parent)
    start = time.monotonic()
    process = subprocess.Popen(alignc(), cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not glob(str(folder / ".alignc" / "making" / "*" / "metrics.jsonl")):
        if process.poll() is not None:
            raise RuntimeError(f"the run ended with {process.returncode} before it trained")
        time.sleep(0.01)
    taken = Taken(time.monotonic() - start, cpu_seconds(process.pid))
    process.terminate()  # Ctrl-C is ignored by what a shell has put into the background
    process.wait()
    return taken


def main() -> int:
    """Measure, print, and write the result; 1 if the limit was missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5, help="runs of each, in turn (default: 5)")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(alignc("--only", "models.base"), cwd=folder, env=environment(), check=True, capture_output=True)
        found: dict[str, list[Taken]] = {"import torch, lightning": [], "alignc run to the first step": []}
        for turn in range(args.runs + 1):  # the first warms the caches of the machine
            for label, measure in zip(found, (imports, run), strict=True):
                taken = measure(folder)
                if turn:
                    found[label].append(taken)
    theirs, ours = found.values()
    # Neighbours in time are compared with each other: what else the machine does then weighs on both.
    ratios = {unit: [round(getattr(b, unit) / getattr(a, unit), 3) for a, b in zip(theirs, ours, strict=True)] for unit in Taken._fields}
    ratio = {unit: statistics.median(each) for unit, each in ratios.items()}
    seconds = {label: {unit: [round(getattr(one, unit), 3) for one in taken] for unit in Taken._fields} for label, taken in found.items()}
    medians = {label: {unit: statistics.median(times) for unit, times in units.items()} for label, units in seconds.items()}
    machine = {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    versions = {package: version(package) for package in ("torch", "lightning", "transformers")}
    result = {"command": " ".join(["python", "benchmarks/start.py", *sys.argv[1:]]), "machine": machine, "versions": versions, "seconds": seconds}
    result |= {"medians": medians, "ratios": ratios, "ratio": ratio, "limit": LIMIT}
    (ROOT / "results" / "bench_start.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("".join(f"{label}: {each['wall']:.2f} s, {each['cpu']:.2f} s of CPU time (medians of {args.runs})\n" for label, each in medians.items()), end="")
    print(f"ratio {ratio['wall']:.2f}, of CPU time {ratio['cpu']:.2f}, limit {LIMIT}")
    return 1 if ratio["wall"] > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
