"""Every file in specs/ checks and plans; those outside specs/paper run with their smoke profile, and what they make loads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
SMALL = [path for path in SPECS if path.parent.name != "paper"]
PAIRS = ROOT.parent / "shared" / "data" / "pref_hh_harmless" / "harmless-base.test.jsonl.gz"
REAL = ("hh_harmless", "reward_bench_real")  # of rows that are not part of the project


def alignc(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "NO_COLOR": "1"}
    return subprocess.run([sys.executable, "-m", "aligncompiler", *args], cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("spec", SPECS, ids=lambda p: p.stem)
def test_every_spec_checks_clean(spec: Path) -> None:
    done = alignc("check", str(spec), "--format", "json")
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("spec", [p for p in SPECS if p.parent.name == "paper"], ids=lambda p: p.stem)
def test_full_size_specs_plan_without_a_network(spec: Path) -> None:
    done = alignc("plan", str(spec), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stages"]


@pytest.mark.torch
@pytest.mark.parametrize("spec", SMALL, ids=lambda p: p.stem)
def test_every_small_spec_runs_its_smoke_profile(spec: Path, tmp_path: Path) -> None:
    if spec.stem in REAL and not PAIRS.is_file():
        pytest.skip(f"the rows are not at {PAIRS.parents[1]}")
    done = alignc("run", str(spec), "--profile", "smoke", "--json", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "runs"))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["status"] == "complete"
    assert {"id", "key", "cached", "seconds", "metrics"} <= set(summary["stages"][0])
    page = Path(summary["report"]).read_text(encoding="utf-8")
    assert "<script" not in page and "src=" not in page
    assert_policies_load(Path(summary["run"]))
    left = alignc("plan", str(spec), "--profile", "smoke", "--store", str(tmp_path / "store"), "--check")
    assert left.returncode == 0, f"a second run would not find all of it: {left.stdout}"
    if spec.stem == "quickstart":  # and it does nothing, however the spec
        again = alignc("run", str(spec), "--profile", "smoke", "--json", "--store", str(tmp_path / "store"), "--out", str(tmp_path / "runs"))
        assert again.returncode == 0 and "cached" in again.stderr
        assert all(stage["cached"] for stage in json.loads(again.stdout.splitlines()[-1])["stages"])


def assert_policies_load(run: Path) -> None:
    import transformers

    stages = json.loads((run / "plan.json").read_text(encoding="utf-8"))["stages"]
    made = {stage["id"] for stage in stages if stage["id"].startswith("stages.") and stage["output"]["artifact"] in ("policy", "scorer")}
    folders = [p for p in (run / "artifacts").iterdir() if p.name.startswith("stages.") and (p / "model").is_dir()]
    assert {folder.name for folder in folders} == made
    for folder in folders:
        scorer = "rm" in folder.name
        auto = transformers.AutoModelForSequenceClassification if scorer else transformers.AutoModelForCausalLM
        auto.from_pretrained(folder / "model")
        transformers.AutoTokenizer.from_pretrained(folder / "model")
