"""Training and evaluation must not read the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.base import Ref
from ..spec.codec import refs
from ..spec.dataset import Dataset

# How a dataset that is measured on (first) shares rows with one that is learned from, in words; empty if it does not.
Relation = Callable[[Stage, Stage], str]


def check_splits(plan: Plan, report: Report) -> Plan:
    """Report every stage that measures a model on rows which that model, or one it comes from, was trained on, as far as the spec tells."""
    return report_shared(plan, report, by_source)


def by_source(test: Stage, train: Stage) -> str:
    assert isinstance(test.spec, Dataset) and isinstance(train.spec, Dataset)
    if not test.spec.overlaps(train.spec):
        return ""
    return "the same dataset" if test.id == train.id else f"rows that may be in `{train.id}`"


def report_shared(plan: Plan, report: Report, relation: Relation) -> Plan:
    """Report where a stage measures on rows that a model it judges has learned from."""
    learners = {stage.id for stage in plan.stages if any(named(stage, "learns"))}
    order = {stage.id: number for number, stage in enumerate(plan.stages)}
    for stage in plan.stages:
        judged = {stage.source(ref) for _, ref in named(stage, "judges")}
        line = judged.union(*(plan.ancestors(id) for id in judged)) & learners
        trainers = [plan[id] for id in sorted(line, key=order.__getitem__)]
        for field, measured in named(stage, "measures"):
            for test in datasets_below(plan, stage.source(measured)):
                report_overlap(plan, stage, field, test, trainers, relation, report)
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


def report_overlap(plan: Plan, stage: Stage, field: str, test: Stage, trainers: list[Stage], relation: Relation, report: Report) -> None:
    """One diagnostic for one measured dataset, whoever learns from it."""
    found: dict[str, list[tuple[Stage, str]]] = {}
    for trainer in trainers:
        for learned_in, rows in named(trainer, "learns"):
            for train in datasets_below(plan, trainer.source(rows)):
                if relation(test, train):
                    found.setdefault(train.id, []).append((trainer, learned_in))
    for id, learners in found.items():
        names = " and ".join(f"`{learner.id}`" for learner, _ in learners)
        text = f"`{stage.id}` measures on `{test.id}`, {relation(test, plan[id])} that {names} {'learn' if len(learners) > 1 else 'learns'} from"
        also = [(place, "learned from here") for learner, learned_in in learners if (place := learner.place(learned_in))]
        help = (
            "give each its share of the rows, for example `between: [0, 0.9]` for training and `between: [0.9, 1]` for evaluation",
            "if memory is what you measure, say so at the end of the line: `# alignc: allow M502 reason`",
        )
        report.add("M502", text, stage.place(field), path=(*stage.base.split("."), field), help=help, also=also)
