"""SARIF 2.1.0, the form in which services that watch code take the findings of a checker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .. import __version__
from ..codes import CODES
from ..diagnostic import Diagnostic, Fix, Place, Report, Span
from ..render import on_disk, visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render(report: Report) -> str:
    """A log with one run: the codes that occur as rules, the diagnostics as results."""
    found = report.in_order()
    codes = sorted({d.code for d in found})
    driver = {"name": "alignc", "version": __version__, "rules": [rule(code) for code in codes]}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": [result(d, codes.index(d.code)) for d in found]}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def rule(code: str) -> dict[str, Any]:
    known = CODES[code]
    examples = [(title, text.rstrip()) for title, text in (("Bad", known.bad), ("Good", known.good)) if text]
    plain = "\n\n".join([known.why, *(f"{title}:\n\n{text}" for title, text in examples)])
    marked = "\n\n".join([known.why, *(f"{title}:\n\n```yaml\n{text}\n```" for title, text in examples)])
    return {
        "id": code,
        "name": known.name,
        "shortDescription": {"text": known.name.replace("-", " ")},
        "fullDescription": {"text": known.why},
        "help": {"text": plain, "markdown": marked},
        "defaultConfiguration": {"level": known.severity},
    }


def result(d: Diagnostic, index: int) -> dict[str, Any]:
    """One diagnostic; a place that is no file of the disk, such as that of `--set`, is named in the message."""
    lines = [visible(d.message), *(f"help: {visible(text)}" for text in d.help)]
    if d.primary and on_disk(d.primary.place.file) is None:
        lines[0] = f"{visible(str(d.primary.place))}: {lines[0]}"
    made: dict[str, Any] = {"ruleId": d.code, "ruleIndex": index, "level": d.severity, "message": {"text": "\n".join(lines)}}
    where = {"logicalLocations": [{"fullyQualifiedName": ".".join(d.path)}]} if d.path else {}
    primary = [physical(s.place) for s in d.spans if s.primary and on_disk(s.place.file) is not None]
    if primary or where:
        made["locations"] = [one | where for one in primary or [{}]]
    others = [s for s in d.spans if not s.primary and on_disk(s.place.file) is not None]
    if others:
        made["relatedLocations"] = [related(number, span) for number, span in enumerate(others, 1)]
    fixes = [fix(f) for f in d.fixes if on_disk(f.place.file) is not None]
    return made | ({"fixes": fixes} if fixes else {})


def related(number: int, span: Span) -> dict[str, Any]:
    return {"id": number} | physical(span.place) | ({"message": {"text": visible(span.label)}} if span.label else {})


def physical(place: Place) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": artifact(place.file), "region": region(place)}}


def region(place: Place) -> dict[str, int]:
    return {"startLine": place.line, "startColumn": place.col, "endLine": place.end_line, "endColumn": place.end_col}


def artifact(file: str) -> dict[str, str]:
    path = Path(on_disk(file) or file)
    return {"uri": path.as_uri() if path.is_absolute() else quote(path.as_posix())}


def fix(f: Fix) -> dict[str, Any]:
    change = {"artifactLocation": artifact(f.place.file), "replacements": [{"deletedRegion": region(f.place), "insertedContent": {"text": f.text}}]}
    return {"description": {"text": f.title}, "artifactChanges": [change]}
