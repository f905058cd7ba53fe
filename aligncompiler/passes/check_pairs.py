"""One answer to a prompt gives no pair, and a tree only so many."""

from __future__ import annotations

from ..diagnostic import Report
from ..ir import Plan, Stage
from ..spec.pairing import Pairing
from ..spec.selecting import Rank
from .check_splits import named


def check_pairs(plan: Plan, report: Report) -> Plan:
    """Report every stage that compares the answers to a prompt, where there is only one to each, and every rule that does not fit how they hang together, as
    far as the spec tells."""
    for stage in plan.stages:
        for field, answers in named(stage, "compares"):
            writer = writer_of(plan, stage.source(answers))
            if writer is None:
                continue
            report_misfits(stage, writer, report)
            count = str(getattr(writer.spec, "writes", ""))
            if count and getattr(writer.spec, count) != 1:
                continue
            text = f"`{stage.id}` compares the answers to one prompt, but `{writer.id}` {'writes' if count else 'keeps'} only one"
            place = writer.place(count or "kind")
            also = [(place, "one answer to each prompt")] if place is not None else []
            help = (
                f"raise `{count}` of `{writer.id}` to 2 or more" if count else f"name the answers that `{writer.id}` chooses from",
                "if the data hold the same prompt several times, say so at the end of the line: `# alignc: allow M512 reason`",
            )
            report.add("M512", text, stage.place(field), path=(*stage.base.split("."), field), also=also, help=help)
    return plan


def writer_of(plan: Plan, id: str) -> Stage | None:
    """The stage that wrote the answers which `id` makes or hands on, or keeps one to each prompt; None where they come from elsewhere."""
    stage = plan[id]
    while not getattr(stage.spec, "writes", "") and not isinstance(stage.spec, Rank):
        handed = [ref for _, ref in named(stage, "hands_on")]
        if not handed:
            return None
        stage = plan[stage.source(handed[0])]
    return stage


def report_misfits(stage: Stage, writer: Stage, report: Report) -> None:
    """Report what a rule asks of answers that hang together in another way, at the rule."""
    rule, grows = getattr(stage.spec, "rule", None), str(getattr(writer.spec, "grows", ""))
    if isinstance(rule, Pairing) and grows:
        for problem in rule.fits(getattr(writer.spec, grows)):
            place = writer.place(grows)
            also = [(place, "the answers hang together so")] if place is not None else []
            path = (*stage.base.split("."), "rule", problem.field)
            report.add(problem.code, problem.message, stage.place("rule"), path=path, also=also, help=problem.help)
