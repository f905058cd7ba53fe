"""Members side by side need their weights whole, and `strategy: fsdp` gives every process a part of each."""

from __future__ import annotations

from ..diagnostic import Report
from ..ir import Plan
from ..spec.training import Train


def check_shards(plan: Plan, report: Report) -> Plan:
    """Report every training that computes members side by side from shards."""
    for stage in plan.stages if plan.engine.strategy == "fsdp" else ():
        if isinstance(stage.spec, Train) and stage.spec.batch.members_at_once > 1:
            where = "batch.members_at_once"
            text = "members side by side need their weights whole, and `engine.strategy: fsdp` gives every process a part of them"
            path = (*stage.base.split("."), *where.split("."))
            report.add("M507", text, stage.place(where), path=path, help=("remove it", "or choose `strategy: ddp`"))
    return plan
