"""`alignc why`: the field that changed, and its line, for every stage that has to run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..compile import compile_spec
from ..planning.reason import Reason, as_json, folded
from ..planning.why import matching, pending, reasons
from ..render import counted, refusal
from ..store.artifacts import complaint
from ..terminal import paint_for, print_json, print_report, say
from ..words.suggest import did_you_mean


def why(args: argparse.Namespace) -> int:
    """Print the reasons; 1 if the spec has errors or the store cannot be read, 2 if there is no such stage."""
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets)
    fault = complaint(Path(args.store))
    if fault:
        compiled.report.add("P605", fault, None, help=("name the folder of a store with `--store`",))
    print_report(compiled.report)
    plan = compiled.plan
    if plan is None or compiled.report.errors:
        if args.json:
            print_json(refusal(compiled.report))
        return 1
    wanted = matching(plan, args.stage) if args.stage else [stage.id for stage in plan.stages]
    if not wanted:
        word = args.stage if "." in args.stage else f"stages.{args.stage}"
        help = "; ".join(did_you_mean(word, dict.fromkeys(stage.base for stage in plan.stages), "stages"))
        say(f"error: the plan has no stage `{args.stage}` ({help})")
        if args.json:
            print_json(refusal(compiled.report))
        return 2
    found = reasons(plan, Path(args.store), Path(args.out))
    chosen = [found[id] for id in wanted]
    if args.json:
        print_json({"stages": [as_json(reason) for reason in chosen]})
    else:
        show(chosen if args.stage else pending(chosen), len(chosen))
    return 0


def show(found: list[Reason], total: int) -> None:
    """One stage in full; of several each root once."""
    paint = paint_for(sys.stdout)
    cached = [reason.text() for reason in found if reason.cached]
    for line in [*cached, *folded(pending(found))] if len(found) > 1 else [line for reason in found for line in reason.text().split("\n")]:
        id = line.partition(" ")[0]
        print(line.replace(id, paint(id, "bold"), 1) if id else line)
    if not found:
        say(f"{paint_for(sys.stderr)('ok', 'help')}  all {counted(total, 'stage')} are cached; nothing has to run")
