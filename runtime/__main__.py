"""`python -m runtime plan.json`: carry out a plan. `alignc run` starts this as a process, or torchrun of this."""

from __future__ import annotations

import gc

from .interrupts import STARTING, Interrupts

if __name__ == "__main__":
    STARTING.listen()
    gc.disable()  # until all is imported: millions of objects that stay would be looked through again and again

import argparse
import os
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from time import sleep
from typing import Any

from aligncompiler.diagnostic import Report
from aligncompiler.ir import NotAPlan, Plan, read_plan
from aligncompiler.spec.codec import UnknownKind
from aligncompiler.spec.registry import plugin_problems
from aligncompiler.store.resume import half_done
from aligncompiler.store.run_folder import begun, hold, now, write_summary
from aligncompiler.streams import settle_streams, silenced
from aligncompiler.terminal import print_report, say

from .console import Console
from .demands import demands
from .execute import Made, StageFailed, execute, link_artifacts
from .lowering import lower
from .memory import OUT_OF_MEMORY
from .parent import end_with_parent
from .ranks import FirstEnded, Ranks
from .store import Store
from .work import Stopwatch

FIRST_SPEAKS = 20.0  # seconds that other ranks wait before they tell a fault: where all have it, the first ends meanwhile, and torchrun ends them
BEFORE = "interrupted before the first stage; what earlier runs finished is kept"
DRAWING, SHARE = 5.0, 0.02  # seconds, and the part of the time of a run, that reports may take before its end


def main() -> int:
    """Run the plan; the exit code."""
    arguments = argparse.ArgumentParser(prog="python -m runtime", description="Carry out a plan.")
    arguments.add_argument("plan", type=Path, help="plan.json; the run folder is the one it lies in")
    arguments.add_argument("--store", type=Path, required=True, help="folder of finished artifacts")
    arguments.add_argument("--quiet-tables", action="store_true", help="leave stdout to whoever started this")
    arguments.add_argument("--end-with-parent", action="store_true", help="end when stdin does: its other end is held by whoever started this")
    arguments.add_argument("--command", default="", help="what was typed to start the run, for its report")
    args = arguments.parse_args()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not sys.warnoptions:  # nobody asked for more
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")  # told to its callers among libraries: old names that peft uses
    Interrupts(at_once=True).listen()  # a shell may have started us with Ctrl-C ignored
    if args.end_with_parent:
        end_with_parent()
    report = Report()
    ranks = Ranks()
    try:
        if STARTING.asked:
            raise KeyboardInterrupt
        plan = read_plan(args.plan)
        release = hold(args.plan.parent, report) if ranks.first else None
    except KeyboardInterrupt:
        if ranks.first:
            say(f"\n{BEFORE}. Go on with: {args.command or 'the same command'}")
        return 130
    except UnknownKind as error:
        return unknown_kind(error, ranks)
    except NotAPlan as error:
        report.add("P615", f"`{args.plan}` is no plan that can be carried out: {error}", None, help=("`alignc run SPEC` makes one and carries it out",))
    except OSError as error:
        report.add("P601", f"the run folder `{args.plan.parent}` cannot be used: {error.strerror}", None, help=("name a plan in a folder that may be written",))
    if report.errors:
        print_report(report)
        return 1
    try:
        return carry_out(plan, args, ranks)
    finally:
        if release is not None:
            release()


