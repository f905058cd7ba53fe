"""`alignc check`: every problem of a spec, before anything is loaded."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..compile import compile_spec
from ..diagnostic import counted
from ..terminal import paint_for, print_report, say


def check(args: argparse.Namespace) -> int:
    """Print the diagnostics; 1 if there are errors."""
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets, static=True)
    report = compiled.report
    form = "json" if args.json else args.format
    print_report(report, form, sys.stdout)
    if form != "json" and not report.errors and compiled.plan is not None:
        paint = paint_for(sys.stderr)
        say(f"{paint('ok', 'help')}  {args.spec}: {counted(len(compiled.plan.stages), 'stage')}")
    return 1 if report.errors else 0
