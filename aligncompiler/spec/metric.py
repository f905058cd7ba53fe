"""Metrics: what an `evaluate` stage measures, per row, with an interval over rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, NamedTuple

from .base import Kind, Needs, Output, Problem, Ref, field
from .codec import refs
from .reward import Reward, figures_of, parts_of, told_by
from .rule import ExactMatch
from .spread import check_spread


class Judged(NamedTuple):
    """What a metric measures: an artifact, or a reward that is none, which gives scores as a scorer does."""

    name: str
    output: Output

    def __str__(self) -> str:
        return self.name

    @staticmethod
    def of(one: Reward | Ref) -> Judged:
        return Judged(str(one) if isinstance(one, Ref) else one.tag, told_by(one))


class Metric(Kind):
    """A figure per row. `judges` names the artifacts it can judge, `rows` the rows it needs, `measures` what it is computed from: answers that a model
    writes, or what it says of `pairs` or of `completions` that the rows hold."""

    family: ClassVar[str] = "metrics"
    judges: ClassVar[tuple[str, ...]] = ()
    rows: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[Literal["answers", "pairs", "completions"]] = "answers"

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        """What a model that it judges, or the rows, lack for it."""
        yield from ()

    @property
    def asks(self) -> tuple[Ref, ...]:
        """Trained models that it asks beside the judged one, of each answer or of each pair."""
        return tuple(ref for ref in dict.fromkeys(refs(self)) if ref.output.artifact != "dataset")

    @property
    def compares_with(self) -> tuple[Ref, ...]:
        """Datasets whose rows the judged model scores too."""
        return tuple(ref for ref in dict.fromkeys(refs(self)) if ref.output.artifact == "dataset")


class Accuracy(Metric):
    """Share of prompts whose answer is right, beside what a predictor that sees only shallow features of the prompt would reach."""

    kind: Literal["accuracy"] = "accuracy"
    judges: ClassVar[tuple[str, ...]] = ("policy",)
    rows: ClassVar[tuple[str, ...]] = ("problems",)

    reward: Reward = field(ExactMatch())
    """Reward that decides; an answer is right if `part` is 1."""
    part: str = field("score")
    """Part of the reward that decides."""
    by: str | None = field(None)
    """Column to split the table by."""

    def check(self) -> Iterator[Problem]:
        yield from check_part(self.reward, self.part)


class MeanScore(Metric):
    """Mean of a reward, or of one part of it, over the answers of a policy."""

    kind: Literal["mean_score"] = "mean_score"
    judges: ClassVar[tuple[str, ...]] = ("policy",)
    rows: ClassVar[tuple[str, ...]] = ("prompts",)

    reward: Reward | Annotated[Ref, Needs(("scorer",))]
    """Reward to average: a rule or a trained scorer."""
    part: str = field("score")
    """Part of the reward to average."""
    by: str | None = field(None)
    """Column to split the table by."""

    def check(self) -> Iterator[Problem]:
        yield from check_part(self.reward, self.part)


class PairAccuracy(Metric):
    """Share of pairs whose chosen answer scores above the rejected one, beside baselines that see only which answer is longer.

    A scorer scores by its reward, a policy by its log-probability, less that of `reference` where one is given (the implicit reward
    of direct preference optimisation). A tie counts one half.
    """

    kind: Literal["pair_accuracy"] = "pair_accuracy"
    judges: ClassVar[tuple[str, ...]] = ("policy", "scorer")
    rows: ClassVar[tuple[str, ...]] = ("preferences",)
    measures: ClassVar[Literal["answers", "pairs", "completions"]] = "pairs"

    reference: Annotated[Ref, Needs(("policy",))] | None = field(None)
    """Policy whose log-probability is taken off that of a judged policy; null takes nothing off."""
    by: str | None = field(None)
    """Column to split the table by."""


def check_part(reward: Reward | Ref, part: str, name: str = "reward") -> Iterator[Problem]:
    """A reward, the value of the field `name`, names the figures that it gives beside `score`; and what is measured compares models."""
    inner = parts_of(reward)
    measured = inner.get(f"parts.{part}") or inner.get("of" if part == "raw" else part) or reward
    if isinstance(measured, Reward) and measured.relative:
        text = f"`{measured.tag}` scores an answer by how it compares with the others at hand, so its mean says nothing of a model"
        yield Problem("M523", name, text, ("state `mean` and `std` of `normalised`",))
    figures = ("score", *figures_of(reward))
    yield from check_spread(*Judged.of(reward), part, "part")
    if part not in figures:
        what = reward if isinstance(reward, Ref) else reward.tag
        yield Problem("M509", "part", f"`{what}` has no part `{part}`", (f"parts: {', '.join(figures)}",))
