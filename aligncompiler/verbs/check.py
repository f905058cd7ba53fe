"""`alignc check`: every problem of a spec, before anything is loaded."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ..compile import Compiled, compile_spec
from ..diagnostic import Report
from ..render import counted, visible
from ..terminal import paint_for, print_report, say

if TYPE_CHECKING:
    from ..apply_fixes import Fixed


def check(args: argparse.Namespace) -> int:
    """Print the diagnostics; 1 if there are errors, 2 if a fix cannot be written."""
    form = "json" if args.json else args.format
    report = Report()
    for spec in args.spec:
        try:
            compiled, fixed = checked(spec, args)
        except OSError as error:
            if not args.fix:
                raise
            say(f"error: `{error.filename or spec}` cannot be written: {error.strerror}")
            return 2
        report.sources |= compiled.report.sources
        report.diagnostics += [d for d in compiled.report.diagnostics if d not in report.diagnostics]
        say_fixed(fixed)
        if form != "json":
            say_state(spec, compiled)
    print_report(report, form, sys.stdout)
    return 1 if report.errors else 0


def checked(spec: str, args: argparse.Namespace) -> tuple[Compiled, list[Fixed]]:
    """What the compiler says of a spec, after `--fix` has mended what it can; and what that was."""

    def compile() -> Compiled:
        return compile_spec(Path(spec), args.profiles, args.sets, static=not args.data)

    if args.fix:
        from ..apply_fixes import apply_fixes  # needed for this option alone

        compiled, fixed = apply_fixes(compile)
    else:
        compiled, fixed = compile(), []
    if args.data:
        from ..data_check import check_data  # needed for this option alone

        check_data(compiled, overridden=bool(args.profiles or args.sets))
    return compiled, fixed


def say_fixed(fixed: list[Fixed]) -> None:
    """What was mended."""
    paint = paint_for(sys.stderr)
    for one in fixed:
        say(f"{paint('fixed', 'help')}  {one.fix.place} {one.diagnostic.code}: {visible(one.fix.title)}")


def say_state(spec: str, compiled: Compiled) -> None:
    """Whether the spec is in order."""
    paint = paint_for(sys.stderr)
    if not compiled.report.errors and compiled.plan is not None:
        cells = f"{counted(len(compiled.plan.cells), 'cell')}, " if compiled.plan.cells else ""
        say(f"{paint('ok', 'help')}  {spec}: {cells}{counted(len(compiled.plan.stages), 'stage')}")
