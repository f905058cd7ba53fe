"""`python -m runtime plan.json`: carry out a plan. `alignc run` starts this as a process, or torchrun of this."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import traceback
from pathlib import Path
from typing import Any

from aligncompiler.diagnostic import Report
from aligncompiler.ir import Plan, read_plan
from aligncompiler.terminal import print_report, say

from .console import Console
from .execute import StageFailed, execute, link_artifacts
from .ranks import Ranks
from .store import Artifact, Store
from .work import Stopwatch

Made = dict[str, tuple[Artifact, bool]]


def main() -> int:
    """Run the plan; the exit code."""
    arguments = argparse.ArgumentParser(prog="python -m runtime", description="Carry out a plan.")
    arguments.add_argument("plan", type=Path, help="plan.json; the run folder is the one it lies in")
    arguments.add_argument("--store", type=Path, required=True, help="folder of finished artifacts")
    arguments.add_argument("--quiet-tables", action="store_true", help="leave stdout to whoever started this")
    args = arguments.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started us with it ignored
    plan = read_plan(args.plan)
    ranks = Ranks()
    console = Console(plan, silent=not ranks.first)
    watch = Stopwatch()
    folder = args.plan.parent
    made: Made = {}
    try:
        set_threads(plan)
        if not enough_devices(plan):
            return 1
        store = Store(args.store)
        with console.running():
            execute(plan, store, console, ranks, made)
    except StageFailed as failed:
        return failure(plan, failed, folder, ranks, made)
    except KeyboardInterrupt:
        say(f"\ninterrupted; finished stages are kept. Go on with: alignc run {plan.spec_file}")
        write_summary(folder, {"run": str(folder), "status": "interrupted", "exit": 130, "stages": told(made)})
        return 130
    except OSError as error:
        report = Report()
        report.add("P605", f"the store or the run folder failed: {error}", None, help=("check that the disk has room and that both may be written",))
        print_report(report)
        write_summary(folder, {"run": str(folder), "status": "failed", "exit": 4, "why": str(error), "stages": told(made)})
        return 4
    if ranks.first:
        finish(plan, made, folder, watch.seconds())
        if not args.quiet_tables:
            console.tables(made)
        say(f"\nreport: {folder / 'report.html'}")
    return 0


def set_threads(plan: Plan) -> None:
    if isinstance(plan.engine.threads, int):
        import torch

        torch.set_num_threads(plan.engine.threads)


def finish(plan: Plan, made: Made, folder: Path, seconds: float) -> None:
    """Links, report and summary of a finished run."""
    from .report import write_report

    link_artifacts(made, folder)
    report = folder / "report.html"
    write_report(plan, made, report)
    write_summary(folder, {"run": str(folder), "status": "complete", "exit": 0, "seconds": round(seconds, 2), "report": str(report), "stages": told(made)})


def told(made: Made) -> list[dict[str, Any]]:
    """What the summary says of each stage that is done."""
    found = []
    for id, (artifact, cached) in made.items():
        manifest = artifact.manifest
        facts = {"seconds": manifest["seconds"], "metrics": manifest["summary"], "skipped": manifest["skipped"]}
        found.append({"id": id, "key": manifest["key"], "cached": cached, **facts})
    return found


def enough_devices(plan: Plan) -> bool:
    """Whether this machine has what the plan was made for; otherwise it is said."""
    if plan.engine.accelerator != "cuda":
        return True
    import torch

    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if found >= plan.engine.devices:
        return True
    report = Report()
    text = f"the plan asks for {plan.engine.devices} CUDA device(s); this machine has {found}"
    report.add("P610", text, None, help=("set `engine.accelerator: cpu`, or run where the devices are",))
    print_report(report)
    return False


def write_summary(folder: Path, summary: dict[str, Any]) -> None:
    """Write `run.json` as a whole or not at all."""
    making = folder / f"run.json.{os.getpid()}"
    making.write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(making, folder / "run.json")


# Faults of the input end with 1, faults of a stage with 4.
INPUT_FAULTS = ("P601", "P602", "P603", "P604", "P606", "P607", "P610", "P611")


def failure(plan: Plan, failed: StageFailed, folder: Path, ranks: Ranks, made: Made) -> int:
    """Print what stopped the run, at its place in the spec; of several ranks the first one speaks."""
    fault, stage = failed.fault, failed.stage
    code = 1 if fault.code in INPUT_FAULTS else 4
    if not ranks.first:
        return code
    report = Report()
    place = stage.place(fault.field)
    if place is not None and Path(place.file).is_file():
        report.sources[place.file] = Path(place.file).read_text(encoding="utf-8")
    report.add(fault.code, f"stage `{stage.id}`: {fault.message}", place, path=tuple(stage.id.split(".")), help=fault.help)
    print_report(report)
    write_summary(folder, {"run": str(folder), "status": "failed", "exit": code, "failed": stage.id, "why": fault.message, "stages": told(made)})
    return code


def guarded() -> int:
    """`main`, with an internal error told as one: the traceback goes to a file, its name to the user."""
    try:
        return main()
    except Exception:  # noqa: BLE001  the outermost frame of the process: whatever arrives here is our mistake
        path = Path(sys.argv[1]).parent / "crash.txt"
        path.write_text(traceback.format_exc(), encoding="utf-8")
        say(f"internal error of alignc, not of your spec: {traceback.format_exc().splitlines()[-1]}\nThe details are in {path}; please report them.")
        return 5


if __name__ == "__main__":
    sys.exit(guarded())
