"""What reward models learn from real human data in ten minutes of two processors (`specs/reward_bench_real.yaml`), over three seeds; each beside a control.

`--bless` writes the figures to `results/reward_bench_real.json`. Seeds move heads and the order of rows, and the rows stay, so intervals over seeds speak of
training; those over the rows of the exam, by bootstrap, stand beside them for the first seed. What is not reached is held here too, as what it is.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest

from .bag_of_words import right
from .running import ROOT, Across, Run, across, run, write

SEEDS = (0, 1, 2)
COMMAND = "alignc run specs/reward_bench_real.yaml --set seed={seed} --set engine.threads=1"
PAIRS = ROOT.parent / "shared" / "data" / "pref_hh_harmless" / "harmless-base.test.jsonl.gz"
STYLES, SECTIONS = "style_accuracy", "section_accuracy"
TABLES = {
    "exam_hh": ("pair_accuracy", "pair_nll", "calibration_error", "gap_accuracy"),
    "exam_chat": (STYLES,),
    "exam_safety": (STYLES,),
    "exam_hhh": (SECTIONS,),
    "exam_attributes": ("attribute_nll", "spread_correlation"),
    "exam_votes": ("uncertainty_correlation", "pair_accuracy"),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[Run]:
    if not PAIRS.is_file():
        pytest.skip(f"the rows are not at {PAIRS.parents[1]}")
    folder = tmp_path_factory.mktemp("real")
    found = [run(COMMAND.format(seed=seed), folder) for seed in SEEDS]
    if request.config.getoption("--bless"):
        rows = {stage: {name: found[0].lines(stage, name) for name in names} for stage, names in TABLES.items()}
        skipped = {id: stage["skipped"] for id, stage in found[0].stages.items() if stage["skipped"]}
        more = {"bag of words": mean(words(found[0])), "skipped": skipped, "over rows, first seed": rows}
        write(ROOT / "results" / "reward_bench_real.json", COMMAND, found, TABLES, seeds=SEEDS, **more)
    return found


def words(one: Run) -> list[float]:
    """How a bag of words does on the pairs of the exam, having read those of the training."""
    rows = [one.folder / "artifacts" / f"datasets.{name}" / "rows.parquet" for name in ("hh_train", "hh_test")]
    return right(Path(rows[0]), Path(rows[1]))


pytestmark = [pytest.mark.slow, pytest.mark.torch]


def over(runs: list[Run], stage: str, table: str, model: str, group: str = "", role: str = "model") -> Across:
    return across([one.value(stage, table, model, group, role) for one in runs])
