"""A shift is between rows: the same answers on both sides, whatever scored them in between, shift nothing."""

from __future__ import annotations

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.answering import Label
from ..spec.dataset import Dataset
from ..spec.measuring import Evaluate


def check_shift(plan: Plan, report: Report) -> Plan:
    """Report every metric that compares the answers it measures on with the same answers."""
    for stage in plan.stages:
        for index, metric in enumerate(stage.spec.metrics if isinstance(stage.spec, Evaluate) else ()):
            for against in metric.compares_with:
                assert isinstance(stage.spec, Evaluate)
                here, there = (plan[stage.source(ref)] for ref in (stage.spec.data, against))
                if same_answers(answers_of(plan, here), answers_of(plan, there)):
                    where = f"metrics.{index}.against"
                    text = (
                        f"`{there.id}` are the rows that are measured"
                        if here is there
                        else f"`{there.id}` holds the answers of `{here.id}`, which are measured"
                    )
                    path = (*stage.base.split("."), *where.split("."))
                    report.add("S405", f"{text}, so nothing can shift", stage.place(where), path=path, help=("name other rows",))
    return plan


def answers_of(plan: Plan, made: Stage) -> Stage:
    """What the answers are from that stages only scored, all of them."""
    while isinstance(made.spec, Label):
        made = plan[made.source(made.spec.completions)]
    return made


def same_answers(one: Stage, other: Stage) -> bool:
    """Whether two stages make the same answers: one stage, or two declarations of one dataset."""
    return one is other or (isinstance(one.spec, Dataset) and one.spec == other.spec)
