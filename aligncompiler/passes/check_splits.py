"""Training and evaluation must not read the same rows."""

from __future__ import annotations

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.dataset import Dataset
from ..spec.stage import Evaluate, Train


def check_splits(plan: Plan, report: Report) -> Plan:
    """Report every `evaluate` stage that measures a model on rows which that model, or one it comes from, was trained on."""
    for stage in plan.stages:
        if not isinstance(stage.spec, Evaluate):
            continue
        line = {id for judged in stage.spec.models for id in (judged.to, *plan.ancestors(judged.to))}
        trainers = [s for s in plan.stages if s.id in line and isinstance(s.spec, Train)]
        for test in datasets_below(plan, stage.spec.data.to):
            report_overlap(plan, stage, test, trainers, report)
    return plan


def datasets_below(plan: Plan, id: str) -> list[Stage]:
    """The datasets that the rows of `id` come from; what made the answers of a `sample` stage does not count."""
    stage = plan[id]
    if isinstance(stage.spec, Dataset):
        return [stage]
    below = [ref for ref in stage.reads if plan[ref].output.artifact == "dataset"]
    return [found for ref in below for found in datasets_below(plan, ref)]


def report_overlap(plan: Plan, stage: Stage, test: Stage, trainers: list[Stage], report: Report) -> None:
    """One diagnostic for one measured dataset, whoever learns from it."""
    found: dict[str, list[Stage]] = {}
    for trainer in trainers:
        assert isinstance(trainer.spec, Train)
        for train in datasets_below(plan, trainer.spec.data.to):
            assert isinstance(test.spec, Dataset) and isinstance(train.spec, Dataset)
            if test.spec.overlaps(train.spec):
                found.setdefault(train.id, []).append(trainer)
    for id, learners in found.items():
        same = "the same dataset" if test.id == id else f"rows that may be in `{id}`"
        names = " and ".join(f"`{learner.id}`" for learner in learners)
        text = f"`{stage.id}` measures on `{test.id}`, {same} that {names} {'learn' if len(learners) > 1 else 'learns'} from"
        also = [(place, "learned from here") for learner in learners if (place := learner.place("data"))]
        help = ("give each its share of the rows, for example `between: [0, 0.9]` for training and `between: [0.9, 1]` for evaluation",)
        report.add("M502", text, stage.place("data"), path=(*stage.id.split("."), "data"), help=help, also=also)
