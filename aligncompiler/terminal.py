"""Manners of the terminal: results on stdout, the rest on stderr, colour only where it is wanted."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

from .diagnostic import Report
from .render import Paint, painter, render


def wants_colour(stream: TextIO) -> bool:
    """NO_COLOR forbids, FORCE_COLOR demands, otherwise colour is for terminals."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint_for(stream: TextIO) -> Paint:
    return painter(wants_colour(stream))


def say(text: str) -> None:
    """A line for a person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """One JSON value on one line of stdout."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def print_report(report: Report, form: str | None = None, stream: TextIO | None = None) -> None:
    """The diagnostics, on stderr unless they are the result that was asked for."""
    stream = stream or sys.stderr
    form = form or ("full" if stream.isatty() or os.environ.get("FORCE_COLOR") else "concise")
    text = render(report, form, wants_colour(stream))
    if text:
        print(text, file=stream, flush=True)
