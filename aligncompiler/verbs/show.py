"""`alignc show`: the resolved spec, every default written out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import yaml

from ..compile import compile_spec
from ..diagnostic import as_json
from ..load import scalar
from ..spec.codec import dump, is_ref
from ..suggest import did_you_mean
from ..terminal import print_json, print_report, say


class Writer(yaml.SafeDumper):
    """Writes what our own reader reads back: PyYAML would leave the text `1e5` unquoted, which YAML 1.2 takes for a number."""


def quoted(writer: Writer, text: str) -> yaml.Node:
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=None if isinstance(scalar(text), str) else "'")


Writer.add_representer(str, quoted)


def show(args: argparse.Namespace) -> int:
    """Print the spec, or one part of it, as YAML or JSON."""
    compiled = compile_spec(Path(args.spec), args.profiles, args.sets, static=True)
    print_report(compiled.report)
    if compiled.experiment is None or compiled.report.errors:
        if args.json:
            print_json({"diagnostics": [as_json(d) for d in compiled.report.in_order()]})
        return 1
    value: Any = written(dump(compiled.experiment))
    steps = args.part.split(".") if args.part else []
    while steps:
        inside = value if isinstance(value, dict) else dict(enumerate(value)) if isinstance(value, list) else {}
        cut = next((c for c in range(len(steps), 0, -1) if ".".join(steps[:c]) in inside), 1)  # copies of rounds have dots in their names
        step, steps = ".".join(steps[:cut]), steps[cut:]
        key: Any = int(step) if isinstance(value, list) and step.isdigit() else step
        if key not in inside:
            say(f"error: there is no `{step}` in `{args.part}` ({'; '.join(did_you_mean(step, map(str, inside), 'it has'))})")
            return 2
        value = inside[key]
    if args.json:
        print_json(value)
    else:
        print(yaml.dump(value, Dumper=Writer, sort_keys=False, allow_unicode=True, width=140), end="")
    return 0


def written(value: Any) -> Any:
    """References in the form they are written in."""
    if isinstance(value, dict):
        return "${" + ".".join(value.values()) + "}" if is_ref(value) else {k: written(v) for k, v in value.items()}
    return [written(v) for v in value] if isinstance(value, list) else value
