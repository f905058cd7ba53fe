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
        measured = datasets_below(plan, stage.spec.data.to)
        for index, judged in enumerate(stage.spec.models):
            line = {judged.to} | plan.ancestors(judged.to)
            for trainer in (plan[id] for id in sorted(line)):
                if isinstance(trainer.spec, Train):
                    learned = datasets_below(plan, trainer.spec.data.to)
                    report_overlap(stage, index, trainer, measured, learned, report)
    return plan


def datasets_below(plan: Plan, id: str) -> list[Stage]:
    """The datasets that the rows of `id` come from; what made the answers of a `sample` stage does not count."""
    stage = plan[id]
    if isinstance(stage.spec, Dataset):
        return [stage]
    below = [ref for ref in stage.reads if plan[ref].output.artifact == "dataset"]
    return [found for ref in below for found in datasets_below(plan, ref)]


def report_overlap(stage: Stage, index: int, trainer: Stage, measured: list[Stage], learned: list[Stage], report: Report) -> None:
    for test in measured:
        for train in learned:
            assert isinstance(test.spec, Dataset) and isinstance(train.spec, Dataset)
            if not test.spec.overlaps(train.spec):
                continue
            same = "the same dataset" if test.id == train.id else f"rows that may be in `{train.id}`"
            text = f"`{stage.id}` measures on `{test.id}`, {same} that `{trainer.id}` learns from"
            place = stage.place("data")
            also = [(p, "learned from here") for p in [trainer.place("data")] if p]
            help = ("give each its share of the rows, for example `between: [0, 0.9]` for training and `between: [0.9, 1]` for evaluation",)
            report.add("M502", text, place, path=(*stage.id.split("."), "data"), help=help, also=also)
