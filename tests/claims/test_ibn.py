"""Claim C1 of arXiv:2402.10184 without a model: the tree design brings responses nearer than the chain where they are diverse and comparisons are
few, and the chain is the better one where clusters tighten fast.

Twenty draws a cell; the number of roots is fixed beforehand, on draws of their own or by the bound of the paper. The control compares few
independent responses more often. `--bless` writes the figures to `results/ibn.json`, with the command that made them, and draws the plots of
`docs/claims/`. What is not reproduced is held as not reproduced.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .ratio_figure import figure

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "results" / "ibn.json"
FIGURES = ROOT / "docs" / "claims"
COMMAND = "alignc run specs/ibn.yaml --json"
TITLES = {
    "free": "shortest path, B chosen on draws of its own",
    "bound": "shortest path, B of the bound",
    "resistance": "effective resistance, B chosen on draws of its own",
}
FEW = (100, 400, 1600)  # of 8,192 responses


def cell(run: Path, id: str, information: float, alpha: float) -> dict[str, Any]:
    """The ratios of one cell, by number of comparisons."""
    whole = json.loads((run / "artifacts" / id / "table.json").read_text(encoding="utf-8"))
    sizes = []
    for chosen in whole["chosen"]:
        count = chosen["comparisons"]
        [lines] = [table["lines"] for table in whole["tables"] if table["name"] == f"ratio at {count:,}"]
        by = {line["model"]: line for line in lines}
        measured = {name: {k: round(by[f"chain/{name}"][k], 4) for k in ("value", "low", "high")} for name in chosen if f"chain/{name}" in by}
        stated = {name: round(by[name]["value"], 4) for name in ("bounds", "rates, regime 1", "rates, regime 2")}
        sizes.append({"comparisons": count, "roots": chosen["tree"], "pool_of": chosen.get("pool"), **measured, **stated})
    return {"information": information, "alpha": alpha, "sizes": sizes}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> dict[str, Any]:
    """All cells of one run of the spec."""
    folder = tmp_path_factory.mktemp("ibn")
    places = ["--store", str(folder / "store"), "--out", str(folder / "runs")]
    done = subprocess.run([sys.executable, "-m", "aligncompiler", *COMMAND.split()[1:], *places], cwd=ROOT, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout.splitlines()[-1])
    plan = json.loads((Path(summary["run"]) / "plan.json").read_text(encoding="utf-8"))
    stages: dict[str, list[dict[str, Any]]] = {name: [] for name in TITLES}
    for stage in plan["stages"]:
        structure = stage["spec"]["structure"]
        name = stage["id"].removeprefix("stages.").partition("[")[0]
        stages[name].append(cell(Path(summary["run"]), stage["id"], structure["information"], structure["alpha"]))
    machine = {"processors": os.cpu_count(), "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}
    found = {"command": COMMAND, "seed": plan["seed"], "draws": 20, "machine": machine, "seconds": summary["seconds"], "stages": stages}
    if request.config.getoption("--bless"):
        text = json.dumps(found, indent=1)
        RESULTS.write_text(text + "\n", encoding="utf-8")
        FIGURES.mkdir(exist_ok=True)
        for name, cells in stages.items():
            (FIGURES / f"ibn_{name}.svg").write_text(figure(cells, TITLES[name]), encoding="utf-8")
    return found


def ratio(results: dict[str, Any], stage: str, information: float, alpha: float, count: int, design: str = "tree") -> dict[str, float]:
    [cell] = [c for c in results["stages"][stage] if (c["information"], c["alpha"]) == (information, alpha)]
    [size] = [s for s in cell["sizes"] if s["comparisons"] == count]
    found: dict[str, float] = size[design]
    return found


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("count", [400, 1600])
def test_reproduced_the_tree_beats_the_chain_where_responses_are_diverse_and_comparisons_few(results: dict[str, Any], count: int) -> None:
    assert ratio(results, "free", 1e4, 0.3, count)["low"] > 1


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("alpha", [0.3, 0.6, 0.9])
def test_reproduced_the_chain_beats_the_tree_where_comparisons_are_as_many_as_responses(results: dict[str, Any], alpha: float) -> None:
    assert ratio(results, "free", 1e4, alpha, 6400)["high"] < 1


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("count", FEW)
def test_not_reproduced_the_chain_does_not_beat_a_tree_of_chosen_size_where_clusters_tighten_fast(results: dict[str, Any], count: int) -> None:
    assert ratio(results, "free", 1e4, 0.9, count)["low"] > 1


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("count", FEW)
def test_with_the_roots_of_the_bound_the_chain_wins_where_clusters_tighten_fast_but_the_tree_does_not_where_they_do_not(
    results: dict[str, Any], count: int
) -> None:
    assert ratio(results, "bound", 1e4, 0.9, count)["high"] < 1
    assert ratio(results, "bound", 1e4, 0.3, count)["low"] < 1


@pytest.mark.slow
@pytest.mark.torch
@pytest.mark.parametrize("alpha", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("count", FEW)
def test_the_control_of_few_independent_responses_beats_the_tree_wherever_the_tree_wins(results: dict[str, Any], alpha: float, count: int) -> None:
    assert ratio(results, "free", 1e4, alpha, count, "pool")["low"] > ratio(results, "free", 1e4, alpha, count)["high"]


@pytest.mark.slow
@pytest.mark.torch
def test_neither_the_tree_nor_the_control_wins_where_all_paths_count(results: dict[str, Any]) -> None:
    sizes = [size for cell in results["stages"]["resistance"] for size in cell["sizes"]]
    wins = [size for size in sizes if size["tree"]["low"] > 1 or size["pool"]["low"] > 1]
    assert wins == []


@pytest.mark.torch
@pytest.mark.parametrize("name", TITLES)
def test_the_figures_of_the_docs_are_drawn_from_the_committed_results(name: str) -> None:
    committed = json.loads(RESULTS.read_text(encoding="utf-8"))
    assert (FIGURES / f"ibn_{name}.svg").read_text(encoding="utf-8") == figure(committed["stages"][name], TITLES[name])
