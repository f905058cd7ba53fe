"""Stages that choose among rows that are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from .base import Needs, Output, Problem, Ref, Spec, field
from .stage import Stage

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

    def output(self) -> Output:
        return Output("dataset", self.data.output.rows, self.data.output.columns)

    def estimate(self, ask: Survey) -> Estimate:
        """The share of the rows, or at most all of them."""
        found = ask(self.data)
        share = self.keep.share
        rows = found.rows_known * share if share is not None else found.rows_known.bounded()
        return replace(found, rows=rows, disk=(found.disk * (share or 1)).rough())
