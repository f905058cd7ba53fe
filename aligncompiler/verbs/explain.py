"""`alignc explain`: what a diagnostic code, a kind or a key means."""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from typing import Any

from ..codes import CODES, Code
from ..manual.docstrings import FieldDoc
from ..manual.topics import Topic, find, known
from ..render import Paint
from ..schema.words import ROLES
from ..spec.registry import plugin_problems
from ..terminal import paint_for, print_json, say
from ..words.wording import PURE

WIDTH = 80


def explain(args: argparse.Namespace) -> int:
    """Print the explanation; 2 if there is no such topic."""
    paint = paint_for(sys.stdout)
    if args.markdown:
        from ..manual.errors_page import errors_page  # needed for this option alone

        page = errors_page()
        print_json({"markdown": page}) if args.json else print(page, end="")
        return 0
    if args.topic is None:
        topics = known() | {"code": list(CODES)}
        warn_of_plugins()
        print_json(topics) if args.json else print(listing(topics, paint))
        return 0
    code = code_called(args.topic)
    if code is not None:
        print_json(code_json(code)) if args.json else print(code_text(code, paint))
        return 0
    try:
        topic = find(args.topic)
    except LookupError as error:
        family = [code for code in CODES if re.fullmatch(rf"{code[0]}\d*", args.topic.upper())]
        say(f"error: there is no code `{args.topic}` (codes: {', '.join(family)})" if family else f"error: {error.args[0]}")
        return 2
    finally:
        warn_of_plugins()
    print_json(topic_json(topic)) if args.json else print(topic_text(topic, paint))
    return 0


def listing(topics: dict[str, list[str]], paint: Paint) -> str:
    """All topics, and how one is asked for."""
    lines = [wrapped(", ".join(words), 11, 0).replace(" " * 11, paint(what.ljust(10), "bold") + " ", 1) for what, words in topics.items()]
    return "\n".join([*lines, "", "One of them: `alignc explain dpo`; a field: `alignc explain dpo.beta`"])


def wrapped(text: str, indent: int = 0, deeper: int = 2) -> str:
    """A paragraph in lines of at most `WIDTH` characters, the first one indented, the others `deeper`; a text that is longer stands alone."""
    return textwrap.fill(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + deeper), break_long_words=False, break_on_hyphens=False)


def warn_of_plugins() -> None:
    """Say what is wrong with the plug-ins that were asked for more kinds."""
    for problem in plugin_problems():
        say(f"warning[{problem.code}]: {problem.message} ({problem.help[0]})")


def code_called(topic: str) -> Code | None:
    """The code with this number or name, in any case."""
    return CODES.get(topic.upper()) or next((code for code in CODES.values() if code.name == topic.lower()), None)


def code_json(code: Code) -> dict[str, Any]:
    facts = {"code": code.code, "name": code.name, "severity": code.severity, "allowable": code.allowable}
    return facts | {"why": code.why, "bad": code.bad, "good": code.good}


def code_text(code: Code, paint: Paint) -> str:
    lines = [paint(f"{code.code} {code.name}", "bold") + f" ({code.severity})", "", wrapped(code.why, deeper=0)]
    for title, example in (("Bad", code.bad), ("Good", code.good)):
        if example:
            lines += ["", f"{title}:", "", *("    " + line for line in example.rstrip().splitlines())]
    if code.allowable:
        lines += ["", "Where it is meant, a comment at the end of the line allows it:", "", f"    # alignc: allow {code.code} reason"]
    return "\n".join(lines)


def topic_json(topic: Topic) -> dict[str, Any]:
    fields = [{name: getattr(d, name) for name in FieldDoc.__dataclass_fields__} for d in topic.fields]
    head = {"kind": topic.name, "family": topic.family} if topic.family else {"topic": topic.name, "what": topic.what, "example": topic.example}
    return head | {"text": topic.text, "fields": fields}


def topic_text(topic: Topic, paint: Paint) -> str:
    lines = [paint(topic.name, "bold") + f" ({topic.what})"]
    lines += ["", *(wrapped(" ".join(part.split()), deeper=0) + "\n" for part in topic.text.split("\n\n"))] if topic.text else []
    lines[-1] = lines[-1].rstrip()
    for d in topic.fields:
        state = ["required" if d.required else f"default {json.dumps(d.default, ensure_ascii=False)}"] if d.role else []
        facts = ", ".join(state + ([f"in {d.unit}"] if d.unit not in PURE else []) + ([ROLES[d.role]] if d.role not in ("", "semantic") else []))
        head = wrapped(f"{d.name}: {d.takes}" + (f" ({facts})" if facts else ""), 2)
        lines += ["", head.replace(d.name, paint(d.name, "bold"), 1), wrapped(d.text, 6, 0)]
    if topic.example:
        lines += ["", "Example:", "", *("    " + line for line in topic.example.rstrip().splitlines())]
    return "\n".join(lines)
