"""Runs of a spec under several seeds, and what their tables say together."""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist, mean, stdev
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """A finished run: the seconds that it took, and by stage its figures and tables."""

    folder: Path
    stages: Mapping[str, Mapping[str, Any]]

    def lines(self, stage: str, table: str) -> list[dict[str, Any]]:
        """The lines of a table. Raises StopIteration if there is none of that name."""
        whole = json.loads((self.folder / "artifacts" / f"stages.{stage}" / "table.json").read_text(encoding="utf-8"))
        found: list[dict[str, Any]] = next(one["lines"] for one in whole["tables"] if one["name"] == table)
        return found

    def value(self, stage: str, table: str, model: str, group: str = "", role: str = "model") -> float:
        """One figure of a table; models are named without `stages.`."""
        lines = self.lines(stage, table)
        return next(float(x["value"]) for x in lines if (x["role"], x["model"].replace("stages.", ""), x["group"]) == (role, model, group))


def run(command: str, folder: Path) -> Run:
    """`alignc run ...`, with a store that is kept where the environment names one (ALIGNC_CLAIMS), so that a claim goes on where it was."""
    kept = Path(os.environ.get("ALIGNC_CLAIMS") or folder)
    arguments = [*shlex.split(command)[1:], "--json", "--store", str(kept / "store"), "--out", str(kept / "runs")]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", "aligncompiler", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    return Run(Path(summary["run"]), {stage["id"]: stage for stage in summary["stages"]})


@dataclass(frozen=True)
class Across:
    """A figure over seeds: the mean, and an interval of it by Student's t."""

    mean: float
    low: float
    high: float
    seeds: int

    def json(self) -> dict[str, float]:
        return {"mean": self.mean, "low": self.low, "high": self.high, "seeds": self.seeds}


def across(values: Sequence[float], confidence: float = 0.95) -> Across:
    """The mean of independent runs; the interval is mean +- t s / sqrt(n)."""
    half = t_quantile((1 + confidence) / 2, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return Across(mean(values), mean(values) - half, mean(values) + half, len(values))


def t_quantile(probability: float, freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(probability, freedom)) if freedom < 1000 else NormalDist().inv_cdf(probability)


def figures(runs: Sequence[Run], stage: str, table: str) -> Iterator[tuple[str, str, str, Across]]:
    """(role, model, group, figure over the runs) of every line of a table that all runs have."""
    each = [{(x["role"], x["model"].replace("stages.", ""), x["group"]): float(x["value"]) for x in one.lines(stage, table)} for one in runs]
    for key in each[0]:
        if all(key in one for one in each):
            yield (*key, across([one[key] for one in each]))


def machine() -> dict[str, object]:
    return {"processors": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}


def write(path: Path, command: str, runs: Sequence[Run], tables: Mapping[str, Sequence[str]], **more: object) -> None:
    """Write what runs found: of the tables of each stage every figure of each run, and its mean over them."""
    found = []
    for stage, names in tables.items():
        for table in names:
            for role, model, group, one in figures(runs, stage, table):
                values = [run.value(stage, table, model, group, role) for run in runs]
                found.append({"stage": stage, "table": table, "role": role, "model": model, "group": group, **one.json(), "values": values})
    seconds = {id: mean(float(run.stages[id]["seconds"]) for run in runs) for id in runs[0].stages}
    whole = {"command": command, "machine": machine(), **more, "figures": found, "seconds_by_stage": seconds}
    path.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
