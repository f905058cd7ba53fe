"""The front end as one function: spec file -> typed experiment -> plan, with every problem in one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .build import build, join
from .compose import Composed, Filler, compose
from .diagnostic import LIKE_ALLOW, Report, SpecError
from .elaborate import Elaborator, elaborate
from .ir import Plan
from .memo import Memo
from .passes import PASSES, STATIC
from .spec.experiment import Experiment
from .spec.registry import plugin_problems
from .sweep import sweep
from .tree import Node

NOTHING: Mapping[Path, str] = {}


@dataclass(frozen=True)
class Compiled:
    """What came of a spec; the rest is there as far as it could be read.

    In a sweep `experiment`, and `root`, the tree it was typed from, are those of the first cell. `nodes` maps each statement (by identity)
    to its part of the tree. `elaborator` knows the declarations that are right, also where others are at fault.
    """

    report: Report
    experiment: Experiment | None = None
    plan: Plan | None = None
    root: Node | None = None
    nodes: Mapping[int, Node] = field(default_factory=dict)
    elaborator: Elaborator | None = None


def check_profile(path: Path, name: str, report: Report) -> None:
    """Report what is wrong with the spec under a profile that was not asked for: its faults should not wait for the day it is."""
    alone = report.apart()
    elaborate(Filler(alone).tree(compose(path, alone, [name]).tree), alone)
    report.diagnostics += [problem for problem in alone.errors if problem not in report.diagnostics]


def compile_cells(composed: Composed, spec_file: str, report: Report) -> Compiled:
    """The experiment and the plan before any pass, if nothing is wrong."""
    memo, filler = Memo(), Filler(report)
    if "sweep" not in composed.tree.value:
        experiment, elaborator = elaborate(filler.tree(composed.tree), report, memo)
        plan = None if experiment is None or report.errors else build(experiment, elaborator, spec_file)
        return Compiled(report, experiment, plan, elaborator.root, memo.nodes, elaborator)
    first = Compiled(report)
    memo.cells = True
    plans = []
    for point in sweep(composed, report):
        experiment, elaborator = elaborate(filler.tree(point.tree), report, memo)
        if first.root is None:
            first = Compiled(report, experiment, None, elaborator.root, memo.nodes, elaborator)
        if experiment is not None and not report.errors:
            plans.append((point.name, point.values, build(experiment, elaborator, spec_file)))
    return replace(first, plan=join(plans) if plans and not report.errors else None)


def compile_spec(path: Path, profiles: Sequence[str] = (), sets: Sequence[str] = (), static: bool = False, unsaved: Mapping[Path, str] = NOTHING) -> Compiled:
    """Check a spec and plan it; `static` stops before the passes that look at files or at this machine; `unsaved` texts stand for files."""
    report = Report(unsaved=unsaved)
    compiled = front_end(report, path, profiles, sets, static)
    if report.diagnostics and not all(text.isascii() for text in report.sources.values()):
        from .words.lookalikes import told  # needed for such texts alone

        report.diagnostics = [told(problem, report) for problem in report.diagnostics]
    if any(LIKE_ALLOW.search(text) for text in report.sources.values()):
        from .allowances import check_allowances  # needed where one is written alone

        check_allowances(report, None if report.errors or profiles or sets else str(path), static)
    return compiled


def front_end(report: Report, path: Path, profiles: Sequence[str], sets: Sequence[str], static: bool) -> Compiled:
    """All that `compile_spec` does, but for what is said about allowances: only at the end is it known which had an effect."""
    try:
        composed = compose(path, report, profiles, sets)
        made = compile_cells(composed, str(path), report)
        for name in composed.others if made.experiment is not None else ():
            check_profile(path, name, report)
    except SpecError as error:
        report.diagnostics.append(error.diagnostic)
        return Compiled(report)
    for problem in plugin_problems():
        report.add(problem.code, problem.message, None, help=problem.help)
    plan = made.plan
    for one in STATIC if static else PASSES:
        if plan is None or report.errors:
            return replace(made, plan=None)
        plan = one(plan, report)
    return replace(made, plan=None if report.errors else plan)
