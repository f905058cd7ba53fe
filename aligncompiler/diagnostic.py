"""Diagnostics as values: what is wrong, where, and a way out. `render.py` prints them.

A phase adds to a `Report` every independent problem it finds and goes on; what depends on something already reported stays silent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from .codes import Code

Severity = Literal["error", "warning"]
LINE_BREAK = re.compile("\r\n|[\n\r]")
MAX_PROBLEMS = 500  # nobody reads more, and a hostile file could hold tens of thousands
ALLOW = "alignc: allow"  # a text without it holds no allowance
# A text without it holds no comment that could be a misspelt one: two words and a code, or a word and `allow`.
LIKE_ALLOW = re.compile(r"#+[ \t]*(?P<who>\w{4,9})[ \t]*(?P<sign>[:;=.,-]?)[ \t]*(?P<verb>allow\b|\w{3,10}(?=\W+[ycrsmpd]\d{3}\b))", re.IGNORECASE)


@cache
def code_of(code: str) -> Code:
    """What is known of a code; a spec without faults never loads the explanations."""
    found: Code = import_module(f"{__package__}.codes").CODES[code]
    return found


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
    """An edit that would mend the problem: replace the text at `place`. Only what is `certain` is done without asking."""

    title: str
    place: Place
    text: str
    certain: bool = True


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
        return code_of(self.code).name

    @property
    def severity(self) -> Severity:
        return code_of(self.code).severity

    @property
    def primary(self) -> Span | None:
        return next((span for span in self.spans if span.primary), None)


@lru_cache(maxsize=4)
def lines_of(text: str) -> list[str]:
    """The lines of a text, cut once: a hostile file has a problem on each of many."""
    return LINE_BREAK.split(text)


class SpecError(Exception):
    """A user's error that stops the work at once; carries the diagnostic that says so."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def same(a: Diagnostic, b: Diagnostic) -> bool:
    """Whether two diagnostics are one problem: the copies of a stage in rounds and cells, or the places where one value is used, are not several."""
    alike = bool(a.spans) and (a.code, a.spans) == (b.code, b.spans)
    return a == b or (alike and (a.message == b.message or (a.path[2:] == b.path[2:] and original(a.path) == original(b.path))))


def original(path: tuple[str, ...]) -> tuple[str, ...]:
    """The path of a declaration without the numbers of rounds and the cell of a sweep."""
    return tuple(re.sub(r"\.\d+(?=\.)|\[.*", "", step) for step in path[:2])


@dataclass(slots=True)
class Allowance:
    """One comment: the code it names, the reason it gives, the line it is about, and the place of the whole comment."""

    code: str
    reason: str
    line: int
    place: Place
    word: Place
    used: bool = False


@dataclass
class Report:
    """The problems found so far, and the texts that they point into. What a comment in these texts allows is no problem.

    `unsaved` are texts that stand for files, by absolute path: what an editor shows goes before what is on the disk.
    `faults` counts the errors that were added, known before or not: in a sweep the faults of one cell are those of the next. `files` holds the
    first `filed` of `diagnostics` by code and spans.
    """

    sources: dict[str, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    allowances: dict[str, list[Allowance]] = field(default_factory=dict)
    unsaved: Mapping[Path, str] = field(default_factory=dict)
    faults: int = 0
    files: dict[tuple[str, tuple[Span, ...]], list[Diagnostic]] = field(default_factory=dict, repr=False)
    filed: int = 0

    def apart(self) -> Report:
        """A report of its own about the same texts."""
        return Report(self.sources, allowances=self.allowances, unsaved=self.unsaved)

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
    ) -> bool:
        """Keep a problem, unless it is known already; False if the text allows it, so that the work can go on as if nothing was."""
        spans = [Span(self.on_one_line(place), label)] if place else []
        spans += [Span(other, why, primary=False) for other, why in also]
        in_files = tuple(fix for fix in fixes if not fix.place.file.startswith("--set "))
        diagnostic = Diagnostic(code, message, tuple(spans), path, tuple(help), in_files)
        if self.allows(diagnostic):
            return False
        self.faults += diagnostic.severity == "error"
        if not self.knows(diagnostic):
            if len(self.diagnostics) >= MAX_PROBLEMS:
                text = f"there are more than {MAX_PROBLEMS:,} problems; what comes after them is not looked at"
                raise SpecError(Diagnostic("Y106", text, tuple(spans[:1]), help=("mend the first ones, and check again",)))
            self.diagnostics.append(diagnostic)
        return True

    def adopt(self, problems: Iterable[Diagnostic]) -> None:
        """Keep what another report about the same texts found, unless it is known already."""
        for problem in problems:
            if not self.knows(problem):
                self.diagnostics.append(problem)
                self.faults += problem.severity == "error"

    def knows(self, diagnostic: Diagnostic) -> bool:
        """Whether this is a problem that is reported already; a file may hold tens of thousands of them."""
        if self.filed > len(self.diagnostics):
            self.files, self.filed = {}, 0
        for one in self.diagnostics[self.filed :]:
            self.files.setdefault((one.code, one.spans), []).append(one)
        self.filed = len(self.diagnostics)
        return any(same(diagnostic, known) for known in self.files.get((diagnostic.code, diagnostic.spans), ()))

    def on_one_line(self, place: Place) -> Place:
        """A place that a person can point at: of what goes over several lines the opening bracket, or the rest of its first line."""
        if place.end_line == place.line or place.file not in self.sources:
            return place
        lines = lines_of(self.sources[place.file])
        first = lines[place.line - 1][place.col - 1 :].rstrip()
        return replace(place, end_line=place.line, end_col=place.col + (1 if first[:1] in ("{", "[") else len(first)))

    def text_at(self, place: Place) -> str:
        """What is written at a place of one line."""
        lines = lines_of(self.sources.get(place.file, ""))
        return lines[place.line - 1][place.col - 1 : place.end_col - 1] if place.line <= len(lines) and place.line == place.end_line else ""

    def allows(self, diagnostic: Diagnostic) -> bool:
        """Whether a comment in the text says that this is meant."""
        if diagnostic.primary is None or ALLOW not in self.sources.get(diagnostic.primary.place.file, ""):
            return False
        return bool(import_module(f"{__package__}.allowances").allows(self, diagnostic.code, diagnostic.primary.place))

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "error"]

    def in_order(self) -> list[Diagnostic]:
        """By file and line; what has no place comes first."""

        def key(d: Diagnostic) -> tuple[str, int, int]:
            return (d.primary.place.file, d.primary.place.line, d.primary.place.col) if d.primary else ("", 0, 0)

        return sorted(self.diagnostics, key=key)
