"""`alignc explain`: what a diagnostic code, a kind or a field means."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..codes import CODES, Code
from ..diagnostic import Paint
from ..docstrings import FieldDoc, field_docs
from ..spec.base import Kind, Spec
from ..spec.registry import FAMILIES, kinds, singular
from ..spec.slot import slots
from ..suggest import did_you_mean
from ..terminal import paint_for, print_json, say


def explain(args: argparse.Namespace) -> int:
    """Print the explanation; 2 if there is no such topic."""
    by_tag = {tag: cls for family in FAMILIES for tag, cls in kinds(family).items()}
    paint = paint_for(sys.stdout)
    if args.topic is None:
        topics = {singular(family): list(kinds(family)) for family in FAMILIES} | {"code": list(CODES)}
        print_json(topics) if args.json else print("\n".join(f"{paint(k.ljust(10), 'bold')} {', '.join(v)}" for k, v in topics.items()))
        return 0
    first, _, rest = args.topic.partition(".")
    tag, *fields = (rest if first in FAMILIES and rest else args.topic).split(".")
    if tag.upper() in CODES and not fields:
        code = CODES[tag.upper()]
        print_json(code_json(code)) if args.json else print(code_text(code, paint))
        return 0
    if tag not in by_tag:
        say(f"error: nothing is called `{args.topic}` ({did_you_mean(tag, [*by_tag, *CODES], 'topics')[0]})")
        return 2
    cls: type[Spec] = by_tag[tag]
    docs = field_docs(cls)
    for depth, name in enumerate(fields):
        found = [d for d in docs if d.name == name]
        if not found:
            help = "; ".join(did_you_mean(name, [d.name for d in docs], "fields")) or "it has no fields"
            say(f"error: `{'.'.join((tag, *fields[:depth]))}` has no field `{name}` ({help})")
            return 2
        nested = slots(cls)[name].nested
        cls, docs = nested or cls, found + (field_docs(nested) if nested else [])
    print_json(kind_json(by_tag[tag], docs)) if args.json else print(kind_text(by_tag[tag], docs, paint))
    return 0


def code_json(code: Code) -> dict[str, Any]:
    return {"code": code.code, "name": code.name, "severity": code.severity, "why": code.why, "bad": code.bad, "good": code.good}


def code_text(code: Code, paint: Paint) -> str:
    lines = [paint(f"{code.code} {code.name}", "bold") + f" ({code.severity})", "", code.why]
    for title, example in (("Bad", code.bad), ("Good", code.good)):
        if example:
            lines += ["", f"{title}:", "", *("    " + line for line in example.rstrip().splitlines())]
    return "\n".join(lines)


def kind_json(cls: type[Kind], docs: list[FieldDoc]) -> dict[str, Any]:
    fields = [{name: getattr(d, name) for name in FieldDoc.__dataclass_fields__} for d in docs]
    return {"kind": cls.model_fields["kind"].default, "family": cls.family, "text": cls.__doc__, "fields": fields}


def kind_text(cls: type[Kind], docs: list[FieldDoc], paint: Paint) -> str:
    tag = str(cls.model_fields["kind"].default)
    lines = [paint(tag, "bold") + f" ({singular(cls.family)})", "", *(line.strip() for line in (cls.__doc__ or "").strip().splitlines())]
    for d in docs:
        state = "required" if d.required else f"default {json.dumps(d.default, ensure_ascii=False)}"
        unit = f", in {d.unit}" if d.unit else ""
        role = "" if d.role == "semantic" else f", {d.role}"
        lines += ["", f"  {paint(d.name, 'bold')}: {d.takes} ({state}{unit}{role})", f"      {d.text}"]
    return "\n".join(lines)
