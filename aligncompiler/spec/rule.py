"""Rewards that are rules: they read texts, and no network computes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

from .base import Problem, field
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
        try:
            re.compile(self.extract or "")
        except re.error as error:
            yield Problem("S405", "extract", f"`extract` is no regular expression: {error}")
