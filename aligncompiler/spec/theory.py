"""Stages that compute from assumptions alone: they read no model and no rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from .base import Output, Problem, field
from .stage import Stage
from .structure import Structure

if TYPE_CHECKING:
    from .cost import Estimate, Survey


class Ibn(Stage):
    """Generalisation over an induced Bayesian network: how far two responses are from each other after comparisons drawn as a chain and as a tree.

    Nodes are responses to one prompt, edges are inductive bias (`structure`) and comparisons. The inference distance of two responses is
    the variance of the difference of their rewards given everything else; its mean over pairs of responses says how well a reward model
    generalises (lower is better).

    Three designs draw the same number of pairs, with replacement. The chain takes two different responses, uniform among all. The tree has
    `roots` roots B, each above a share B^-(1+`margin`) of the responses, draws B leaves below each, and takes pairs of the B^2 leaves. The
    pool, a control, is a chain among a few responses that were drawn beforehand.

    Source: Qiu et al., arXiv:2402.10184.
    """

    kind: Literal["ibn"] = "ibn"
    random: ClassVar[bool] = True
    counts: ClassVar[str] = "draws"

    structure: Structure
    """Edges of inductive bias."""
    comparisons: tuple[int, ...] = field(unit="comparisons", says="should be a list of whole numbers")
    """Sizes |D| of the preference data, each measured by itself."""
    label_scale: float = field(1.0, unit="reward", gt=0)
    """Scale s of the logistic noise of a comparison, whose variance is `pi^2 s^2 / 3`; k comparisons of one pair have `1/k` of it."""
    distance: Literal["shortest", "resistance"] = field("shortest")
    """Inference distance: least variance over paths, or effective resistance, which lets independent Gaussian paths add up."""
    roots: tuple[int, ...] | Literal["bound"] = field("bound", unit="roots")
    """B of the tree. Of several the one with the least mean distance over the draws of `pilot` is taken for each size; `bound` takes the one that
    minimises the bound of the paper."""
    margin: float = field(0.1, unit="1", ge=0)
    """g: how much tighter the responses below a root are than the roots lie apart."""
    pool: tuple[int, ...] = field((), unit="responses")
    """Responses of the control; of several the best is taken as for `roots`. Without one there is no control."""
    repetitions: int = field(20, unit="draws", ge=2)
    """Independent draws of the data, over which means and intervals are taken; the designs of a draw are measured from the same responses."""
    pilot: int = field(0, unit="draws", ge=0)
    """Draws of their own that choose among several `roots` and `pool`."""
    sources: int = field(16, unit="responses", ge=2)
    """Responses of a draw from which the distance is measured: to all others by `shortest`, among each other by `resistance`."""
    confidence: float = field(0.95, unit="probability", gt=0, lt=1)
    """Level of the intervals."""

    def check(self) -> Iterator[Problem]:
        space = self.structure.responses
        given = {"comparisons": self.comparisons, "roots": () if self.roots == "bound" else self.roots, "pool": self.pool}
        yield from self.check_sizes(given, space)
        if self.sources > space:
            yield Problem("S405", "sources", f"`sources` is {self.sources}, but there are {space} responses")
        choices = [name for name in ("roots", "pool") if len(given[name]) > 1]
        if choices and not self.pilot:
            name = choices[0]
            text = f"`{name}` names {len(given[name])} to choose from, but there is no draw to choose by"
            yield Problem("M508", name, text, ("give `pilot`, the number of draws that choose, or a single value",))
        if self.pilot and not choices:
            yield Problem("M507", "pilot", "there is nothing to choose, so `pilot` has no effect", ("remove `pilot`, or list several `roots` or `pool`",))

    def check_sizes(self, given: dict[str, tuple[int, ...]], space: int) -> Iterator[Problem]:
        """Every number of comparisons, roots and responses of a pool by itself."""
        widest = int((space / 2) ** (1 / (1 + self.margin)))
        most = {"comparisons": None, "roots": widest, "pool": space}
        least = {"comparisons": 3, "roots": 2, "pool": 2}
        why = {"roots": f"so that at least 2 of {space} responses lie below each", "pool": "as many as there are responses"}
        if widest < 2:
            text = f"at a `margin` of {self.margin} fewer than 2 of {space} responses lie below each of 2 roots"
            yield Problem("S405", "margin", text, ("take more responses, or a smaller `margin`",))
        for name, values in given.items():
            for index, value in enumerate(values):
                bound = most[name]
                if value < least[name]:
                    yield Problem("S405", f"{name}.{index}", f"`{name}` names {value}; the least is {least[name]}")
                elif bound is not None and value > bound and (name != "roots" or widest >= 2):
                    yield Problem("S405", f"{name}.{index}", f"`{name}` names {value}; the most is {bound}, {why[name]}")
                elif value in values[:index]:
                    yield Problem("S405", f"{name}.{index}", f"`{name}` names {value} twice")
        if not self.comparisons:
            yield Problem("S405", "comparisons", "`comparisons` is empty; name at least one")
        if self.roots == ():
            yield Problem("S405", "roots", "`roots` is empty; name at least one, or write `bound`")

    def output(self) -> Output:
        return Output("table")

    def estimate(self, ask: Survey) -> Estimate:
        """No network and no row: what is searched is a graph."""
        from .cost import Estimate, about, exact

        return Estimate(flops=exact(0), memory=exact(0), disk=about(8_000 + 4_000 * len(self.comparisons)))
