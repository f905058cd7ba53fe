"""Diagnostics as values: what is wrong, where, and a way out; and the renderers that print them.

A phase adds to a `Report` every independent problem it finds and goes on; what depends on something already reported stays silent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .codes import CODES

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of text: file, and line and column of its start and end, counted from 1; the end column is the one after the last."""

    file: str
    line: int = 1
    col: int = 1
    end_line: int = 1
    end_col: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}"


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a message: the primary one carries the carets, the others say why."""

    place: Place
    label: str = ""
    primary: bool = True


@dataclass(frozen=True, slots=True)
class Fix:
    """An edit that would mend the problem: replace the text at `place`."""

    title: str
    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem."""

    code: str
    message: str
    spans: tuple[Span, ...] = ()
    path: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()

    @property
    def name(self) -> str:
        return CODES[self.code].name

    @property
    def severity(self) -> Severity:
        return CODES[self.code].severity

    @property
    def primary(self) -> Span | None:
        return next((span for span in self.spans if span.primary), None)


class SpecError(Exception):
    """A user's error that stops the work at once; carries the diagnostic that says so."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def same(a: Diagnostic, b: Diagnostic) -> bool:
    """Whether two diagnostics are one problem; the copies of a stage in several rounds differ in nothing but the name of the stage."""
    return a == b or (bool(a.spans) and (a.code, a.spans, a.path[2:]) == (b.code, b.spans, b.path[2:]))


@dataclass
class Report:
    """The problems found so far, and the texts that they point into."""

    sources: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def add(
        self,
        code: str,
        message: str,
        place: Place | None,
        *,
        label: str = "",
        path: tuple[str, ...] = (),
        help: Iterable[str] = (),
        also: Iterable[tuple[Place, str]] = (),
        fixes: Iterable[Fix] = (),
    ) -> None:
        spans = [Span(place, label)] if place else []
        spans += [Span(other, why, primary=False) for other, why in also]
        diagnostic = Diagnostic(code, message, tuple(spans), path, tuple(help), tuple(fixes))
        if not any(same(diagnostic, known) for known in self.diagnostics):
            self.diagnostics.append(diagnostic)

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "error"]

    def in_order(self) -> list[Diagnostic]:
        """By file and line; what has no place comes first."""

        def key(d: Diagnostic) -> tuple[str, int, int]:
            return (d.primary.place.file, d.primary.place.line, d.primary.place.col) if d.primary else ("", 0, 0)

        return sorted(self.diagnostics, key=key)


Paint = Callable[[str, str], str]
ANSI = {"error": "1;31", "warning": "1;33", "bold": "1", "frame": "1;34", "help": "36"}


def painter(colour: bool) -> Paint:
    """A function that wraps a text in a colour by its name, or leaves it as it is."""
    return (lambda text, style: f"\x1b[{ANSI[style]}m{text}\x1b[0m") if colour else (lambda text, style: text)


def visible(text: str) -> str:
    """The text with control characters made harmless: a spec from a stranger must not drive the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what libyaml counts as one


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
        for number, span in enumerate(sorted(d.spans, key=lambda s: (s.place.file, s.place.line))):
            shown = snippet(span, report.sources, d.severity, width, paint)
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
        hint = f" ({d.help[0]})" if d.help else ""
        lines.append(f"{where}{d.severity}[{d.code}]: {visible(d.message)}{visible(hint)}".replace("\n", " "))
    return "\n".join(lines)


def as_json(d: Diagnostic) -> dict[str, Any]:
    """The published form of one diagnostic; lines and columns count from 1."""

    def span(s: Span) -> dict[str, Any]:
        p = s.place
        ends = {"start": {"line": p.line, "col": p.col}, "end": {"line": p.end_line, "col": p.end_col}}
        return {"file": p.file, **ends, "primary": s.primary, "label": s.label}

    fixes = [{"title": f.title, "edits": [span(Span(f.place)) | {"text": f.text}]} for f in d.fixes]
    return {
        "code": d.code,
        "name": d.name,
        "severity": d.severity,
        "message": d.message,
        "path": list(d.path),
        "spans": [span(s) for s in d.spans],
        "help": list(d.help),
        "fixes": fixes,
    }


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
    return f"{' and '.join(counts)}. More about a code: `alignc explain {report.in_order()[0].code}`" if counts else ""


FORMATS = ("full", "concise", "json")


def render(report: Report, form: str, colour: bool = False) -> str:
    """The report in one of `FORMATS`; empty if there is nothing to say (`[]` in JSON)."""
    if form == "json":
        return render_json(report)
    return render_full(report, painter(colour)) if form == "full" else render_concise(report)
