"""Claim: preference pairs scored step by step make a policy prove more, on derivations that it never saw; over three seeds.

The control is the policy before (`sft`), on the same exam with the same decoding, paired prompt by prompt. `--bless` writes the figures to
`results/quickstart.json`, with the command that made them.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "quickstart.json"
SEEDS = (0, 1, 2)
COMMAND = "alignc run specs/quickstart.yaml --set seed={seed} --json"


def measured(seed: int, folder: Path) -> dict[str, object]:
    """The lines of the exam's step score under one seed, and the seconds that the run took."""
    command = COMMAND.format(seed=seed).split()[1:]
    places = ["--store", str(folder / f"store{seed}"), "--out", str(folder / "runs")]
    done = subprocess.run(
        [sys.executable, "-m", "aligncompiler", *command, *places], cwd=ROOT, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    table = json.loads((Path(summary["run"]) / "artifacts" / "stages.exam" / "table.json").read_text(encoding="utf-8"))
    step = next(one for one in table["tables"] if one["name"] == "mean_score deduction_steps step")
    return {"seed": seed, "seconds": summary["seconds"], "lines": step["lines"]}


@pytest.mark.slow
@pytest.mark.torch
def test_dpo_on_step_scores_beats_sft_beyond_the_interval_in_every_seed(tmp_path: Path, bless: bool) -> None:
    runs = [measured(seed, tmp_path) for seed in SEEDS]
    if bless:
        machine = {"processors": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}
        RESULTS.write_text(json.dumps({"command": COMMAND, "machine": machine, "runs": runs}, indent=1) + "\n", encoding="utf-8")
    for run in runs:
        lines = run["lines"]
        assert isinstance(lines, list)
        gain = next(line for line in lines if line["role"] == "difference" and line["group"] == "")
        assert gain["low"] > 0, f"seed {run['seed']}: {gain}"
