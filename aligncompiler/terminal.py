"""Manners of the terminal: results on stdout, the rest on stderr, colour only where it is wanted."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from .diagnostic import Report
from .render import Paint, painter, render

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

ESCAPED = "alignc.escaped"


def wants_colour(stream: TextIO) -> bool:
    """NO_COLOR forbids, FORCE_COLOR demands, otherwise colour is for terminals."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint_for(stream: TextIO) -> Paint:
    return painter(wants_colour(stream))


class Outlet(io.FileIO):
    """Where stdout or stderr leads to; it remembers that it could not be written."""

    lost = False

    def write(self, data: Buffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            self.lost = True
            raise


OUTLETS: list[Outlet] = []


def settle_streams() -> None:
    """Let stdout and stderr take every text: what their encoding lacks is written as JSON writes it; what goes to a closed stream is lost."""
    codecs.register_error(ESCAPED, escaped)
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  for as long as the process lasts
        else:
            outlet = Outlet(number, "w", closefd=False)
            OUTLETS.append(outlet)
            lines = name == "stderr" or stream.line_buffering
            setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(outlet), stream.encoding, ESCAPED, line_buffering=lines))


def escaped(error: UnicodeError) -> tuple[str, int]:
    """`\\u00e9` for characters that an encoding lacks, so that JSON stays JSON."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def silenced() -> bool:
    """Whether stdout or stderr could not be written; from then on what goes there is lost."""
    lost = [outlet for outlet in OUTLETS if outlet.lost]
    for outlet in lost:
        os.dup2(os.open(os.devnull, os.O_WRONLY), outlet.fileno())
    return bool(lost)


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
