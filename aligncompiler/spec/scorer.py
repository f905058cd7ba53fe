"""Rewards that are learned: heads on a backbone, which a `train` stage fits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from .base import Kind, Needs, Output, Problem, Ref, field
from .reward import Reward
from .spread import SPREADS, spreads_in
from .topology import check_separator

if TYPE_CHECKING:
    from .cost import Estimate, Survey


class Scalar(Reward):
    """A learned scorer: a backbone with one output, r(x, y), read at the end of the answer, of an encoder at the first token."""

    kind: Literal["scalar"] = "scalar"
    random: ClassVar[bool] = True

    backbone: Annotated[Ref, Needs(("policy", "encoder", "scorer"), space="text/tokens")]
    """Model whose weights the scorer starts from, another scorer for one; the head starts at random."""

    def check(self) -> Iterator[Problem]:
        yield from check_backbone(self.backbone)

    def output(self) -> Output:
        return Output("scorer", space=self.backbone.output.space, context=self.backbone.output.context, weights=("head",))

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the backbone with one output in place of its own."""
        from .effort import estimated

        network = ask(self.backbone).network
        return estimated(None if network is None else network.as_scorer())


def check_backbone(backbone: Ref) -> Iterator[Problem]:
    """A scorer gives its backbone away if it has one, and one alone, under a head that is replaced."""
    one = backbone.output
    if one.artifact == "scorer" and ("head" not in one.weights or one.members > 1):
        what = "is an ensemble" if one.members > 1 else "has no head, which a new one could replace"
        yield Problem("M508", "backbone", f"`{backbone}` {what}", ("name the model that it was made of, or a scorer of one head",))


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

    backbone: Annotated[Ref, Needs(("policy", "encoder", "scorer"), space="text/tokens")]
    """Model whose weights the scorer starts from, another scorer for one; the head starts at random."""
    names: tuple[str, ...]
    """Attributes, each a column of the rows that it learns from."""
    head: Literal["mean", "gaussian"] = field("mean")
    """What is told of each attribute: its mean, or its mean and its standard deviation (learned as a logarithm)."""
    start: Literal["labels", "zero"] = field("labels")
    """Where the head starts: at the mean and the standard deviation of the labels of its first training, attribute by attribute, and in their unit; or at
    0 and 1."""
    gate: Gate = field(Fixed())
    """What makes one reward of the attributes."""
    uncertainty: Literal["aleatoric"] | None = field(None)
    """Figure `uncertainty` beside the score: the sum of the variances, which a Gaussian head has; null tells none."""

    def check(self) -> Iterator[Problem]:
        yield from check_backbone(self.backbone)
        if not self.names or len(set(self.names)) < len(self.names):
            yield Problem("S405", "names", "`names` lists at least one attribute, and none twice")
        for name in self.names:
            if name in RESERVED or FIGURE.search(name):
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
        one, unsure = self.backbone.output, self.uncertainty or ""
        return Output(
            "scorer",
            columns=figures,
            space=one.space,
            context=one.context,
            attributes=self.names,
            uncertainty=unsure,
            weights=weights,
            hollow=spreads_in(figures, unsure),
        )

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the backbone with one or two outputs an attribute, and those of the gate."""
        from .effort import estimated

        network = ask(self.backbone).network
        outputs = len(self.names) * (2 if self.head == "gaussian" else 1)
        return estimated(None if network is None else network.as_scorer(outputs, self.gate.numbers(network.hidden, len(self.names))))


FIGURES = ("score", "probability", "num_steps", "first_wrong", "uncertainty", "gap", *SPREADS)
FIGURE = re.compile(r"_std$|^member_\d+$")  # a standard deviation, the reward of a member
RESERVED = (*FIGURES, "prompt", "completion", "chosen", "rejected")  # names that no attribute can have
STEP_FIGURES = ("num_steps", "first_wrong")  # of a scorer that judges the steps of an answer


def tells_steps(scorer: Output) -> bool:
    """Whether a scorer judges the steps of an answer."""
    return set(STEP_FIGURES) <= set(scorer.columns)


class Process(Reward):
    """A learned scorer of every step of an answer: a backbone with one output, the log-odds that the step is right, read at its end (arXiv:2305.20050).

    The score of an answer is the log-odds of what `combine` makes of the probabilities of its steps. Beside it stand `probability`, its sigmoid,
    `num_steps`, and `first_wrong`, the first step whose probability is below 1/2, counted from 1, 0 where there is none. Steps are cut in the tokens
    that the whole answer has; a token that reaches over the end of a step belongs to it. The token that ends an answer is not read.
    """

    kind: Literal["process"] = "process"
    random: ClassVar[bool] = True

    backbone: Annotated[Ref, Needs(("policy", "encoder", "scorer"), space="text/tokens")]
    """Model whose weights the scorer starts from, another scorer for one; the head starts at random."""
    separator: str = field(r"\n")
    """Regular expression of what ends a step, by default a line break; blanks alone are no step. What follows the last one is a step too."""
    combine: Literal["last", "min", "mean", "product"] = field("min")
    """What makes one probability of those of the steps."""

    @property
    def judged(self) -> tuple[str, str]:
        return (self.separator, "")

    def check(self) -> Iterator[Problem]:
        yield from check_backbone(self.backbone)
        yield from check_separator(self.separator)

    def output(self) -> Output:
        one = self.backbone.output
        return Output("scorer", columns=("probability", *STEP_FIGURES), space=one.space, context=one.context, weights=("head",))

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the backbone with one output in place of its own. An encoder reads every step by itself, and how many there are depends on the
        answers, so what that takes is not known."""
        from .effort import estimated

        network = ask(self.backbone).network
        made = estimated(None if network is None else network.as_scorer())
        return made if network is None or network.causal else replace(made, network=None)


