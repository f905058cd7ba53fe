"""`alignc run`: compile, see what is done already, and let the runtime do the rest in a process of its own."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..compile import compile_spec
from ..diagnostic import Report, counted
from ..ir import Plan, read_manifest, write_plan
from ..suggest import did_you_mean
from ..terminal import paint_for, print_json, print_report, say

NEEDED = ("torch", "lightning", "transformers", "datasets", "tokenizers", "peft", "matplotlib", "filelock")


def run(args: argparse.Namespace) -> int:
    """Carry out the spec; the exit code of the runtime."""
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets)
    print_report(compiled.report)
    plan = compiled.plan
    if plan is None:
        return failed(args, 1, "the spec has errors")
    if args.only:
        ids = {s.id for s in plan.stages}
        args.only = [f"stages.{id}" if id not in ids and f"stages.{id}" in ids else id for id in args.only]
        unknown = [id for id in args.only if id not in ids]
        if unknown:
            say(f"error: the plan has no stage `{unknown[0]}` ({'; '.join(did_you_mean(unknown[0], [s.id for s in plan.stages], 'stages')) or 'it has none'})")
            return failed(args, 2, f"no stage `{unknown[0]}`")
        plan = narrowed(plan, args.only)
    folder = run_folder(Path(args.out), plan)
    done = finished(plan, Path(args.store), folder)
    if done is not None:
        report_cached(done, args)
        return 0
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        report = Report()
        report.add("P606", f"running needs {', '.join(missing)}", None, help=("pip install 'aligncompiler[runtime]'",))
        print_report(report)
        return failed(args, 1, "the runtime is not installed")
    try:
        write_plan(plan, folder / "plan.json")
    except OSError as error:
        say(f"error: `{folder}` cannot be written: {error.strerror}")
        return failed(args, 1, "the run folder cannot be written")
    (folder / "run.json").unlink(missing_ok=True)
    code = start(plan, folder, Path(args.store), args.json)
    summary = read_summary(folder) or {"run": str(folder), "status": "failed", "exit": code, "stages": []}
    if args.json:
        print_json(summary)
    return int(summary["exit"])  # a launcher of several processes has exit codes of its own


def failed(args: argparse.Namespace, code: int, why: str) -> int:
    if args.json:
        print_json({"run": None, "status": "refused", "why": why, "stages": []})
    return code


def narrowed(plan: Plan, ids: list[str]) -> Plan:
    """The plan with only these stages and what they need."""
    wanted = set(ids).union(*(plan.ancestors(id) for id in ids))
    return replace(plan, stages=tuple(s for s in plan.stages if s.id in wanted))


def run_folder(out: Path, plan: Plan) -> Path:
    """One folder for one plan: the same plan leads to the same folder again."""
    digest = hashlib.sha256(json.dumps([(s.id, s.key) for s in plan.stages]).encode()).hexdigest()[:8]
    return out / f"{plan.name}-{digest}"


def read_summary(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def finished(plan: Plan, store: Path, folder: Path) -> dict[str, Any] | None:
    """The summary of a run that needs nothing more, or None."""
    summary = read_summary(folder)
    if summary is None or summary.get("status") != "complete" or not (folder / "report.html").is_file():
        return None
    if any(read_manifest(store, stage.key) is None for stage in plan.stages) or not same_plan(plan, folder):
        return None
    return summary | {"stages": [stage | {"cached": True} for stage in summary["stages"]]}


def same_plan(plan: Plan, folder: Path) -> bool:
    """Whether the report shows this very plan, its description and other cosmetics included."""
    try:
        return bool(json.loads((folder / "plan.json").read_text(encoding="utf-8")) == json.loads(json.dumps(plan.to_json())))
    except (OSError, ValueError):
        return False


def report_cached(summary: dict[str, Any], args: argparse.Namespace) -> None:
    paint = paint_for(sys.stderr)
    say(f"{paint('ok', 'help')}  all {counted(len(summary['stages']), 'stage')} are cached; nothing to do. Report: {summary['report']}")
    if args.json:
        print_json(summary)


def start(plan: Plan, folder: Path, store: Path, quiet_tables: bool) -> int:
    """The runtime on `plan.json` as a process of its own session, under torchrun where the plan asks for several devices.

    Signals are passed on, so that stopping `alignc` never leaves the runtime behind.
    """
    module = ["runtime", str(folder / "plan.json"), "--store", str(store), *["--quiet-tables"] * quiet_tables]
    launcher = ["torch.distributed.run", "--standalone", f"--nproc-per-node={plan.engine.devices}", "-m"] if plan.engine.devices > 1 else []
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false"}
    process = subprocess.Popen([sys.executable, "-m", *launcher, *module], env=environment, start_new_session=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a scheduler's stop is wound up like Ctrl-C
    asked = False
    while True:
        try:
            code = process.wait()
            return code if code >= 0 else 130 if asked else 5
        except KeyboardInterrupt:
            process.send_signal(signal.SIGKILL if asked else signal.SIGINT)  # once to wind up, twice to stop at once
            asked = True
