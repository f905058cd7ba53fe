"""`alignc run`: compile, or read a saved plan; see what is done already, and let the runtime do the rest in a process of its own."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..compile import compile_spec
from ..diagnostic import Report, SpecError
from ..ir import Plan, write_plan
from ..process import outcome, start
from ..render import counted, refusal
from ..store.artifacts import complaint, read_manifest, unmade
from ..store.run_folder import PLAN, SUMMARY, hold, read_summary, status_of
from ..terminal import paint_for, print_json, print_report, say
from ..words.suggest import did_you_mean

NEEDED = ("torch", "lightning", "transformers", "datasets", "tokenizers", "peft", "filelock")


def run(args: argparse.Namespace) -> int:
    """Carry out the spec or the saved plan; the exit code of the runtime."""
    spec = Path(args.spec)
    saved = is_plan(spec)
    if saved and (args.sets or args.profiles):
        say("error: a saved plan is carried out as it is; `--set` and `--profile` go to `alignc plan`, which saves another")
        return failed(args, 2, "options that would change a saved plan")
    plan, report = of_plan(spec) if saved else of_spec(args)
    print_report(report)
    if plan is None:
        return failed(args, 1, "the plan cannot be carried out" if saved else "the spec has errors", report)
    if args.only:
        called = {name: called_by(plan, name) for name in args.only}
        unknown = [name for name, found in called.items() if not found]
        if unknown:
            say(f"error: the plan has no stage `{unknown[0]}` ({'; '.join(did_you_mean(unknown[0], [s.id for s in plan.stages], 'stages')) or 'it has none'})")
            return failed(args, 2, f"no stage `{unknown[0]}`")
        plan = narrowed(plan, [id for found in called.values() for id in found])
    folder = run_folder(Path(args.out), plan)
    fault = complaint(Path(args.store))
    if fault:
        return refused(args, "P605", fault, "name a folder with `--store`", "the store cannot be used")
    done = finished(plan, Path(args.store), folder)
    if done is not None:
        report_cached(done, args)
        return 0
    if plan.engine.nodes > 1:
        nodes = plan.engine.nodes
        help = f"`alignc launch {args.spec} --slurm` makes a job of it, `--torchrun` the command for each machine"
        return refused(args, "P610", f"the plan asks for {nodes} machines, and `run` starts one", help, "the plan asks for several machines")
    fault = unmade(Path(args.store))
    if fault:
        return refused(args, "P605", fault, "name a folder with `--store`", "the store cannot be used")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return refused(args, "P606", f"running needs {', '.join(missing)}", "pip install 'aligncompiler[runtime]'", "the runtime is not installed")
    try:
        free = prepared(plan, folder, report)
    except OSError as error:
        say(f"error: `{folder}` cannot be written: {error.strerror}")
        return failed(args, 1, "the run folder cannot be written")
    if not free:
        print_report(report)
        return failed(args, 1, "another process is running this plan", report)
    code = start(plan, folder, Path(args.store), args.json, shlex.join(["alignc", *sys.argv[1:]]))
    ended = Report()
    summary = outcome(plan, folder, code, ended)
    print_report(ended)
    if args.json:
        print_json(summary)
    return int(summary["exit"])  # a launcher of several processes has exit codes of its own


def of_spec(args: argparse.Namespace) -> tuple[Plan | None, Report]:
    """The plan of a spec, and what is to be said of it."""
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets)
    return compiled.plan, compiled.report


def of_plan(path: Path) -> tuple[Plan | None, Report]:
    """A saved plan if it still holds, and what is to be said of it."""
    from ..planning.saved import load_saved, moved

    try:
        saved = load_saved(path)
    except SpecError as error:
        return None, Report(diagnostics=[error.diagnostic])
    report = moved(saved)
    return None if report.errors else saved.plan, report


def is_plan(path: Path) -> bool:
    """Whether a file is meant as a saved plan: by its name, or by its content."""
    return path.suffix == ".json" or says_plan(path)


def says_plan(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            start = stream.read(4096).lstrip()
    except OSError:
        return False
    return start[:1] == b"{" and b'"format": "alignc-plan' in start


def prepared(plan: Plan, folder: Path, report: Report) -> bool:
    """Write the plan into its folder; False, reported, if another process is carrying it out there. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    release = hold(folder, report)
    if release is None:
        return False
    try:
        write_plan(plan, folder / PLAN)
        (folder / SUMMARY).unlink(missing_ok=True)
    finally:
        release()
    return True


def refused(args: argparse.Namespace, code: str, message: str, help: str, why: str) -> int:
    """Report what keeps the runtime from being started."""
    report = Report()
    report.add(code, message, None, help=(help,))
    print_report(report)
    return failed(args, 1, why, report)


def failed(args: argparse.Namespace, code: int, why: str, report: Report | None = None) -> int:
    if args.json:
        print_json({"run": None, "status": "refused", "why": why, "stages": []} | refusal(report or Report()))
    return code


def called_by(plan: Plan, name: str) -> list[str]:
    """Ids of the stages that a name stands for: itself, with or without `stages.`; in a sweep all variants of it."""
    full = [name, f"stages.{name}"]
    exact = [id for id in full if id in plan.by_id]
    return exact[:1] or [stage.id for stage in plan.stages if stage.base in full]


def narrowed(plan: Plan, ids: list[str]) -> Plan:
    """The plan with only these stages and what they need."""
    wanted = set(ids).union(*(plan.ancestors(id) for id in ids))
    cells = tuple(replace(c, stages={base: id for base, id in c.stages.items() if id in wanted}) for c in plan.cells)
    return replace(plan, stages=tuple(s for s in plan.stages if s.id in wanted), cells=cells)


def run_folder(out: Path, plan: Plan) -> Path:
    """One folder for one plan: the same plan leads to the same folder again."""
    digest = hashlib.sha256(json.dumps([(s.id, s.key) for s in plan.stages]).encode()).hexdigest()[:8]
    return out / f"{plan.name}-{digest}"


def finished(plan: Plan, store: Path, folder: Path) -> dict[str, Any] | None:
    """The summary of a run that needs nothing more, or None."""
    summary = read_summary(folder)
    if summary is None or status_of(folder, summary) != "complete" or "report" not in summary or not (folder / "report.html").is_file():
        return None
    if {stage["id"]: stage["key"] for stage in summary["stages"]} != {stage.id: stage.key for stage in plan.stages}:
        return None
    if any(read_manifest(store, stage.key) is None for stage in plan.stages) or not same_plan(plan, folder):
        return None
    return summary | {"stages": [stage | {"cached": True} for stage in summary["stages"]]}


def same_plan(plan: Plan, folder: Path) -> bool:
    """Whether the report shows this very plan, its description and other cosmetics included."""
    try:
        return bool(json.loads((folder / PLAN).read_text(encoding="utf-8")) == json.loads(json.dumps(plan.to_json())))
    except (OSError, ValueError):
        return False


def report_cached(summary: dict[str, Any], args: argparse.Namespace) -> None:
    paint = paint_for(sys.stderr)
    say(f"{paint('ok', 'help')}  all {counted(len(summary['stages']), 'stage')} are cached; nothing to do. Report: {summary['report']}")
    if args.json:
        print_json(summary)
