"""Stages that choose among rows that are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from .base import Needs, Output, Problem, Ref, Spec, field
from .reward import UNCERTAINTY, Reward, told_by
from .spread import check_spread
from .stage import Stage, asked, check_labels, check_lost_columns, check_reward_columns, computes

if TYPE_CHECKING:
    from .cost import Estimate, Survey


class Keep(Spec):
    """Which rows stay."""

    share: float | None = field(None, unit="share of the rows", gt=0, le=1)
    """This share of the rows, rounded to the nearest number of them."""
    threshold: float | None = field(None, unit="that of the columns")
    """Rows at this value or on the side of it that is kept."""

    def check(self) -> Iterator[Problem]:
        if (self.share is None) == (self.threshold is None):
            rivals = () if self.share is None else ("share", "threshold")
            yield Problem("M505", "", f"`keep` takes exactly one of `share`, `threshold`; {'both are' if rivals else 'neither is'} given", rivals=rivals)


class Filter(Stage):
    """Keep the rows with the lowest, or the highest, values of a column: the answers a reward is surest of, the pairs with the widest margin."""

    kind: Literal["filter"] = "filter"
    hands_on: ClassVar[tuple[str, ...]] = ("data",)

    data: Annotated[Ref, Needs(("dataset",))]
    """Rows to choose from; a `label` stage writes the figures of a reward into columns, `uncertainty` for one."""
    by: tuple[str, ...]
    """Columns with numbers; of several the sum counts, as of `chosen_uncertainty` and `rejected_uncertainty`."""
    keep: Keep
    """Which rows stay; they keep their order, and of equal ones the first stay."""
    side: Literal["lowest", "highest"] = field("lowest")
    """Which values stay."""

    def check(self) -> Iterator[Problem]:
        if not self.by or len(set(self.by)) < len(self.by):
            yield Problem("S405", "by", "`by` names at least one column, and none twice")
        for index, name in enumerate(self.by):
            if not self.data.output.has_column(name):
                known = ", ".join(self.data.output.columns) or "none beside those of its rows"
                yield Problem("M509", f"by.{index}", f"`{self.data}` has no column `{name}`", (f"columns: {known}",))
            yield from check_spread(str(self.data), self.data.output, name, f"by.{index}")

    def output(self) -> Output:
        return self.data.output

    def estimate(self, ask: Survey) -> Estimate:
        """The share of the rows, or at most all of them."""
        found = ask(self.data)
        share = self.keep.share
        rows = found.rows_known * share if share is not None else found.rows_known.bounded()
        return replace(found, rows=rows, disk=(found.disk * (share or 1)).rough())


class Rank(Stage):
    """Of the answers to each prompt keep the best one (best of N), or that of those that the reward is sure of."""

    kind: Literal["rank"] = "rank"
    version: ClassVar[int] = 3  # 2: the figures of an earlier reward go; 3: a column `group` of a file mixes no prompts
    compares: ClassVar[tuple[str, ...]] = ("completions",)
    hands_on: ClassVar[tuple[str, ...]] = ("completions",)

    completions: Annotated[Ref, Needs(("dataset",), ("completions",))]
    """Answers to choose from, several to a prompt."""
    reward: Reward | Annotated[Ref, Needs(("scorer",))] | Literal["labels"] = field("labels")
    """Reward that ranks them; `labels` takes the figures that a `label` stage wrote."""
    sure: float | None = field(None, unit="share of all answers", gt=0, lt=1)
    """Pass over answers whose uncertainty lies above this quantile of that of all answers; a prompt that has no others keeps its surest one."""

    @property
    def computes(self) -> bool:
        """A trained scorer does; a rule reads texts."""
        return computes(self.reward)

    def check(self) -> Iterator[Problem]:
        yield from check_reward_columns(self.reward, self.completions, "reward")
        yield from check_labels(self.reward, self.completions)
        yield from check_lost_columns(self.reward, self.completions) if not isinstance(self.reward, str) else ()
        told = self.completions.output if isinstance(self.reward, str) else told_by(self.reward)
        if self.sure is not None and not {UNCERTAINTY, "*"} & set(told.columns):
            text = "`sure` asks how uncertain the reward is, which it does not tell"
            yield Problem("M508", "sure", text, ("take a reward with `uncertainty`: attributes with `head: gaussian`, or an ensemble",))
        if self.sure is not None:
            name = self.completions if isinstance(self.reward, str) else self.reward if isinstance(self.reward, Ref) else self.reward.tag
            yield from check_spread(str(name), told, UNCERTAINTY, "sure")

    def output(self) -> Output:
        answers = self.completions.output
        if isinstance(self.reward, str):
            return answers.scored_by(replace(answers, columns=answers.labelled))
        return answers.scored_by(told_by(self.reward))

    def estimate(self, ask: Survey) -> Estimate:
        """One answer to each prompt."""
        from .cost import exact
        from .effort import NOTHING

        found = ask(self.completions)
        rows = found.rows_known.over(found.answers).bounded()
        effort = NOTHING if self.reward == "labels" else asked(self.reward, found, ask)
        disk = (found.disk * rows.over(found.rows_known)).rough()
        return replace(found, rows=rows, flops=effort.flops, memory=effort.memory, disk=disk, answers=exact(1))
