"""Rewards that are rules: they read texts, and no network computes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Literal

from .base import ROW_COLUMNS, Problem, field
from .functions import GROUP, functions, package_of
from .reward import Reward


class DeductionSteps(Reward):
    """Score of a deduction: sound steps, right answer, readable format (MuseD, arXiv:2410.09528)."""

    kind: Literal["deduction_steps"] = "deduction_steps"

    combine: Literal["lexicographic", "weighted"] = field("lexicographic")
    """Compare by the first part that differs, or add up."""
    order: tuple[Literal["step", "result", "format"], ...] = field(("result", "step", "format"))
    """Parts from the most to the least important; for `lexicographic`."""
    weights: Mapping[str, float] = field({})
    """Part -> weight; for `weighted`."""

    @property
    def figures(self) -> tuple[str, ...]:
        return "step", "result", "format"

    @property
    def columns(self) -> tuple[str, ...]:
        return ("problem",)

    def check(self) -> Iterator[Problem]:
        if self.combine == "weighted" and not self.weights:
            yield Problem("M508", "combine", "`combine: weighted` needs `weights`", ("for example `weights: {step: 1.0, result: 0.5}`",))
        if self.combine == "lexicographic" and self.weights:
            yield Problem("M507", "weights", "`weights` has a meaning only with `combine: weighted`")
        if self.combine == "lexicographic" and (not self.order or len(set(self.order)) < len(self.order)):
            yield Problem("S405", "order", "`order` names at least one part, and none twice")
        for name in self.weights:
            if name not in self.figures:
                yield Problem("M509", f"weights.{name}", f"`deduction_steps` has no part `{name}`", (f"parts: {', '.join(self.figures)}",))


class ExactMatch(Reward):
    """1 if the answer equals the reference answer of its problem, else 0."""

    kind: Literal["exact_match"] = "exact_match"

    extract: str | None = field(None)
    """Regular expression whose last match in the completion is the answer (its first group if it has one); null takes all of it."""
    ignore: tuple[Literal["case", "space", "punctuation"], ...] = field(("case", "space"))
    """Differences that do not count."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("answer",)

    def check(self) -> Iterator[Problem]:
        yield from check_pattern("extract", self.extract or "")


class MathEqual(Reward):
    """1 if the answer means the same number, expression, set or interval as the reference answer of its problem, else 0 (math-verify)."""

    kind: Literal["math_equal"] = "math_equal"
    slow: ClassVar[bool] = True
    version: ClassVar[int] = 3  # 2: tags around an answer are passed over; 3: `(7)`, `[7]`, `Answer:7` and `1.5e3` are read

    digits: int = field(6, unit="decimal places", ge=0)
    """Decimal places to which numbers are compared that have no exact form."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("answer",)


class Column(Reward):
    """A number that the rows carry: a rating by people, or the truth where it is known."""

    kind: Literal["column"] = "column"

    name: str
    """Column of the rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.name,)


class Length(Reward):
    """The length of an answer; `clip`, `weighted_sum` and `length_penalty` make a preference of it."""

    kind: Literal["length"] = "length"

    unit: Literal["characters", "words"] = field("words")
    """What is counted: characters of Unicode, or words, which end at white space."""


class Regex(Reward):
    """Whether, or how often, a regular expression matches an answer."""

    kind: Literal["regex"] = "regex"

    pattern: str
    """Regular expression, as Python reads it."""
    gives: Literal["found", "whole", "count"] = field("found")
    """1 if it matches somewhere, 1 if it matches the whole answer, else 0; or the number of its matches, none over another."""

    def check(self) -> Iterator[Problem]:
        yield from check_pattern("pattern", self.pattern)


class Format(Reward):
    """1 if an answer keeps to a form, else 0: sections in tags, each once, in order and not empty, and what the last part of it holds."""

    kind: Literal["format"] = "format"

    sections: tuple[str, ...] = field(())
    """Names of the sections in their order, each written `<name>...</name>`."""
    outside: Literal["nothing", "after", "anything"] = field("nothing")
    """Text that may stand outside of the sections, besides white space: none; what comes after the last of them, which must then hold some; or any."""
    body: Literal["text", "json"] = field("text")
    """What the last part holds, which is the text after the sections with `outside: after`, or the last section, or the whole answer where there
    are no sections: any text, or one value of JSON."""

    def check(self) -> Iterator[Problem]:
        for name in self.sections:
            if not SECTION.fullmatch(name):
                yield Problem("S405", "sections", f"`{name}` is no name of a section", ("name it without brackets: `sections: [think, answer]`",))
        if len(set(self.sections)) < len(self.sections):
            yield Problem("S405", "sections", "a section is named twice, but each stands once in an answer")
        if not self.sections and "outside" in self.model_fields_set:
            yield Problem("M507", "outside", "without `sections` there is nothing outside of them, so `outside` has no effect")
        if not self.sections and self.body == "text":
            yield Problem("M508", "kind", "`format` without `sections` and with `body: text` takes every answer", ("name `sections`, or ask for `body: json`",))


class Function(Reward):
    """A Python function of an installed package, which it names as an entry point of the group `alignc.functions`."""

    kind: Literal["function"] = "function"
    slow: ClassVar[bool] = True

    name: str
    """Name of the entry point."""
    reads: tuple[str, ...] = field(())
    """Columns that the rows must carry for it, beside `prompt` and `completion`."""
    tells: tuple[str, ...] = field(())
    """Figures that it gives beside `score`; `uncertainty` says how unsure it is of the score."""

    @property
    def figures(self) -> tuple[str, ...]:
        return self.tells

    @property
    def columns(self) -> tuple[str, ...]:
        return self.reads

    @property
    def calls(self) -> str:
        return package_of(self.name)

    def check(self) -> Iterator[Problem]:
        points = functions().get(self.name, ())
        if not points:
            known = f"installed: {', '.join(sorted(functions()))}" if functions() else f"no installed package has an entry point in the group `{GROUP}`"
            yield Problem("P606", "name", f"no installed package has a function `{self.name}`", (known,))
        if len(points) > 1:
            names = " and ".join(str(one.dist.name) for one in points if one.dist is not None)
            yield Problem("S405", "name", f"`{self.name}` is a function of {names}", ("pip uninstall all but one of them",))
        for name in self.tells:
            yield from check_figure("tells", name)
        if len(set(self.tells)) < len(self.tells):
            yield Problem("S405", "tells", "a figure is named twice")


SECTION = re.compile(r"[A-Za-z][\w.-]*")
FIGURE = re.compile(r"[A-Za-z][\w-]*")
TAKEN = {"score"}.union(*ROW_COLUMNS.values())


def check_figure(where: str, name: str) -> Iterator[Problem]:
    """A figure becomes a column of the rows that are labelled."""
    if not FIGURE.fullmatch(name):
        yield Problem("S405", where, f"`{name}` is no name of a figure; names are letters, digits, `_` and `-`, and start with a letter")
    elif name in TAKEN:
        yield Problem("S405", where, f"a figure cannot be called `{name}`, which is a column of rows")


def check_pattern(name: str, pattern: str) -> Iterator[Problem]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield Problem("S405", name, f"`{name}` is no regular expression: {error}")