def carry_out(plan: Plan, args: argparse.Namespace, ranks: Ranks) -> int:
    """Run the plan, whose folder is held; the exit code."""
    console = Console(plan, silent=not ranks.first)
    folder = args.plan.parent
    made: Made = {}
    summary = Summary(folder, plan, made, ranks.first, args.command)
    try:
        summary.write("running")
        set_threads(plan)
        missing = demands(plan, ranks.world)
        if missing.errors:
            if not ranks.first:
                sleep(FIRST_SPEAKS)
            print_report(missing)
            summary.write("failed", 1, why=missing.errors[0].message)
            return 1
        store = Store(args.store)
        with Interrupts(at_once=False):  # torch and much else is imported here
            refused = [StageFailed(stage, fault) for stage, fault in lower(plan, store.root)]
        if refused:
            return failure(refused, ranks, summary, args.end_with_parent)
        if not gc.isenabled():  # what the stages need is imported now, and never looked through again
            gc.freeze()
            gc.enable()
        with console.running(), store.using(plan) if ranks.first else nullcontext():
            execute(plan, store, console, ranks, made, str(folder), summary.making)
    except StageFailed as failed:
        return failure([failed], ranks, summary, args.end_with_parent)
    except FirstEnded:
        sleep(FIRST_SPEAKS)  # torchrun ends this process before, as the first one ended
        return 4
    except KeyboardInterrupt:
        summary.write("interrupted", 130)  # before a word is said: the terminal may be gone
        if ranks.first:
            say(f"\n{what_is_kept(plan, made, summary.at, args.store)}. Go on with: {args.command or f'alignc run {plan.spec_file}'}")
            summary.say_page()
        return 130
    except OSError as error:
        if silenced() or isinstance(error, BrokenPipeError):  # who reads what is said has gone, and wants no more
            summary.write("interrupted", 130)
            return 130
        report = Report()
        where = f" while `{summary.at}` was made" if summary.at else ""
        help = ("check that the disk has room and that both may be written; what was finished is kept",)
        report.add("P605", f"the store or the run folder failed{where}: {error}", None, help=help)
        print_report(report)
        with suppress(OSError):  # of the same disk, maybe
            summary.write("failed", 4, why=str(error), **({"failed": summary.at} if summary.at else {}))
        summary.say_page()
        return 4
    except Exception as error:  # told by `guarded`; whoever reads the summary should not find a run that goes on
        with suppress(Exception):  # what went wrong may go wrong again
            summary.write("failed", 5, why=f"internal error: {type(error).__name__}: {error}", **({"failed": summary.at} if summary.at else {}))
        raise
    if ranks.first:
        summary.write("complete", 0)
        if not args.quiet_tables:
            console.tables(made)
        summary.say_page()
    return 0


def what_is_kept(plan: Plan, made: Made, at: str, store: Path) -> str:
    """What the next run finds of this one, which was interrupted at a stage or, where `at` is empty, between two or before the first."""
    if not made and not at:
        return BEFORE
    finished = f"finished stages are kept ({len(made)} of {len(plan.stages)})" if made else "no stage is finished"
    if not at or at in made:
        return f"interrupted; {finished}"
    kept = half_done(store, plan[at].key)
    return f"interrupted; {finished}, and `{at}` {f'is saved at {kept}' if kept else 'starts again from its beginning'}"


def set_threads(plan: Plan) -> None:
    if isinstance(plan.engine.threads, int):
        import torch

        torch.set_num_threads(plan.engine.threads)


class Summary:
    """What `run.json` says of a run, from its start, and its report; the first of several ranks writes both."""

    def __init__(self, folder: Path, plan: Plan, made: Made, writes: bool, command: str) -> None:
        self.folder = folder
        self.plan = plan
        self.made = made
        self.at = ""
        self.page: Path | None = None
        self.drawing = 0.0  # seconds that reports have taken before the end
        self.writes = writes
        self.head = begun(folder, plan.name, plan.spec_file, len(plan.stages)) | ({"command": command} if command else {})
        self.watch = Stopwatch()

    def making(self, id: str) -> None:
        """The run goes on, with this stage or between stages. A report of what is there is left for the case that the process is killed."""
        self.at = id
        self.write("running", **({"stage": id} if id else {}))
        if id and self.writes and self.drawing <= DRAWING + SHARE * self.watch.seconds():
            watch = Stopwatch()
            with suppress(OSError):  # told where it matters, at the end
                self.draw(self.head | {"status": "running", "seconds": self.watch.seconds(), "stage": id, "written": now()})
            self.drawing += watch.seconds()

    def write(self, status: str, exit: int | None = None, **more: Any) -> None:
        """How the run stands; with an exit code, how it ended, told in the report as well."""
        end = {} if exit is None else {"exit": exit, "ended": now(), "seconds": round(self.watch.seconds(), 2)}
        whole = self.head | {"status": status} | end | more
        if not self.writes:
            return
        write_summary(self.folder, whole | {"stages": told(self.made)})
        if exit is not None:
            self.page = page = self.report(whole | ({"stage": self.at} if self.at else {}))
            write_summary(self.folder, whole | ({"report": str(page)} if page else {}) | {"stages": told(self.made)})

    def say_page(self) -> None:
        """Where the report lies."""
        if self.page is not None:
            say(f"\nreport: {self.page}")

    def report(self, ending: Mapping[str, Any]) -> Path | None:
        """The report and the links beside it; None, said, where they cannot be written."""
        try:
            return self.draw(ending)
        except OSError as error:
            say(f"the report cannot be written: {error}")
            return None

    def draw(self, standing: Mapping[str, Any]) -> Path:
        """The report of what is made so far, and the links beside it. Raises OSError."""
        from .report.page import write_report

        link_artifacts(self.made, self.folder)
        return write_report(self.plan, self.made, self.folder, standing)


