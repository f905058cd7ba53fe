"""A scorer must not measure what was made with its help."""

from __future__ import annotations

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.answering import Pair
from ..spec.codec import refs
from ..spec.measuring import Evaluate
from ..spec.metric import Metric


def check_judges(plan: Plan, report: Report) -> Plan:
    """Report every stage that measures a model by a trained scorer that had a part in the making of this model, or that is this model."""
    for stage in plan.stages:
        report_own_pairs(plan, stage, report)
        for field, index, metric in metrics_of(stage):
            judged = [stage.source(ref) for name in getattr(stage.spec, "judges", ()) if name != field for ref in refs(getattr(stage.spec, name))]
            for scorer in dict.fromkeys(ref for ref in refs(metric) if ref.output.artifact == "scorer"):
                helped = [id for id in dict.fromkeys(judged) if stage.source(scorer) == id or stage.source(scorer) in plan.ancestors(id)]
                if helped:
                    report_judge(stage, f"{field}.{index}", stage.source(scorer), helped, report)
    return plan


def report_own_pairs(plan: Plan, stage: Stage, report: Report) -> None:
    """A scorer is right about every pair that it ordered itself."""
    if not isinstance(stage.spec, Evaluate) or not any(metric.measures == "pairs" for metric in stage.spec.metrics):
        return
    data = stage.source(stage.spec.data)
    judged = {stage.source(ref) for ref in refs(stage.spec.models) if ref.output.artifact == "scorer"}
    for made in (plan[id] for id in (data, *plan.ancestors(data)) if isinstance(plan[id].spec, Pair)):
        own = sorted(judged & {made.source(ref) for ref in refs(made.spec)})
        if own:
            text = f"`{stage.id}` measures `{own[0]}` on pairs that it ordered itself, in `{made.id}`"
            help = ("order the pairs by a rule, or by a scorer that was trained on other data",)
            report.add("M522", text, stage.place("data"), path=(*stage.base.split("."), "data"), help=help)


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
