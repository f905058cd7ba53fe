"""Workflow commands of GitHub Actions: each problem becomes an annotation at its line."""

from __future__ import annotations

from ..diagnostic import Diagnostic, Report
from ..render import on_disk, visible

DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
PROPERTY = DATA | str.maketrans({":": "%3A", ",": "%2C"})


def render(report: Report) -> str:
    """A line a problem: `::error file=...,line=...,endLine=...,col=...,endColumn=...,title=...::message`."""
    return "\n".join(command(d) for d in report.in_order())


def command(d: Diagnostic) -> str:
    place = d.primary.place if d.primary else None
    message, properties = [d.message, *(f"help: {text}" for text in d.help)], {"title": f"{d.code} {d.name}"}
    if place is not None and (file := on_disk(place.file)) is not None:
        ends = {"line": place.line, "endLine": place.end_line, "col": place.col, "endColumn": place.end_col}
        properties = {"file": file} | {name: str(number) for name, number in ends.items()} | properties
    elif place is not None:
        message[0] = f"{place}: {d.message}"
    written = ",".join(f"{name}={visible(value).translate(PROPERTY)}" for name, value in properties.items())
    return f"::{d.severity} {written}::{visible(chr(10).join(message)).translate(DATA)}"