def told(made: Made) -> list[dict[str, Any]]:
    """What the summary says of each stage that is done."""
    found = []
    for id, (artifact, cached) in made.items():
        manifest = artifact.manifest
        facts = {"seconds": manifest["seconds"], "metrics": manifest["summary"], "skipped": manifest["skipped"]}
        found.append({"id": id, "key": manifest["key"], "cached": cached, **facts})
    return found


# Faults of the input end with 1, faults of a stage with 4.
INPUT_FAULTS = ("P601", "P602", "P603", "P604", "P606", "P607", "P610", "P611", "P613", "P618", "P621", "P630", "P634")


def failure(failed: Sequence[StageFailed], ranks: Ranks, summary: Summary, estimated: bool) -> int:
    """Print what stopped the run, at its place in the spec; of several ranks the first one speaks. That memory ran out is printed by who started
    us and can estimate how much a stage takes, if somebody did."""
    first = failed[0]
    code = 1 if first.fault.code in INPUT_FAULTS else 4
    memory = first.fault.code == OUT_OF_MEMORY
    if memory and estimated and ranks.first:
        summary.write("failed", code, failed=first.stage.id, why=first.fault.message, cause=OUT_OF_MEMORY)
        return code
    if not ranks.first and not memory:
        sleep(FIRST_SPEAKS)
    report = Report()
    problems = []
    for one in failed:
        fault, stage = one.fault, one.stage
        place = stage.place(fault.field)
        if place is not None and Path(place.file).is_file():
            report.sources[place.file] = Path(place.file).read_text(encoding="utf-8")
        lines = report.sources[place.file].splitlines() if place is not None and place.file in report.sources else []
        source = lines[place.line - 1] if place is not None and place.line <= len(lines) else ""
        where = str(place) if place is not None else ""
        problems.append({"code": fault.code, "message": f"stage `{stage.id}`: {fault.message}", "place": where, "source": source, "help": list(fault.help)})
        report.add(
            fault.code, f"stage `{stage.id}`: {fault.message}", place, path=(*stage.base.split("."), *filter(None, fault.field.split("."))), help=fault.help
        )
    print_report(report)
    summary.write("failed", code, failed=first.stage.id, why=first.fault.message, cause=first.fault.code, problems=problems)
    summary.say_page()
    return code


def unknown_kind(error: UnknownKind, ranks: Ranks) -> int:
    """Say that the plan was made where a plug-in was installed that is missing here, or cannot be loaded."""
    if ranks.first:
        report = Report()
        report.add("P621", str(error), None, help=("install the plug-in that the plan was made with",))
        for problem in plugin_problems():
            report.add(problem.code, problem.message, None, help=problem.help)
        print_report(report)
    return 1


def guarded() -> int:
    """`main`, with an internal error told as one: the traceback goes to a file, its name to the user."""
    settle_streams()
    try:
        return main()
    except KeyboardInterrupt:  # before or after the plan was carried out
        silenced()
        return 130
    except BrokenPipeError:
        return 130 if silenced() else 5
    except Exception:  # noqa: BLE001  the outermost frame of the process: whatever arrives here is our mistake
        path = Path(sys.argv[1]).parent / "crash.txt"
        path.write_text(traceback.format_exc(), encoding="utf-8")
        say(f"internal error of alignc, not of your spec: {traceback.format_exc().splitlines()[-1]}\nThe details are in {path}; please report them.")
        return 5


if __name__ == "__main__":
    sys.exit(guarded())
