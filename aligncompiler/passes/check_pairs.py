"""One answer to a prompt gives no pair."""

from __future__ import annotations

from ..diagnostic import Report
from ..ir import Plan, Stage
from .check_splits import named


def check_pairs(plan: Plan, report: Report) -> Plan:
    """Report every stage that compares the answers to a prompt, where there is only one to each, as far as the spec tells."""
    for stage in plan.stages:
        for field, answers in named(stage, "compares"):
            writer = writer_of(plan, stage.source(answers))
            count = str(getattr(writer.spec, "writes", "")) if writer is not None else ""
            if writer is None or getattr(writer.spec, count) != 1:
                continue
            text = f"`{stage.id}` compares the answers to one prompt, but `{writer.id}` writes only one"
            place = writer.place(count)
            also = [(place, "one answer to each prompt")] if place is not None else []
            help = (
                f"raise `{count}` of `{writer.id}` to 2 or more",
                "if the data hold the same prompt several times, say so at the end of the line: `# alignc: allow M512 reason`",
            )
            report.add("M512", text, stage.place(field), path=(*stage.base.split("."), field), also=also, help=help)
    return plan


def writer_of(plan: Plan, id: str) -> Stage | None:
    """The stage that wrote the answers which `id` makes or hands on; None where they come from elsewhere."""
    stage = plan[id]
    while not getattr(stage.spec, "writes", ""):
        handed = [ref for _, ref in named(stage, "hands_on")]
        if not handed:
            return None
        stage = plan[stage.source(handed[0])]
    return stage
