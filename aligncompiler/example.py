"""`show --example`: one row as a stage reads it. The runtime looks it up in a process of its own, `runtime/example.py`; here it is printed."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .compile import compile_spec
from .data_check import NEEDED, add
from .ir import Plan, write_plan
from .render import Paint, counted, refusal, visible
from .terminal import paint_for, print_json, print_report, say
from .words.suggest import did_you_mean

WIDTH = 100  # characters of a line of tokens
MEANT = {
    "answers": "the tokens of the answers are targets",
    "values": "no token is a target: the model gives one value at the end of each answer",
    "steps": "no token is a target: the model gives one value at the end of each answer or step, or of what it is asked there",
    "paths": "no token is a target: an encoder reads each of these by itself, and gives one value at its first token",
    "written": "the model writes the answer itself",
}


def show_example(args: argparse.Namespace) -> int:
    """Print row `--row` of the stage; 1 if the spec or the data has errors, 2 if there is no such stage."""
    if args.part or args.origins:
        say("error: `--example` shows a row; a part of the spec and `--origins` are shown without it")
        return 2
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets)
    plan, report = compiled.plan, compiled.report
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if plan is not None and not report.errors and missing:
        report.add("P606", f"looking up an example needs {', '.join(missing)}", None, help=("pip install 'aligncompiler[runtime]'",))
    if plan is None or report.errors:
        return refused(report, args)
    id = stage_of(plan, args.example)
    if id is None:
        names = [name for stage in plan.stages for name in (stage.base, stage.base.partition(".")[2])]
        say(f"error: there is no stage or dataset `{args.example}` ({'; '.join(did_you_mean(args.example, names, 'stages')) or 'the plan has none'})")
        return 2
    found = looked_up(plan, args, id)
    if "fault" in found:
        add(found["fault"], plan, report)
        return refused(report, args)
    print_report(report)
    if args.json:
        print_json(found["example"])
    else:
        print("\n".join(told(found["example"], paint_for(sys.stdout))))
    return 0


def refused(report: Any, args: argparse.Namespace) -> int:
    print_report(report)
    if args.json:
        print_json(refusal(report))
    return 1


def stage_of(plan: Plan, name: str) -> str | None:
    """The id of what a name stands for, with or without its family; in a sweep the first of its variants."""
    full = [name, f"stages.{name}", f"datasets.{name}"]
    return next((stage.id for wanted in full for stage in plan.stages if wanted in (stage.id, stage.base)), None)


def looked_up(plan: Plan, args: argparse.Namespace, id: str) -> dict[str, Any]:
    """What the runtime found. Raises RuntimeError if it stops, KeyboardInterrupt if it was stopped."""
    with tempfile.TemporaryDirectory(prefix="alignc-show-") as folder:
        plan_file, found = Path(folder) / "plan.json", Path(folder) / "found.json"
        write_plan(plan, plan_file)
        command = [sys.executable, "-m", "runtime.example", str(plan_file), str(found), "--store", str(args.store), "--stage", id, "--row", str(args.row or 0)]
        done = subprocess.run(command, stdout=sys.stderr)
        if done.returncode == 130:
            raise KeyboardInterrupt
        if done.returncode != 0:
            raise RuntimeError(f"looking up the example stopped with exit code {done.returncode}")
        read: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
        return read


def told(example: Mapping[str, Any], paint: Paint) -> list[str]:
    """The lines of an example: what it is, its segments token by token, then its numbers."""
    reads = "" if example["stage"] == example["data"] else f" of {example['data']}, as {example['stage']} reads it"
    count = "" if example["rows"] is None else f" (of 0 to {example['rows'] - 1:,})"
    lines = [paint(f"row {example['row']:,}{count}{reads}", "bold")]
    lines += [f"records before it that are no rows: {', '.join(f'{n:,} x {why}' for why, n in example['passed'].items())}"] if example["passed"] else []
    if "segments" not in example:
        return [*lines, *(f"{name}: {visible(json.dumps(value, ensure_ascii=False))}" for name, value in example["columns"].items() if value is not None)]
    others = example["others"]
    beside = f" (shown as this model reads it, not as {', '.join(others)})" if others else ""
    lines.append(f"tokenizer of {example['model']}{beside}; {MEANT[example['targets']]}")
    parents = [segment["parent"] for segment in example["segments"]]
    for number, segment in enumerate(example["segments"]):
        lines += ["", *of_segment(segment, parents[number] not in parents[number + 1 :], paint)]
    trunks, answers = parents.count(None), len({*range(1, len(parents))} - {*parents})
    shape = f"a trunk with {counted(answers, 'leaf').replace('leafs', 'leaves')}" if answers else "a prompt"
    shape = counted(trunks, "path") if trunks > 1 else shape
    lines += ["", f"{shape}: {counted(example['tokens'], 'token')}, {example['longest']:,} on the longest path, at most {example['limit']:,} are read"]
    lines += [f"{name}: {'not computed yet' if value is None else f'{value:.6g}'}" for name, value in example["numbers"].items()]
    if example["skipped"]:
        lines.append(paint(f"this row would be skipped: {example['skipped']}", "warning"))
    return lines


def of_segment(segment: Mapping[str, Any], last: bool, paint: Paint) -> list[str]:
    """A heading with the place in the tree, the tokens between bars with their line breaks written out, and their ids."""
    tokens = segment["tokens"]
    targets = sum(token["target"] for token in tokens)
    branch = "" if segment["parent"] is None else "└─ " if last else "├─ "
    kind = f"{counted(targets, 'target')}" if targets else "context"
    bar = paint("│", "frame")
    lines = [f"{branch}{paint(segment['name'], 'bold')}: {counted(len(tokens), 'token')}, {kind}"]
    room = "   " if segment["parent"] is not None else ""
    row: list[str] = []
    width = 0
    for token in tokens:
        text = visible(token["text"].replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t"))
        if row and width + len(text) + 1 > WIDTH:
            lines.append(f"{room}  {bar}{bar.join(row)}{bar}")
            row, width = [], 0
        row.append(paint(text, "help") if token["target"] else text)
        width += len(text) + 1
    lines.append(f"{room}  {bar}{bar.join(row)}{bar}")
    ids = " ".join(str(token["id"]) for token in tokens)
    return [*lines, f"{room}  ids {ids}"]
