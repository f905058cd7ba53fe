"""Rewards that are learned: heads on a backbone, which a `train` stage fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from .base import Kind, Needs, Output, Problem, Ref, field
from .reward import Reward

if TYPE_CHECKING:
    from .cost import Estimate, Survey


class Scalar(Reward):
    """A learned scorer: a backbone with one output, r(x, y), read at the end of the answer."""

    kind: Literal["scalar"] = "scalar"
    random: ClassVar[bool] = True

    backbone: Annotated[Ref, Needs(("policy", "encoder"), space="text/tokens")]
    """Model whose weights the scorer starts from; the head starts at random."""

    def output(self) -> Output:
        return Output("scorer", context=self.backbone.output.context, weights=("head",))

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the backbone with one output in place of its own."""
        from .effort import estimated

        network = ask(self.backbone).network
        return estimated(None if network is None else network.as_scorer())


class Gate(Kind):
    """How the attributes of an answer become one reward: the sum over attributes of weight times mean. `learned`: the weights are."""

    family: ClassVar[str] = "gates"
    learned: ClassVar[bool] = False

    def numbers(self, width: int, attributes: int) -> int:
        """Parameters over a backbone of this width."""
        return 0


class Fixed(Gate):
    """The same weights for every answer."""

    kind: Literal["fixed"] = "fixed"

    weights: Mapping[str, float] = field({}, unit="reward per unit of the attribute")
    """Attribute -> weight; empty weighs all of them alike, 1 / their number."""


class Perceptron(Gate):
    """Weights that depend on the prompt and the answer, by a multi-layer perceptron over the last hidden state (arXiv:2410.00847).

    SELU stands between its layers and no softmax behind them, so that weights may be negative and need not add up to 1.
    """

    kind: Literal["perceptron"] = "perceptron"
    learned: ClassVar[bool] = True

    layers: int = field(3, unit="linear layers", ge=1)
    """Linear layers, the hidden ones as wide as the backbone."""

    def numbers(self, width: int, attributes: int) -> int:
        return (self.layers - 1) * width * (width + 1) + attributes * (width + 1)


class Attributes(Reward):
    """A learned scorer of several attributes of an answer, each a number or a Gaussian, and a gate that makes one reward of them (arXiv:2410.00847)."""

    kind: Literal["attributes"] = "attributes"
    random: ClassVar[bool] = True

    backbone: Annotated[Ref, Needs(("policy", "encoder"), space="text/tokens")]
    """Model whose weights the scorer starts from; the head starts at random."""
    names: tuple[str, ...]
    """Attributes, each a column of the rows that it learns from."""
    head: Literal["mean", "gaussian"] = field("mean")
    """What is told of each attribute: its mean, or its mean and its standard deviation (learned as a logarithm)."""
    gate: Gate = field(Fixed())
    """What makes one reward of the attributes."""
    uncertainty: Literal["aleatoric"] | None = field(None)
    """Figure `uncertainty` beside the score: the sum of the variances, which a Gaussian head has; null tells none."""

    def check(self) -> Iterator[Problem]:
        if not self.names or len(set(self.names)) < len(self.names):
            yield Problem("S405", "names", "`names` lists at least one attribute, and none twice")
        for name in self.names:
            if name in RESERVED:
                yield Problem("S405", "names", f"an attribute cannot be called `{name}`, which is another figure of a reward")
        if self.uncertainty is not None and self.head != "gaussian":
            text = "`uncertainty: aleatoric` is the variance of a Gaussian, and this head tells only means"
            yield Problem("M508", "uncertainty", text, ("write `head: gaussian`, or leave `uncertainty` out",))
        for name in getattr(self.gate, "weights", ()):
            if name not in self.names:
                yield Problem("M509", f"gate.weights.{name}", f"there is no attribute `{name}`", (f"attributes: {', '.join(self.names)}",))

    def output(self) -> Output:
        spread = tuple(f"{name}_std" for name in self.names) if self.head == "gaussian" else ()
        figures = (*self.names, *spread, *(("uncertainty",) if self.uncertainty is not None else ()))
        weights = ("head", "gate") if self.gate.learned else ("head",)
        context = self.backbone.output.context
        return Output("scorer", columns=figures, context=context, attributes=self.names, uncertainty=self.uncertainty or "", weights=weights)

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the backbone with one or two outputs an attribute, and those of the gate."""
        from .effort import estimated

        network = ask(self.backbone).network
        outputs = len(self.names) * (2 if self.head == "gaussian" else 1)
        return estimated(None if network is None else network.as_scorer(outputs, self.gate.numbers(network.hidden, len(self.names))))


RESERVED = ("score", "uncertainty", "gap", "frobenius", "aleatoric", "prompt", "completion", "chosen", "rejected")


class Ensemble(Reward):
    """Several scorers that differ by the start of their heads and by the rows they learn from, and that are asked together.

    Where they disagree, the reward is unsure: the figure `gap` is the largest reward less the smallest (u1 of arXiv:2410.00847). Of Gaussians there are
    also `frobenius`, the largest norm of a member's covariance (u2), and `aleatoric`, the mean over members of the sum of variances. The score of an
    answer is the `combine` of its members'.
    """

    kind: Literal["ensemble"] = "ensemble"
    random: ClassVar[bool] = True

    of: Annotated[Ref, Needs(("scorer",))]
    """Scorer that every member is like: a reward before training."""
    members: int = field(unit="members", ge=1)
    """Number of members."""
    shares: Literal["backbone", "nothing"] = field("backbone")
    """Members are heads on one backbone, or whole models."""
    bagging: bool = field(True)
    """Each member learns from a bootstrap sample of the rows, in which a row stands Poisson(1) times; otherwise all learn from the same."""
    combine: Literal["mean", "min", "median"] = field("mean")
    """What makes one score of those of the members."""
    uncertainty: Literal["gap", "frobenius", "aleatoric"] = field("gap")
    """Which of them is the figure `uncertainty`."""

    def check(self) -> Iterator[Problem]:
        if self.members == 1:
            text = "an ensemble of one cannot disagree with itself"
            yield Problem("M525", "members", text, ("take at least 2 members", f"or use `{self.of}` by itself"))
        if self.of.output.members > 1:
            yield Problem("M525", "of", f"`{self.of}` is an ensemble already", ("name the scorer that its members are like",))
        if self.uncertainty != "gap" and not any(name.endswith("_std") for name in self.of.output.columns):
            text = f"`uncertainty: {self.uncertainty}` is made of variances, and `{self.of}` tells none"
            yield Problem("M508", "uncertainty", text, ("write `uncertainty: gap`, or take a scorer of `attributes` with `head: gaussian`",))

    def output(self) -> Output:
        one = self.of.output
        spread = ("frobenius", "aleatoric") if any(name.endswith("_std") for name in one.columns) else ()
        figures = (*(name for name in one.columns if name != "uncertainty"), "gap", *spread, "uncertainty")
        attributes, unsure, weights = one.attributes, self.uncertainty, one.weights
        return Output("scorer", columns=figures, context=one.context, attributes=attributes, uncertainty=unsure, members=self.members, weights=weights)

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the scorer, and a head for each further member; or as many scorers."""
        from .effort import estimated

        network = ask(self.of).network
        if network is None:
            return estimated(None)
        return estimated(network.members(self.members, self.shares == "nothing"))
