"""Claims of URM and URME (arXiv:2410.00847), on ratings of known truth, over five seeds; each has a control.

`--bless` writes the figures to `results/urm.json` and `results/urme.json`, with the commands that made them, and draws the figures of
docs/claims/urm.md. What is not reproduced is held here too, as what it is.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .curve_figure import curves
from .running import ROOT, Run, run, write

SEEDS = (0, 1, 2, 3, 4)
URM = "alignc run specs/urm.yaml --set seed={seed} --set engine.threads=1"
URME = "alignc run specs/urme.yaml --set seed={seed} --set engine.threads=1"
FIGURE = ROOT / "docs" / "claims" / "urme_best_of_n.svg"
UNSURE = ("gap", "frobenius", "aleatoric")
URM_TABLES = {
    "exam": ("pair_accuracy", "pair_nll", "calibration_error"),
    "spread": ("attribute_nll", "spread_correlation"),
    "even_spread": ("spread_correlation",),
    "against_raters": ("certain_accuracy", "error_auroc"),
    "against_truth": ("certain_accuracy", "error_auroc"),
}
JUDGED = tuple(f"{metric} {figure}" for metric in ("certain_accuracy", "error_auroc") for figure in UNSURE)
URME_TABLES = {
    "against_truth": ("pair_accuracy", "member_agreement", *JUDGED),
    "against_raters": JUDGED,
    "shift": tuple(f"shift datasets.known {figure}" for figure in UNSURE),
    "best": ("best_of_n column gap", "length_correlation"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("urm")


@pytest.fixture(scope="module")
def urm(folder: Path, request: pytest.FixtureRequest) -> list[Run]:
    runs = [run(URM.format(seed=seed), folder) for seed in SEEDS]
    if request.config.getoption("--bless"):
        write(ROOT / "results" / "urm.json", URM, runs, URM_TABLES, seeds=SEEDS)
    return runs


@pytest.fixture(scope="module")
def urme(folder: Path, request: pytest.FixtureRequest) -> list[Run]:
    runs = [run(URME.format(seed=seed), folder) for seed in SEEDS]
    if request.config.getoption("--bless"):
        write(ROOT / "results" / "urme.json", URME, runs, URME_TABLES, seeds=SEEDS)
        FIGURE.write_text(curves([one.lines("best", "best_of_n column gap") for one in runs], "gated"), encoding="utf-8")
    return runs


pytestmark = [pytest.mark.slow, pytest.mark.torch]
