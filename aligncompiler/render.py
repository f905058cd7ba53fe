"""Diagnostics as text: for a person, for pipes, for programs. Forms that others define lie in `formats/`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from .diagnostic import LINE_BREAK, Diagnostic, Place, Report, Severity, Span

Paint = Callable[[str, str], str]
ANSI = {"error": "1;31", "warning": "1;33", "bold": "1", "frame": "1;34", "help": "36"}


def painter(colour: bool) -> Paint:
    """A function that wraps a text in a colour by its name, or leaves it as it is."""
    return (lambda text, style: f"\x1b[{ANSI[style]}m{text}\x1b[0m") if colour else (lambda text, style: text)


def visible(text: str) -> str:
    """The text with control characters made harmless: a spec from a stranger must not drive the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else " " if c == "\t" else "\ufffd" for c in text)


def on_disk(file: str) -> str | None:
    """A file of a place as other programs can find it: below the current folder its path from there; None for what is no file, such as `--set`."""
    if file.startswith("--set "):
        return None
    path = Path(os.path.normpath(file))
    return path.relative_to(Path.cwd()).as_posix() if path.is_absolute() and path.is_relative_to(Path.cwd()) else path.as_posix()


def source_line(sources: Mapping[str, str], place: Place) -> str | None:
    lines = LINE_BREAK.split(sources.get(place.file, ""))
    return visible(lines[place.line - 1]).replace("\t", " ") if 0 < place.line <= len(lines) else None


def snippet(span: Span, sources: Mapping[str, str], severity: Severity, width: int, paint: Paint) -> list[str]:
    place = span.place
    line = source_line(sources, place)
    if line is None:
        return []
    last = place.end_col if place.end_line == place.line else len(line) + 1
    start = place.col - 1
    length = max(1, min(last, len(line) + 1) - place.col)
    if start > 90:  # a long line: show the neighbourhood of the carets
        line, start = "..." + line[start - 60 :], 63
    if len(line) > 140:
        line, length = line[:137] + "...", min(length, max(1, 137 - start))
    mark = ("^" if span.primary else "-") * length
    style = severity if span.primary else "frame"
    bar = paint("|", "frame")
    return [
        f"{paint(str(place.line).rjust(width), 'frame')} {bar} {line}",
        f"{' ' * width} {bar} {' ' * start}{paint(f'{mark} {visible(span.label)}'.rstrip(), style)}",
    ]


def render_full(report: Report, paint: Paint) -> str:
    """The form for a person: headline, place, the line itself, help."""
    blocks = []
    for d in report.in_order():
        head = paint(f"{d.severity}[{d.code}]", d.severity) + paint(f": {visible(d.message)}", "bold")
        lines = [head]
        width = max((len(str(s.place.line)) for s in d.spans), default=1)
        if d.primary:
            lines.append(f"{' ' * width}{paint('-->', 'frame')} {d.primary.place}")
        file = d.primary.place.file if d.primary else ""
        for number, span in enumerate(sorted(d.spans, key=lambda s: (s.place.file != file, s.place.file, s.place.line))):
            shown = snippet(span, report.sources, d.severity, width, paint)
            if shown and span.place.file != file:
                file = span.place.file
                lines.append(f"{' ' * width}{paint(':::', 'frame')} {span.place}")
            if shown and number == 0:
                lines.append(f"{' ' * width} {paint('|', 'frame')}")
            lines += shown
        lines += [f"{' ' * width} {paint('=', 'frame')} {paint('help:', 'help')} {visible(text)}" for text in d.help]
        blocks.append("\n".join(lines))
    return "\n\n".join([*blocks, summary(report)]) if blocks else ""


def render_concise(report: Report) -> str:
    """One line a problem, `file:line:col: code message`, for pipes and editors."""
    lines = []
    for d in report.in_order():
        where = f"{d.primary.place}: " if d.primary else ""
        first = d.help[0] if d.help else ""
        hint = f" - {first}" if "(" in first else f" ({first})" if first else ""  # brackets within brackets are hard to read
        lines.append(f"{where}{d.severity}[{d.code}]: {visible(d.message)}{visible(hint)}".replace("\n", " "))
    return "\n".join(lines)


def as_json(d: Diagnostic) -> dict[str, Any]:
    """The published form of one diagnostic; lines and columns count from 1."""

    def where(p: Place) -> dict[str, Any]:
        return {"file": p.file, "start": {"line": p.line, "col": p.col}, "end": {"line": p.end_line, "col": p.end_col}}

    return {
        "code": d.code,
        "name": d.name,
        "severity": d.severity,
        "message": d.message,
        "path": list(d.path),
        "spans": [where(s.place) | {"primary": s.primary, "label": s.label} for s in d.spans],
        "help": list(d.help),
        "fixes": [{"title": f.title, "edits": [where(f.place) | {"text": f.text}]} for f in d.fixes],
    }


def refusal(report: Report) -> dict[str, Any]:
    """What a verb gives under `--json` where the spec has errors."""
    return {"diagnostics": [as_json(d) for d in report.in_order()]}


def render_json(report: Report) -> str:
    return json.dumps([as_json(d) for d in report.in_order()], indent=2, ensure_ascii=False)


def counted(number: int, noun: str) -> str:
    """`1 error`, `2 errors`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def summary(report: Report) -> str:
    """The closing sentence: how many problems, and where to read more."""
    errors = len(report.errors)
    warnings = len(report.diagnostics) - errors
    counts = [counted(n, noun) for n, noun in ((errors, "error"), (warnings, "warning")) if n]
    first = next((d for d in report.in_order() if d.severity == "error" or not errors), None)
    return f"{' and '.join(counts)}. More about a code: `alignc explain {first.code}`" if first else ""


FORMATS: dict[str, Callable[[Report, bool], str]] = {
    "full": lambda report, colour: render_full(report, painter(colour)),
    "concise": lambda report, colour: render_concise(report),
    "json": lambda report, colour: render_json(report),
    "github": lambda report, colour: elsewhere("github", report),
    "sarif": lambda report, colour: elsewhere("sarif", report),
}


def elsewhere(form: str, report: Report) -> str:
    """The report in a form of `formats/`, which is imported only then."""
    return str(import_module(f"{__package__}.formats.{form}").render(report))


def render(report: Report, form: str, colour: bool = False) -> str:
    """The report in one of `FORMATS`; empty if there is nothing to say to a person (a log without results to a program)."""
    return FORMATS[form](report, colour)
