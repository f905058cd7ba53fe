"""Diagnostics of the compiler as the protocol wants them, and their fixes as quick fixes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from lsprotocol import types

from ..diagnostic import Diagnostic, Fix, Place
from .analysis import Analysis
from .positions import Text

SEVERITY = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}
UNNECESSARY = ("R306",)  # shown faded


def problems(analysis: Analysis) -> dict[Path, list[tuple[Diagnostic, types.Diagnostic]]]:
    """File -> what is wrong in it, as the compiler and as the protocol say it. What has no place is shown at the start of the spec."""
    found: dict[Path, list[tuple[Diagnostic, types.Diagnostic]]] = {path: [] for path in analysis.texts}
    for diagnostic in analysis.compiled.report.in_order():
        place = diagnostic.primary.place if diagnostic.primary else Place(str(analysis.path))
        path = Path(place.file).resolve()
        found.setdefault(path, []).append((diagnostic, published(diagnostic, place, analysis)))
    return found


def published(diagnostic: Diagnostic, place: Place, analysis: Analysis) -> types.Diagnostic:
    related = [
        types.DiagnosticRelatedInformation(types.Location(Path(span.place.file).resolve().as_uri(), range_of(span.place, analysis)), span.label or "see here")
        for span in diagnostic.spans
        if not span.primary
    ]
    return types.Diagnostic(
        range=range_of(place, analysis),
        message="\n".join([diagnostic.message, *(f"help: {text}" for text in diagnostic.help)]),
        severity=SEVERITY[diagnostic.severity],
        code=diagnostic.code,
        source="alignc",
        tags=[types.DiagnosticTag.Unnecessary] if diagnostic.code in UNNECESSARY else None,
        related_information=related or None,
    )


def range_of(place: Place, analysis: Analysis) -> types.Range:
    """The range of a place in one of the texts of a spec."""
    _, written = analysis.texts.get(Path(place.file).resolve(), ("", ""))
    text = Text(written, analysis.encoding)
    return text.range(*text.span(place))


def quick_fixes(analysis: Analysis, path: Path, asked: types.Range, uri_of: dict[Path, str]) -> list[types.CodeAction]:
    """The fixes of the problems that touch a range. A problem with one fix has a preferred one; several are alternatives."""
    return [
        types.CodeAction(
            title=fix.title,
            kind=types.CodeActionKind.QuickFix,
            diagnostics=[shown],
            is_preferred=len(problem.fixes) == 1 and problem.fixes[0].certain,
            edit=edit(fix, analysis, uri_of),
        )
        for problem, shown in problems(analysis).get(path, [])
        if touches(shown.range, asked)
        for fix in problem.fixes
    ]


def edit(fix: Fix, analysis: Analysis, uri_of: dict[Path, str]) -> types.WorkspaceEdit:
    path = Path(fix.place.file).resolve()
    return types.WorkspaceEdit(changes={uri_of.get(path, path.as_uri()): [types.TextEdit(range_of(fix.place, analysis), fix.text)]})


def touches(one: types.Range, other: types.Range) -> bool:
    def key(position: types.Position) -> tuple[int, int]:
        return position.line, position.character

    return key(one.start) <= key(other.end) and key(other.start) <= key(one.end)


def together(found: Iterable[dict[Path, list[tuple[Diagnostic, types.Diagnostic]]]]) -> dict[Path, list[types.Diagnostic]]:
    """What several specs say about each file; what they agree on is said once."""
    merged: dict[Path, dict[str, types.Diagnostic]] = {}
    for one in found:
        for path, said in one.items():
            merged.setdefault(path, {}).update({repr(shown): shown for _, shown in said})
    return {path: list(said.values()) for path, said in merged.items()}
