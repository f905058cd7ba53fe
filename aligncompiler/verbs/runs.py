"""`alignc runs`: the runs made here, the newest first."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..diagnostic import Report
from ..render import Paint, refusal
from ..store.run_folder import Run, runs_in
from ..terminal import paint_for, print_json, print_report, say
from ..tree import shortened

FIGURES = 3
STYLES = {"complete": "help", "running": "bold", "interrupted": "warning", "not started": "warning"}


def runs(args: argparse.Namespace) -> int:
    """Print a line a run; 1 if the folder cannot be read. A folder that is not there holds no run."""
    out = Path(args.out)
    try:
        found = runs_in(out) if out.exists() else []
    except OSError as error:
        report = Report()
        report.add("P601", f"the runs in `{out}` cannot be listed: {error.strerror}", None, help=("name the folder of run folders with `--out`",))
        print_report(report)
        if args.json:
            print_json(refusal(report))
        return 1
    if args.json:
        print_json({"runs": [told(run) for run in found]})
    elif found:
        print(table(found, paint_for(sys.stdout)))
    else:
        say(f"there is no run in `{out}`; `alignc run SPEC` makes one")
    return 0


def stages_of(run: Run) -> list[dict[str, Any]]:
    """The stages that a summary tells of, as far as it is whole."""
    stages = run.summary.get("stages")
    return [stage for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []


def figures(run: Run) -> dict[str, Any]:
    """What the last stage that has figures came to: the end of an experiment is what it is about."""
    told = (stage.get("metrics") for stage in reversed(stages_of(run)))
    return next((dict(metrics) for metrics in told if isinstance(metrics, dict) and metrics), {})


def told(run: Run) -> dict[str, Any]:
    """One run as data."""
    stages = stages_of(run)
    cached = sum(bool(stage.get("cached")) for stage in stages)
    counts = {"planned": run.summary.get("planned", len(stages)), "cached": cached, "made": len(stages) - cached}
    head = {"name": run.name, "started": run.when.isoformat(timespec="seconds"), "status": run.status}
    return head | {"stages": counts, "seconds": run.summary.get("seconds"), "figures": figures(run), "run": str(run.folder)}


def number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}" if isinstance(value, float) else shortened(str(value))


def table(found: list[Run], paint: Paint) -> str:
    """A line a run under a line of headings."""
    rows = [("name", "started", "status", "stages", "time", "folder", "figures")]
    for run in found:
        one = told(run)
        counts, seconds = one["stages"], one["seconds"]
        parts = [f"{counts['made']} made"] * bool(counts["made"]) + [f"{counts['cached']} cached"] * bool(counts["cached"])
        done = ", ".join(parts) or "none"
        rest = f" of {counts['planned']}" if counts["planned"] != counts["made"] + counts["cached"] else ""
        shown = list(one["figures"].items())
        some = "  ".join(f"{name} {number(value)}" for name, value in shown[:FIGURES]) + (" ..." if len(shown) > FIGURES else "")
        time = f"{seconds:.1f} s" if isinstance(seconds, int | float) else "-"
        rows.append((run.name, f"{run.when:%Y-%m-%d %H:%M}", run.status, done + rest, time, str(run.folder), some or "-"))
    widths = [*(max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)), 0]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        style = "bold" if row is rows[0] else ""
        if style:
            lines.append(paint("  ".join(cells).rstrip(), style))
        else:
            cells[2] = paint(cells[2], STYLES.get(row[2], "error"))
            lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
