"""Seconds from `alignc run` to the first training step, beside those of importing torch and lightning, in turn.

The spec is the quickstart with fewer puzzles; what its first training reads is in the store already, as after any first run. The first step
is seen by the first point of the curve, so the step itself is counted. The medians and their ratio go to results/bench_start.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT = 1.3
SETS = ["--set", "datasets.puzzles.count=4000", "--set", "engine.accelerator=cpu"]


def imports(_: Path) -> float:
    """Seconds of a process that only imports."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch, lightning"], check=True)
    return time.monotonic() - start


def alignc(*words: str) -> list[str]:
    return [sys.executable, "-m", "aligncompiler", "run", str(ROOT / "specs" / "quickstart.yaml"), *SETS, *words]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


def run(folder: Path) -> float:
    """Seconds from the command to the first point of the curve; then the run is interrupted."""
    shutil.rmtree(folder / "runs", ignore_errors=True)
    for name in ("making", "artifacts"):  # of the stage itself nothing is there, neither a checkpoint nor a result
        for curve in (folder / ".alignc" / name).rglob("metrics.jsonl"):
            shutil.rmtree(curve.parent)
    start = time.monotonic()
    process = subprocess.Popen(alignc(), cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any((folder / ".alignc").rglob("metrics.jsonl")):
        if process.poll() is not None:
            raise RuntimeError(f"the run ended with {process.returncode} before it trained")
        time.sleep(0.01)
    seconds = time.monotonic() - start
    process.send_signal(signal.SIGINT)
    process.wait()
    return seconds


def main() -> int:
    """Measure, print, and write the result; 1 if the limit was missed."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=5, help="runs of each, in turn (default: 5)")
    args = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run(alignc("--only", "models.base"), cwd=folder, env=environment(), check=True, capture_output=True)
        found: dict[str, list[float]] = {"import torch, lightning": [], "alignc run to the first step": []}
        for turn in range(args.runs + 1):  # the first warms the caches of the machine
            for label, measure in zip(found, (imports, run), strict=True):
                seconds = measure(folder)
                if turn:
                    found[label].append(round(seconds, 3))
    medians = {label: statistics.median(times) for label, times in found.items()}
    ratio = medians["alignc run to the first step"] / medians["import torch, lightning"]
    machine = {"system": platform.platform(), "cores": os.cpu_count(), "python": platform.python_version()}
    versions = {package: version(package) for package in ("torch", "lightning", "transformers")}
    result = {"command": "python benchmarks/start.py", "machine": machine, "versions": versions, "seconds": found, "medians": medians}
    result |= {"ratio": round(ratio, 3), "limit": LIMIT}
    (ROOT / "results" / "bench_start.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print("".join(f"{label}: {seconds:.2f} s (median of {args.runs})\n" for label, seconds in medians.items()) + f"ratio {ratio:.2f}, limit {LIMIT}")
    return 1 if ratio > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
