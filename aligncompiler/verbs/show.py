"""`alignc show`: the resolved spec, every default written out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml

from ..compile import Compiled, compile_spec
from ..diagnostic import Place
from ..flow import Writer, flow, written
from ..origins import Origin, origins
from ..render import counted, refusal
from ..spec.codec import dump
from ..spec.registry import DECLARED
from ..terminal import print_json, print_report, say
from ..tree import shortened
from ..words.suggest import nearest


def show(args: argparse.Namespace) -> int:
    """Print the spec, or one part of it, as YAML or JSON; or one row as a stage reads it."""
    if args.example is not None:
        from ..example import show_example  # needed for this option alone

        return show_example(args)
    if args.row is not None:
        say("error: `--row` counts the rows of a stage: name it with `--example STAGE`")
        return 2
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets, static=True)
    print_report(compiled.report)
    if compiled.experiment is None or compiled.report.errors:
        if args.json:
            print_json(refusal(compiled.report))
        return 1
    if compiled.plan is not None and compiled.plan.cells:
        first, count = compiled.plan.cells[0].name, len(compiled.plan.cells)
        say(f"note: this is the first of {counted(count, 'cell')}, {first}; `--set` of its axes shows another")
    value: Any = written(dump(compiled.experiment))
    steps, above = args.part.split(".") if args.part else [], list[str]()
    while steps:
        inside = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
        cut = next((c for c in range(len(steps), 0, -1) if ".".join(steps[:c]) in inside), 1)  # copies of rounds have dots in their names
        step, steps = ".".join(steps[:cut]), steps[cut:]
        key: Any = int(step) if isinstance(value, list) and step.isdigit() else step
        if key not in inside:
            say(f"error: there is no `{args.part}`: {lacking(above, step, [*map(str, inside)], value)}")
            return 2
        value, above = inside[key], [*above, step]
    if args.origins:
        return show_origins(compiled, args)
    if args.json:
        print_json(value)
    else:
        print(yaml.dump(value, Dumper=Writer, sort_keys=False, allow_unicode=True, width=140).removesuffix("...\n"), end="")
    return 0


def lacking(above: list[str], step: str, inside: list[str], value: Any) -> str:
    """Why a path into the spec ends at `step`, and what there is instead."""
    where = f"`{'.'.join(above)}`" if above else "the spec"
    if not isinstance(value, dict | list):
        return f"{where} is the value {flow(value)}, with nothing inside"
    named = [f"{family}.{step}" for family in DECLARED if step in value[family]] if isinstance(value, dict) and not above else []
    near = named or [".".join([*above, word]) for word in nearest(step, inside)[:3]]
    if near:
        return f"{where} has no `{step}`; did you mean {' or '.join(f'`{word}`' for word in near)}?"
    return f"{where} has {', '.join(inside)}" if inside else f"{where} is empty"


def show_origins(compiled: Compiled, args: argparse.Namespace) -> int:
    """A line a value: the value as YAML, behind it where it comes from."""
    found = [o for o in origins(compiled) if not args.part or f"{o.path}.".startswith(f"{args.part}.")]
    if args.json:
        print_json([origin_json(o) for o in found])
        return 0
    lines = [f"{o.path}: {flow(o.value)}" for o in found]
    width = min(72, max(map(len, lines)))
    for line, origin in zip(lines, found, strict=True):
        print(f"{line.ljust(width)}  # {told(origin)}")
    return 0


def told(origin: Origin) -> str:
    if origin.place is None:
        return "default"
    over = [f"over {shortened(flow(value))} at {place}" if place else f"over the default {flow(value)}" for value, place in origin.overrode]
    return ", ".join([str(origin.place), *([f"named at {origin.via}"] if origin.via else []), *over])


def origin_json(origin: Origin) -> dict[str, Any]:
    def place(at: Place | None) -> Any:
        return "default" if at is None else {"file": at.file, "line": at.line, "col": at.col}

    overrode = [{"value": value, "origin": place(at)} for value, at in origin.overrode]
    via = None if origin.via is None else place(origin.via)
    return {"path": origin.path, "value": origin.value, "origin": place(origin.place), "via": via, "overrode": overrode}
