"""Rewards that are made of others, to any depth: of rules, of trained scorers, and of such rewards themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Annotated, Any, ClassVar, Literal

from .base import Needs, Problem, Ref, Spec, field
from .reward import UNCERTAINTY, Reward, figures_of, told_by
from .rule import check_figure
from .spread import check_spread

MOST_LEVELS = 2**53  # numbers above are not all told apart


class Combined(Reward):
    """A score made of the scores of several parts, each beside it as a figure. An answer that a part cannot score has none."""

    combines: ClassVar[bool] = True

    parts: Mapping[str, Reward | Annotated[Ref, Needs(("scorer",))]]
    """Name -> reward: a rule, a trained scorer, or one that is made of others."""

    @property
    def figures(self) -> tuple[str, ...]:
        return tuple(self.parts)

    def check(self) -> Iterator[Problem]:
        if len(self.parts) < 2:
            given = "one part is that part itself" if self.parts else "no parts says nothing"
            yield Problem("M520", "parts", f"`{self.tag}` of {given}", ("name two or more",))
        for name in self.parts:
            yield from check_figure(f"parts.{name}", name)
            if name == UNCERTAINTY:
                text = f"a part cannot be called `{UNCERTAINTY}`: a figure of this name says how unsure a reward is of its score"
                yield Problem("S405", f"parts.{name}", text)

    def named(self, name: str, values: Mapping[str, Any]) -> Iterator[Problem]:
        """What a field says of each part."""
        for part in values:
            if part not in self.parts:
                yield Problem("M509", f"{name}.{part}", f"`{self.tag}` has no part `{part}`", (f"parts: {', '.join(self.parts)}",))
        missing = [part for part in self.parts if part not in values]
        if missing:
            yield Problem("M508", name, f"`{name}` does not name {' and '.join(f'`{part}`' for part in missing)}", ("name every part",))


class WeightedSum(Combined):
    """The sum of the scores of the parts, each times its weight."""

    kind: Literal["weighted_sum"] = "weighted_sum"

    weights: Mapping[str, float] = field(unit="1")
    """Part -> weight; below 0 it counts against."""

    def check(self) -> Iterator[Problem]:
        yield from super().check()
        yield from self.named("weights", self.weights)


class Product(Combined):
    """The product of the scores of the parts."""

    kind: Literal["product"] = "product"


class Minimum(Combined):
    """The lowest score among the parts."""

    kind: Literal["minimum"] = "minimum"


class Levels(Spec):
    """Steps of the same height into which a range of scores is divided."""

    count: int = field(unit="levels", ge=2)
    """Number of levels, both ends of the range included; scores that are nearest to the same level count as equal."""
    low: float = field(0.0, unit="score")
    """Score of the lowest level; scores below count as this one."""
    high: float = field(1.0, unit="score")
    """Score of the highest level; scores above count as this one."""

    def check(self) -> Iterator[Problem]:
        if self.low >= self.high:
            yield Problem("S405", "high", f"`high` is {self.high:g}, not above `low` {self.low:g}")


class Lexicographic(Combined):
    """A number in [0, 1] that orders answers by the first part, in a stated order, in which they differ by a level or more.

    The scores of each part are rounded to levels, and the score is the number whose digits these are.
    """

    kind: Literal["lexicographic"] = "lexicographic"

    order: tuple[str, ...]
    """The parts, from the most to the least important."""
    levels: Mapping[str, Levels]
    """Part -> its levels, which say how small a difference counts."""

    def check(self) -> Iterator[Problem]:
        yield from super().check()
        if len(set(self.order)) < len(self.order):
            yield Problem("S405", "order", "`order` names a part twice")
        yield from self.named("order", dict.fromkeys(self.order))
        yield from self.named("levels", self.levels)
        if prod(one.count for one in self.levels.values()) > MOST_LEVELS:
            yield Problem("S405", "levels", "the levels of all parts make more combinations than numbers can tell apart (2^53)", ("lower some `count`",))


class Changed(Reward):
    """A score made of the score of one reward, which stands beside it as the figure `raw`."""

    combines: ClassVar[bool] = True

    of: Reward | Annotated[Ref, Needs(("scorer",))]
    """Reward that is changed: a rule, a trained scorer, or one that is made of others."""

    @property
    def figures(self) -> tuple[str, ...]:
        return ("raw",)


class Threshold(Changed):
    """The score of a reward where another one reaches a threshold, and a fixed score elsewhere."""

    kind: Literal["threshold"] = "threshold"

    by: Reward | Annotated[Ref, Needs(("scorer",))]
    """Reward that decides whether `of` counts; its score is the figure `by`."""
    least: float = field(unit="score")
    """Lowest score of `by` with which `of` counts."""
    otherwise: float = field(0.0, unit="score")
    """Score where it does not."""

    @property
    def figures(self) -> tuple[str, ...]:
        return "raw", "by"


class Clip(Changed):
    """The score of a reward, moved to the nearest end of a range where it lies outside."""

    kind: Literal["clip"] = "clip"

    low: float | None = field(None, unit="score")
    """Lowest score; null for none."""
    high: float | None = field(None, unit="score")
    """Highest score; null for none."""

    def check(self) -> Iterator[Problem]:
        if self.low is None and self.high is None:
            yield Problem("M508", "kind", "`clip` needs an end of the range", ("give `low`, `high` or both",))
        if self.low is not None and self.high is not None and self.low >= self.high:
            yield Problem("S405", "high", f"`high` is {self.high:g}, not above `low` {self.low:g}, so every answer would score the same")


class Normalised(Changed):
    """The score of a reward less a mean, divided by a standard deviation."""

    kind: Literal["normalised"] = "normalised"

    mean: float | Literal["rows"] = field("rows", unit="score")
    """What is taken off; `rows` takes the mean over the answers that are scored together."""
    std: float | Literal["rows"] = field("rows", unit="score")
    """What it is divided by; `rows` takes the standard deviation over the answers that are scored together, or 1 where all score the same."""

    @property
    def relative(self) -> bool:
        return True if "rows" in (self.mean, self.std) else super().relative

    def check(self) -> Iterator[Problem]:
        if self.std != "rows" and self.std <= 0:
            yield Problem("S405", "std", f"`std` is above 0; this is {self.std:g}")


class LengthPenalty(Changed):
    """The score of a reward less a penalty on what is longer than a free length."""

    kind: Literal["length_penalty"] = "length_penalty"

    unit: Literal["characters", "words"] = field("words")
    """What is counted: characters of Unicode, or words, which end at white space."""
    free: int = field(unit="characters or words", ge=0)
    """Length up to which nothing is taken off."""
    per_unit: float = field(unit="score per character or word", ge=0)
    """Taken off for each one beyond."""
    most: float | None = field(None, unit="score")
    """Most that is taken off; null for no bound."""

    @property
    def figures(self) -> tuple[str, ...]:
        """A known penalty leaves the reward as unsure as it was."""
        return ("raw", *(figure for figure in figures_of(self.of) if figure == UNCERTAINTY))

    @property
    def hollow(self) -> tuple[str, ...]:
        return tuple(figure for figure in told_by(self.of).hollow if figure == UNCERTAINTY)

    def check(self) -> Iterator[Problem]:
        if self.most is not None and self.most <= 0:
            yield Problem("S405", "most", f"`most` is above 0; this is {self.most:g}")


class Penalised(Changed):
    """The score of a reward less a multiple of its uncertainty (URM, arXiv:2410.00847)."""

    kind: Literal["penalised"] = "penalised"

    strength: float = field(unit="score per uncertainty", ge=0)
    """What one unit of uncertainty takes off."""

    @property
    def figures(self) -> tuple[str, ...]:
        return "raw", UNCERTAINTY

    def check(self) -> Iterator[Problem]:
        figures = figures_of(self.of)
        what = repr(self.of) if isinstance(self.of, Ref) else self.of.tag
        yield from check_spread(what, told_by(self.of), UNCERTAINTY, "of")
        if UNCERTAINTY not in figures:
            told = f"beside `score` it gives {', '.join(f'`{figure}`' for figure in figures)}" if figures else "it gives `score` alone"
            text = f"`{what}` does not tell how unsure it is, so there is nothing to take off"
            yield Problem("M521", "of", text, (told, "an ensemble of scorers, or attributes with a spread, give the figure `uncertainty`"))
