"""Training and evaluation must not read the same rows."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.base import Ref
from ..spec.codec import refs
from ..spec.dataset import Dataset


def check_splits(plan: Plan, report: Report) -> Plan:
    """Report every stage that measures a model on rows which that model, or one it comes from, was trained on."""
    for stage in plan.stages:
        line = {id for _, judged in named(stage, "judges") for id in (judged.to, *plan.ancestors(judged.to))}
        trainers = [s for s in plan.stages if s.id in line and any(named(s, "learns"))]
        for field, measured in named(stage, "measures"):
            for test in datasets_below(plan, measured.to):
                report_overlap(plan, stage, field, test, trainers, report)
    return plan


def named(stage: Stage, role: str) -> Iterator[tuple[str, Ref]]:
    """(field, reference) of everything in the fields that a kind of stage lists under `learns`, `measures` or `judges`."""
    for field in getattr(stage.spec, role, ()):
        for ref in refs(getattr(stage.spec, field)):
            yield field, ref


def datasets_below(plan: Plan, id: str) -> list[Stage]:
    """The datasets that the rows of `id` come from; what made the answers of a `sample` stage does not count."""
    stage = plan[id]
    if isinstance(stage.spec, Dataset):
        return [stage]
    below = [ref for ref in stage.reads if plan[ref].output.artifact == "dataset"]
    return [found for ref in below for found in datasets_below(plan, ref)]


def report_overlap(plan: Plan, stage: Stage, field: str, test: Stage, trainers: list[Stage], report: Report) -> None:
    """One diagnostic for one measured dataset, whoever learns from it."""
    found: dict[str, list[tuple[Stage, str]]] = {}
    for trainer in trainers:
        for learned_in, rows in named(trainer, "learns"):
            for train in datasets_below(plan, rows.to):
                assert isinstance(test.spec, Dataset) and isinstance(train.spec, Dataset)
                if test.spec.overlaps(train.spec):
                    found.setdefault(train.id, []).append((trainer, learned_in))
    for id, learners in found.items():
        same = "the same dataset" if test.id == id else f"rows that may be in `{id}`"
        names = " and ".join(f"`{learner.id}`" for learner, _ in learners)
        text = f"`{stage.id}` measures on `{test.id}`, {same} that {names} {'learn' if len(learners) > 1 else 'learns'} from"
        also = [(place, "learned from here") for learner, learned_in in learners if (place := learner.place(learned_in))]
        help = ("give each its share of the rows, for example `between: [0, 0.9]` for training and `between: [0.9, 1]` for evaluation",)
        report.add("M502", text, stage.place(field), path=(*stage.id.split("."), field), help=help, also=also)
