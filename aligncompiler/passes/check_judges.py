"""A scorer must not measure what was made with its help."""

from __future__ import annotations

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.answering import Label, Pair
from ..spec.base import Ref
from ..spec.codec import refs
from ..spec.measuring import Evaluate
from ..spec.metric import Metric
from ..spec.reward import Reward, inside
from ..spec.rule import Column
from ..spec.selecting import Filter, Rank


def check_judges(plan: Plan, report: Report) -> Plan:
    """Report every stage that measures a model by a trained scorer that had a part in the making of this model, or that is this model."""
    for stage in plan.stages:
        report_self_judged(plan, stage, report)
        for field, index, metric in metrics_of(stage):
            judged = [stage.source(ref) for name in getattr(stage.spec, "judges", ()) if name != field for ref in refs(getattr(stage.spec, name))]
            for scorer in dict.fromkeys(ref for ref in refs(metric) if ref.output.artifact == "scorer"):
                helped = [id for id in dict.fromkeys(judged) if stage.source(scorer) == id or stage.source(scorer) in plan.ancestors(id)]
                if helped:
                    report_judge(stage, f"{field}.{index}", stage.source(scorer), helped, report)
    return plan


def report_self_judged(plan: Plan, stage: Stage, report: Report) -> None:
    """A reward is right about every pair that it ordered itself, and agrees with every score that it gave."""
    if not isinstance(stage.spec, Evaluate):
        return
    data, own = plan[stage.source(stage.spec.data)], Own(stage, stage.spec.models)
    if any(metric.measures == "pairs" for metric in stage.spec.metrics):
        made = handed_on(plan, data)
        told = own.among(*scoring(plan, made)) if isinstance(made.spec, Pair) else ""
        if told:
            report_own(stage, "data", f"measures {told} on pairs that it ordered itself, in `{made.id}`", report)
    for field, index, metric in metrics_of(stage):
        where = f"{field}.{index}"
        told_in = "truth" if getattr(metric, "truth", None) else "reward"
        truth = getattr(metric, told_in, None)
        read = [one.name for _, one in inside(truth) if isinstance(one, Column)] if isinstance(truth, Reward) else []
        made, reward = scoring(plan, data)
        for column in dict.fromkeys(name for name in read if name in ("score", *data.output.labelled)):
            told = own.among(made, reward)
            if told:
                report_own(stage, where, f"measures {told} by the column `{column}`, which it wrote itself, in `{made.id}`", report)
        if isinstance(truth, Reward) and truth in stage.spec.models:
            judged, by = own.name(truth), called(stage, f"{where}.{told_in}", truth)
            report_own(stage, where, f"measures `{judged}` by `{by}`, which is itself", report)


class Own:
    """The rewards that a stage measures."""

    def __init__(self, stage: Stage, models: tuple[Reward | Ref, ...]) -> None:
        self.scorers = {stage.source(ref) for ref in refs(models) if ref.output.artifact == "scorer"}
        self.rules = [(called(stage, f"models.{index}", one), one) for index, one in enumerate(models) if isinstance(one, Reward)]

    def among(self, made: Stage, reward: object) -> str:
        """One of them that is this reward of a stage, or a part of it; empty if none is."""
        scorers = sorted(self.scorers & {made.source(ref) for ref in refs(reward)})
        parts = [one for _, one in inside(reward)] if isinstance(reward, Reward) else []
        return next((f"`{name}`" for name in (*scorers, *(name for name, one in self.rules if one in parts))), "")

    def name(self, reward: Reward) -> str:
        """What one of the rules is called."""
        return next(name for name, one in self.rules if one == reward)


def called(stage: Stage, path: str, reward: Reward) -> str:
    """A reward as the spec declares it, or its kind where it stands in its place."""
    return f"rewards.{stage.names[path]}" if path in stage.names else reward.tag


def scoring(plan: Plan, made: Stage) -> tuple[Stage, object]:
    """The stage that scored these answers or pairs, and its reward; None where nothing did."""
    made = handed_on(plan, made)
    if not isinstance(made.spec, Pair | Label | Rank):
        return made, None
    if made.spec.reward != "labels":
        return made, made.spec.reward
    return scoring(plan, plan[made.source(made.spec.completions)])


def handed_on(plan: Plan, made: Stage) -> Stage:
    """The stage that rows come from as they are, through others that only choose among them."""
    while isinstance(made.spec, Filter):
        made = plan[made.source(made.spec.data)]
    return made


def report_own(stage: Stage, where: str, text: str, report: Report) -> None:
    help = ("judge by another rule, or by a scorer that was trained on other data",)
    report.add("M522", f"`{stage.id}` {text}", stage.place(where), path=(*stage.base.split("."), *where.split(".")), help=help)


def metrics_of(stage: Stage) -> list[tuple[str, int, Metric]]:
    """(field, place in it, metric) of what a stage measures by."""
    found = []
    for field in getattr(stage.spec, "judges", ()):
        value = getattr(stage.spec, field)
        found += [(field, index, one) for index, one in enumerate(value if isinstance(value, tuple) else ()) if isinstance(one, Metric)]
    return found


def report_judge(stage: Stage, where: str, scorer: str, helped: list[str], report: Report) -> None:
    names = " and ".join(f"`{id}`" for id in helped)
    text = f"`{stage.id}` measures {names} by `{scorer}`, " + ("which is itself" if helped == [scorer] else "which had a part in making it")
    help = (
        "measure by a rule, or by a scorer that was trained on other data and chose nothing",
        "if the gap to such a measure is what you are after, say so at the end of the line: `# alignc: allow M522 reason`",
    )
    report.add("M522", text, stage.place(f"{where}.reward") or stage.place(where), path=(*stage.base.split("."), *where.split(".")), help=help)