class Generative(Reward):
    """A policy as a scorer: asked a question behind the answer, it tells the log-odds of saying yes and not no, log p(yes) - log p(no).

    It has no head: untrained it is the policy's own judgement, trained it is a generative verifier (arXiv:2408.15240; the judge of arXiv:2411.11694
    can be one). The question stands behind the answer as a paragraph of its own, or with a chat template as the next turn of the user; the reply is
    what would come next. Figures beside the score: `probability`, its sigmoid, p(yes) / (p(yes) + p(no)); and per step those of `kind: process`.
    """

    kind: Literal["generative"] = "generative"

    backbone: Annotated[Ref, Needs(("policy",), space="text/tokens")]
    """Policy that is asked."""
    question: str = field("Is the answer correct (Yes/No)?", pattern=r"\S", says="should not be blank")
    """What it is asked."""
    yes: str = field("Yes", pattern=r"\S", says="should not be blank")
    """Reply that speaks for the answer; its first token counts."""
    no: str = field("No", pattern=r"\S", says="should not be blank")
    """Reply that speaks against the answer; its first token counts."""
    per: Literal["answer", "step"] = field("answer")
    """Ask once behind the whole answer, or behind each of its steps."""
    separator: str = field(r"\n")
    """Regular expression of what ends a step, as for `kind: process`; for `per: step`."""
    combine: Literal["last", "min", "mean", "product"] = field("min")
    """What makes one probability of those of the steps; for `per: step`."""

    @property
    def judged(self) -> tuple[str, str]:
        return (self.separator if self.per == "step" else "", self.question)

    def check(self) -> Iterator[Problem]:
        yield from check_separator(self.separator)
        if self.yes == self.no:
            yield Problem("S405", "no", f"`yes` and `no` are both `{self.no}`, so no reply would tell them apart")
        for name in ("separator", "combine") if self.per == "answer" else ():
            if getattr(self, name) != type(self).model_fields[name].default:
                yield Problem("M507", name, f"`{name}` has a meaning only with `per: step`", ("remove it, or write `per: step`",))

    def output(self) -> Output:
        one = self.backbone.output
        return Output("scorer", columns=("probability", *(STEP_FIGURES if self.per == "step" else ())), space=one.space, context=one.context)

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the policy. How often it is asked per step depends on the answers, so what that takes is not known."""
        from .effort import estimated

        network = ask(self.backbone).network
        made = estimated(None if network is None else network.as_judge(self.question))
        return made if self.per == "answer" else replace(made, network=None)


class Ensemble(Reward):
    """Several scorers that differ by the start of their heads and by the rows they learn from, and that are asked together.

    Where they disagree, the reward is unsure: the figure `gap` is the largest reward less the smallest (u1 of arXiv:2410.00847). Of Gaussians there are
    also `frobenius`, the largest norm of a member's covariance (u2), and `aleatoric`, the mean over members of the sum of variances. The score of an
    answer is the `combine` of its members'. A loss of pairs leaves the level of each member free, and what two of them differ by everywhere is then in the
    `gap` too: `center` of `bradley_terry` holds the levels together.
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
        elif self.of.to.startswith("stages."):
            text = f"the heads of members start at random, so what `{self.of}` has learned in its own would be lost"
            help = ("name the reward before training, as in `of: ${rewards.name}`", f"or declare one whose `backbone` is `{self.of}`, which keeps its weights")
            yield Problem("M525", "of", text, help)
        if not self.of.output.weights:
            text = f"`{self.of}` has no head that starts at random, so all members would be the same"
            yield Problem("M525", "of", text, ("take a reward with a head: `scalar`, `attributes` or `process`",))
        if self.uncertainty != "gap" and not any(name.endswith("_std") for name in self.of.output.columns):
            text = f"`uncertainty: {self.uncertainty}` is made of variances, and `{self.of}` tells none"
            yield Problem("M508", "uncertainty", text, ("write `uncertainty: gap`, or take a scorer of `attributes` with `head: gaussian`",))

    def output(self) -> Output:
        one = self.of.output
        spread = SPREADS if any(name.endswith("_std") for name in one.columns) else ()
        figures = (*(name for name in one.columns if name != "uncertainty"), "gap", *spread, "uncertainty")
        attributes, unsure, weights = one.attributes, self.uncertainty, one.weights
        return Output(
            "scorer",
            columns=figures,
            space=one.space,
            context=one.context,
            attributes=attributes,
            uncertainty=unsure,
            members=self.members,
            whole=self.shares == "nothing",
            weights=weights,
            hollow=spreads_in(figures, unsure),
        )

    def estimate(self, ask: Survey) -> Estimate:
        """The numbers of the scorer, and a head for each further member; or as many scorers."""
        from .effort import estimated

        network = ask(self.of).network
        if network is None:
            return estimated(None)
        return estimated(network.members(self.members, self.shares == "nothing"))
