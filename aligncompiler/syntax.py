"""PyYAML's complaints in plain words, at the character that a person has to change."""

from __future__ import annotations

import re

import yaml

from .diagnostic import LINE_BREAK, Diagnostic, Place, Span, SpecError

OPENERS = {"'": "quote", '"': "quote", "{": "`{`", "[": "`[`"}


def fail(code: str, message: str, place: Place, help: str = "", also: tuple[Place, str] | None = None) -> SpecError:
    spans = (Span(place),) + ((Span(also[0], also[1], primary=False),) if also else ())
    return SpecError(Diagnostic(code, message, spans, help=(help,) if help else ()))


def indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def syntax_error(error: yaml.MarkedYAMLError, text: str, file: str) -> SpecError:
    """The error with the place and the way out. `text` is the file as the user wrote it."""
    lines = LINE_BREAK.split(text)

    def place(mark: yaml.Mark | None) -> Place:
        line, column = (min(mark.line, len(lines) - 1), mark.column) if mark else (0, 0)
        return Place(file, line + 1, column + 1, line + 1, column + 2)

    here, start = place(error.problem_mark or error.context_mark), place(error.context_mark)
    written = lines[here.line - 1]
    before = written[: here.col - 1]
    if "\t" in written[: indentation(written)]:
        column = written.index("\t") + 1
        tab = Place(file, here.line, column, here.line, column + 1)
        return fail("Y107", "a tab is used for indentation; YAML takes spaces", tab, "replace it by spaces")
    problem = re.sub(r"[\ue000-\ue004]", "?", error.problem or "it cannot be read")
    opener = lines[start.line - 1][start.col - 1 : start.col] if error.context_mark else ""
    if opener in OPENERS and (problem.startswith("did not find expected") or "end of stream" in problem or "document indicator" in problem):
        return fail("Y102", f"this {OPENERS[opener]} is not closed", start, "close it, or quote the whole text", (here, "still open here"))
    if problem in ("did not find expected key", "did not find expected '-' indicator"):
        if before.strip():
            return fail("Y102", "a value ends before this text", here, "quote the whole value", None)
        help = "keys of one mapping, and items of one list, start in the same column"
        return fail("Y102", "this line does not line up with the lines above it", here, help, (start, "which start here"))
    if "mapping values" in problem:
        above = next((line for line in reversed(lines[: here.line - 1]) if line.strip() and not line.lstrip().startswith("#")), "")
        if ": " not in before and indentation(written) > indentation(above):
            first = Place(file, here.line, indentation(written) + 1, here.line, here.col)
            return fail("Y102", "this line is indented deeper than the line above it, which has a value already", first, "line it up with the line above")
        return fail("Y102", "a `:` stands inside an unquoted text", here, "quote the text, or put the second key on a line of its own")
    if "expected ':'" in problem:
        return fail("Y102", "this line has no `:` after its key", start, "write `key: value`")
    if "cannot start any token" in problem:
        return fail("Y102", f"an unquoted text cannot start with {written[here.col - 1 : here.col]!r}", here, "quote the text")
    return fail("Y102", f"this is not YAML: {problem}", here)
