"""The front end as one function: spec file -> typed experiment -> plan, with every problem in one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .build import build, join
from .compose import Composed, Filler, apply_profile, compose
from .diagnostic import LIKE_ALLOW, Report, SpecError
from .elaborate import Elaborator, elaborate
from .ir import Plan
from .memo import Memo
from .passes import PASSES, STATIC, run_passes
from .spec.experiment import Experiment
from .spec.registry import plugin_problems
from .tree import Node

NOTHING: Mapping[Path, str] = {}


@dataclass(frozen=True)
class Compiled:
    """What came of a spec; the rest is there as far as it could be read.

    In a sweep `experiment`, and `root`, the tree it was typed from, are those of the first cell. `nodes` maps each statement (by identity)
    to its part of the tree. `elaborator` knows the declarations that are right, also where others are at fault. `composed` is the tree before
    variables were put in their places.
    """

    report: Report
    experiment: Experiment | None = None
    plan: Plan | None = None
    root: Node | None = None
    nodes: Mapping[int, Node] = field(default_factory=dict)
    elaborator: Elaborator | None = None
    composed: Composed | None = None


@dataclass
class Kept:
    """What the trees of one spec have in common: cells of its sweep, and its profiles."""

    memo: Memo
    filler: Filler

    def typed(self, tree: Node, report: Report) -> tuple[Experiment | None, Elaborator]:
        """The typed experiment of a composed tree, None if anything is wrong with it."""
        self.filler.report = report
        return elaborate(self.filler.tree(tree), report, self.memo)


def compile_cells(composed: Composed, spec_file: str, kept: Kept, report: Report) -> Compiled:
    """The experiment, and the plan before any pass of all that is right. A sweep at fault is reported, and the spec typed without it."""
    sound = not report.errors
    if "sweep" not in composed.tree.value:
        experiment, elaborator = kept.typed(composed.tree, report)
        plan = build(experiment, elaborator, spec_file) if experiment is not None and sound else None
        return Compiled(report, experiment, plan, elaborator.root, kept.memo.nodes, elaborator)
    from .sweep import given, sweep  # needed for such specs alone

    first = Compiled(report)
    kept.memo.cells = True
    plans = []
    before, at_fault = report.faults, False
    for point in sweep(composed, report):
        at_fault |= first.root is None and report.faults > before
        alone = report.apart() if at_fault else report
        experiment, elaborator = kept.typed(point.tree, alone)
        if alone is not report:
            report.adopt(problem for problem in alone.diagnostics if not given(composed.tree, problem))
        if first.root is None:
            first = Compiled(report, experiment, None, elaborator.root, kept.memo.nodes, elaborator)
        if experiment is not None and sound:
            plans.append((point.name, point.values, build(experiment, elaborator, spec_file)))
    return replace(first, plan=join(plans) if plans else None)


def check_profiles(composed: Composed, kept: Kept, report: Report) -> None:
    """Report what is wrong with the spec under each profile that was not asked for: its faults should not wait for the day it is."""
    for name in composed.others:
        tree = apply_profile(composed.plain, name, report)
        alone = report.apart()
        if "sweep" in tree.value:
            from .sweep import sweep  # needed for such specs alone

            tree = next((point.tree for point in sweep(replace(composed, tree=tree, set_paths={}), report.apart())), tree)
        experiment, elaborator = kept.typed(tree, alone)
        if experiment is not None:
            run_passes(build(experiment, elaborator, ""), alone, STATIC)
        report.adopt(alone.errors)


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
        kept = Kept(Memo(), Filler(report))
        made = compile_cells(composed, str(path), kept, report)
        plan = None if made.plan is None else run_passes(made.plan, report, STATIC)
        check_profiles(composed, kept, report)
    except SpecError as error:
        report.diagnostics.append(error.diagnostic)
        return Compiled(report)
    for problem in plugin_problems():
        report.add(problem.code, problem.message, None, help=problem.help)
    if plan is not None and not static:
        plan = run_passes(plan, report, PASSES[len(STATIC) :])
    return replace(made, plan=None if report.errors else plan, composed=composed)
