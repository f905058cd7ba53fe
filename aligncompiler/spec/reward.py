"""Rewards: anything that scores an answer, whether a rule or a learned head; one family, so that every consumer takes every reward."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from .base import Kind, Needs, Output, Problem, Ref, field

if TYPE_CHECKING:
    from .cost import Estimate, Survey


class Reward(Kind):
    """A score of an answer. `parts` names the figures it gives besides `score`; `columns` what the rows it scores must carry."""

    family: ClassVar[str] = "rewards"
    parts: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()


class DeductionSteps(Reward):
    """Score of a deduction: sound steps, right answer, readable format (MuseD, arXiv:2410.09528)."""

    kind: Literal["deduction_steps"] = "deduction_steps"
    parts: ClassVar[tuple[str, ...]] = ("step", "result", "format")
    columns: ClassVar[tuple[str, ...]] = ("problem",)

    combine: Literal["lexicographic", "weighted"] = field("lexicographic")
    """Compare by the first part that differs, or add up."""
    order: tuple[Literal["step", "result", "format"], ...] = field(("result", "step", "format"))
    """Parts from the most to the least important; for `lexicographic`."""
    weights: Mapping[str, float] = field({})
    """Part -> weight; for `weighted`."""

    def check(self) -> Iterator[Problem]:
        if self.combine == "weighted" and not self.weights:
            yield Problem("M508", "combine", "`combine: weighted` needs `weights`", ("for example `weights: {step: 1.0, result: 0.5}`",))
        if self.combine == "lexicographic" and self.weights:
            yield Problem("M507", "weights", "`weights` has a meaning only with `combine: weighted`")
        if self.combine == "lexicographic" and (not self.order or len(set(self.order)) < len(self.order)):
            yield Problem("S405", "order", "`order` names at least one part, and none twice")
        for name in self.weights:
            if name not in self.parts:
                yield Problem("M509", f"weights.{name}", f"`deduction_steps` has no part `{name}`", (f"parts: {', '.join(self.parts)}",))


class ExactMatch(Reward):
    """1 if the answer equals the reference answer of its problem, else 0."""

    kind: Literal["exact_match"] = "exact_match"
    columns: ClassVar[tuple[str, ...]] = ("answer",)

    extract: str | None = field(None)
    """Regular expression whose last match in the completion is the answer (its first group if it has one); null takes all of it."""
    ignore: tuple[Literal["case", "space", "punctuation"], ...] = field(("case", "space"))
    """Differences that do not count."""

    def check(self) -> Iterator[Problem]:
        try:
            re.compile(self.extract or "")
        except re.error as error:
            yield Problem("S405", "extract", f"`extract` is no regular expression: {error}")


class Scalar(Reward):
    """A learned scorer: a backbone with one output, r(x, y), read at the end of the answer."""

    kind: Literal["scalar"] = "scalar"
    random: ClassVar[bool] = True

    backbone: Annotated[Ref, Needs(("policy", "encoder"), space="text/tokens")]
    """Model whose weights the scorer starts from; the head starts at random."""

    def output(self) -> Output:
        return Output("scorer", context=self.backbone.output.context)

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the backbone with one output in place of its own."""
        from .effort import estimated

        network = ask(self.backbone).network
        return estimated(None if network is None else network.as_scorer())


def figures_of(reward: Reward | Ref) -> tuple[str, ...]:
    """The figures that a reward gives beside `score`."""
    return reward.output.columns if isinstance(reward, Ref) else reward.parts
