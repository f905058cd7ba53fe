"""The front end as one function: spec file -> typed experiment -> plan, with every problem in one report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .build import build
from .compose import compose
from .diagnostic import Report, SpecError
from .elaborate import elaborate
from .ir import Plan
from .passes import PASSES, STATIC
from .spec.experiment import Experiment


@dataclass(frozen=True)
class Compiled:
    """What came of a spec; `experiment` and `plan` are there as far as it could be read."""

    report: Report
    experiment: Experiment | None = None
    plan: Plan | None = None


def check_profile(path: Path, name: str, report: Report) -> None:
    """Report what is wrong with the spec under a profile that was not asked for: its faults should not wait for the day it is."""
    alone = Report(report.sources)
    elaborate(compose(path, alone, [name])[0], alone)
    report.diagnostics += [problem for problem in alone.errors if problem not in report.diagnostics]


def compile_spec(path: Path, profiles: Sequence[str] = (), sets: Sequence[str] = (), static: bool = False) -> Compiled:
    """Check a spec and plan it; `static` stops before the passes that look at files or at this machine."""
    report = Report()
    try:
        root, others = compose(path, report, profiles, sets)
        experiment, elaborator = elaborate(root, report)
        for name in others if experiment is not None else ():
            check_profile(path, name, report)
    except SpecError as error:
        report.diagnostics.append(error.diagnostic)
        return Compiled(report)
    if experiment is None or report.errors:
        return Compiled(report)
    plan = build(experiment, elaborator, str(path))
    for one in STATIC if static else PASSES:
        plan = one(plan, report)
        if report.errors:
            return Compiled(report, experiment)
    return Compiled(report, experiment, plan)
