"""Claim: preference pairs scored step by step make a policy prove more, on derivations that it never saw; over eight seeds.

The control is the policy before (`sft`), on the same exam with the same decoding. `--bless` writes the figures to `results/quickstart.json`, with the
command that made them.
"""

from __future__ import annotations

import pytest

from .running import ROOT, Run, across, run, write

SEEDS = range(8)
QUICKSTART = "alignc run specs/quickstart.yaml --set seed={seed} --set engine.threads=1"
STEPS = "mean_score steps step"
GAIN = ("exam", STEPS, "dpo - sft")

pytestmark = [pytest.mark.slow, pytest.mark.torch]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> list[Run]:
    folder = tmp_path_factory.mktemp("quickstart")
    found = [run(QUICKSTART.format(seed=seed), folder) for seed in SEEDS]
    if request.config.getoption("--bless"):
        write(ROOT / "results" / "quickstart.json", QUICKSTART, found, {"exam": (STEPS,)}, seeds=list(SEEDS), differences=[difference(one) for one in found])
    return found


def difference(one: Run) -> dict[str, float]:
    """The gain of one seed with its interval over prompts."""
    line = next(x for x in one.lines("exam", STEPS) if (x["role"], x["group"]) == ("difference", ""))
    return {name: line[name] for name in ("value", "low", "high", "n")}


def gains(runs: list[Run], group: str = "") -> list[float]:
    return [one.value(*GAIN, group, "difference") for one in runs]


def test_dpo_on_step_scores_beats_sft(runs: list[Run]) -> None:
    """Over seeds beyond the interval, and in no seed a loss."""
    assert across(gains(runs)).low > 0
    assert min(gains(runs)) > 0


def test_it_lies_where_demonstrations_were(runs: list[Run]) -> None:
    """Two leaves and three: the proofs trained on. Nobody learns longer ones."""
    assert across(gains(runs, "leaves 2")).low > 0
    assert all(one.value("exam", STEPS, model, "leaves 4") < 0.05 for one in runs for model in ("sft", "dpo"))
