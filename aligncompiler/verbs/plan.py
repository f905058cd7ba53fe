"""`alignc plan`: the stages in order, what each makes, and which are done already."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..compile import compile_spec
from ..diagnostic import Paint, as_json, counted
from ..ir import Plan, read_manifest, write_plan
from ..terminal import paint_for, print_json, print_report, say


def plan(args: argparse.Namespace) -> int:
    """Print the plan; 1 if the spec has errors, 3 under `--check` if there is work to do."""
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets)
    print_report(compiled.report)
    made = compiled.plan
    if made is None:
        if args.json:
            print_json({"diagnostics": [as_json(d) for d in compiled.report.in_order()]})
        return 1
    cached = {stage.id: read_manifest(Path(args.store), stage.key) is not None for stage in made.stages}
    if args.output:
        try:
            write_plan(made, Path(args.output))
        except OSError as error:
            say(f"error: `{args.output}` cannot be written: {error.strerror}")
            return 2
        say(f"wrote {args.output}")
    if args.json:
        print_json(made.to_json() | {"cached": cached})
    else:
        print(table(made, cached, paint_for(sys.stdout)))
    return 3 if args.check and not all(cached.values()) else 0


def table(made: Plan, cached: dict[str, bool], paint: Paint) -> str:
    """A line a stage: done or to do, its id, kind, what it makes, what it reads."""
    rows = [(("=" if cached[s.id] else "+"), s.id, s.spec.tag, str(s.output), ", ".join(s.reads) or "-") for s in made.stages]
    widths = [max(len(row[i]) for row in rows) for i in range(4)] if rows else [0] * 4
    lines = [f"{paint(made.name, 'bold')}  on {made.engine.accelerator} in {made.engine.precision}, seed {made.seed}", ""]
    for sign, id, kind, output, reads in rows:
        mark = paint(sign, "help" if sign == "=" else "warning")
        lines.append(f"  {mark} {id.ljust(widths[1])}  {kind.ljust(widths[2])}  {output.ljust(widths[3])}  <- {reads}")
    done = sum(cached.values())
    lines += ["", f"{counted(len(rows), 'stage')}: {done} cached (=), {len(rows) - done} to do (+)"]
    return "\n".join(lines)
