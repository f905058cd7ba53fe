"""What is said of a stage that memory ran out for."""

from __future__ import annotations

from ..diagnostic import Report
from ..ir import Plan
from ..spec.held import held_at_once, less_memory
from .estimate import estimate
from .table import sized

FIXED = "what Python and the libraries take comes on top"


def expected(plan: Plan, id: str) -> str:
    """What the plan says that a stage takes, in words."""
    found = estimate(plan)[id].memory
    if found is None or found.value is None:
        return "its estimate is not known"
    return f"its estimate is {sized(found, 'B')} of tensors, {FIXED}"


def report_memory(plan: Plan, id: str, message: str, report: Report) -> None:
    """Report that memory ran out for a stage: what its estimate is, and what to lower."""
    stage = plan[id]
    field = next(iter(held_at_once(stage.spec)), "")
    path = (*stage.base.split("."), *filter(None, field.split(".")))
    report.add("P626", f"stage `{id}`: {message}; {expected(plan, id)}", stage.place(field), path=path, help=less_memory(stage.spec))
