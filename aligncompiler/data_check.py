"""`check --data`: what a run would find in the data. The reading is done by the runtime in a process of its own, `runtime/examine.py`."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .compile import Compiled
from .diagnostic import ALLOW, Report
from .ir import Plan, Stage, write_plan
from .passes.check_splits import report_shared
from .terminal import say

NEEDED = ("torch", "transformers", "datasets", "tokenizers", "pyarrow")


def check_data(compiled: Compiled, overridden: bool = False) -> None:
    """Add what is wrong with the data to the report, and tell on stderr what was read. Does nothing where there is no plan.

    Where values of the spec are `overridden`, nothing is said of allowances without effect.
    """
    plan, report = compiled.plan, compiled.report
    if plan is None:
        return
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        report.add("P606", f"reading the data needs {', '.join(missing)}", None, help=("pip install 'aligncompiler[runtime]'",))
        return
    found = examined(plan)
    for fault in found["faults"]:
        add(fault, plan, report)
    check_rows(found, plan, report)
    read = {line["id"] for line in found["datasets"]}
    whole = read == {stage.id for stage in plan.stages if stage.spec.family == "datasets"} and not (report.errors or overridden)
    if whole and ALLOW in report.sources.get(plan.spec_file, ""):
        from .allowances import check_shared  # needed where one is written alone

        check_shared(report, plan.spec_file)
    for line in found["datasets"]:
        say(described(line))
    for note in found["notes"]:
        say(f"note: {note}")


def examined(plan: Plan) -> dict[str, Any]:
    """The findings of the runtime on a plan. Raises RuntimeError if it stops, KeyboardInterrupt if it was stopped."""
    with tempfile.TemporaryDirectory(prefix="alignc-check-") as folder:
        plan_file, findings = Path(folder) / "plan.json", Path(folder) / "findings.json"
        write_plan(plan, plan_file)
        done = subprocess.run([sys.executable, "-m", "runtime.examine", str(plan_file), str(findings)], stdout=sys.stderr)
        if done.returncode == 130:
            raise KeyboardInterrupt
        if done.returncode != 0:
            raise RuntimeError(f"reading the data stopped with exit code {done.returncode}")
        found: dict[str, Any] = json.loads(findings.read_text(encoding="utf-8"))
        return found


def add(fault: Mapping[str, Any], plan: Plan, report: Report) -> None:
    """A fault of the runtime as a diagnostic at its place in the spec."""
    stage = plan[fault["stage"]]
    path = (*stage.base.split("."), *filter(None, fault["field"].split(".")))
    report.add(fault["code"], fault["message"], stage.place(fault["field"]), path=path, help=fault["help"])


def check_rows(found: Mapping[str, Any], plan: Plan, report: Report) -> None:
    """Report every stage that measures on rows whose prompts were learned from, whatever file they stand in."""
    shared = {(line["id"], line["with"]): f"{line['rows']:,} of whose {line['of']:,} rows have a prompt" for line in found["shared"]}

    def by_row(test: Stage, train: Stage) -> str:
        return f"{shared[test.id, train.id]} of `{train.id}`" if (test.id, train.id) in shared else ""

    report_shared(plan, report, by_row)


def described(line: Mapping[str, Any]) -> str:
    """A dataset in a line: how many rows, which columns, how long."""
    rows = f"{line['rows'] - line['skipped']:,} of {line['rows']:,} rows" if line["skipped"] else f"{line['rows']:,} rows"
    columns = ", ".join(f"{name} {kind}" for name, kind in line["columns"].items())
    tokens = [f"tokens of {model}: p50 {n['p50']:,}, p95 {n['p95']:,}, max {n['max']:,}" for model, n in line["tokens"].items()]
    return "  ".join([line["id"], rows, columns, *tokens])
