"""Metrics of rewards: how often, how surely and how usefully a scorer is right, on pairs or on answers that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from .base import Needs, Problem, Ref, Spec, field
from .metric import Judged, Metric, check_part
from .reward import UNCERTAINTY, Reward
from .spread import SPREADS, check_spread

UNSURE = (UNCERTAINTY, "gap", *SPREADS)  # figures of how unsure a scorer is, beside standard deviations

GAPS = {"own": (), "scores": ("chosen_score", "rejected_score"), "margin": ("margin",)}  # columns that tell how far apart two answers are


class OfPairs(Metric):
    """A metric of what a scorer says of both answers of a pair."""

    judges: ClassVar[tuple[str, ...]] = ("scorer",)
    rows: ClassVar[tuple[str, ...]] = ("preferences",)
    measures: ClassVar[Literal["answers", "pairs", "completions"]] = "pairs"


class OfCompletions(Metric):
    """A metric of what a scorer says of answers that the rows hold."""

    judges: ClassVar[tuple[str, ...]] = ("scorer",)
    rows: ClassVar[tuple[str, ...]] = ("completions",)
    measures: ClassVar[Literal["answers", "pairs", "completions"]] = "completions"


class CertainAccuracy(OfPairs):
    """Share of pairs in the right order, among those that a scorer is surest of and those that it is least sure of.

    A pair is as uncertain as its two answers together. Where uncertainty says something, the surest pairs are right more often than all, and the least
    sure ones less often (arXiv:2410.00847).
    """

    kind: Literal["certain_accuracy"] = "certain_accuracy"

    share: float = field(0.5, unit="share of the pairs", gt=0, le=0.5)
    """Size of each of the two groups."""
    figure: str = field("uncertainty")
    """Figure that tells how unsure the scorer is."""

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        yield from check_unsure(self, judged, self.figure)


class GapAccuracy(OfPairs):
    """Share of pairs in the right order, by how far apart their answers are: as the scorer puts them, or as the rows say (arXiv:2309.10305)."""

    kind: Literal["gap_accuracy"] = "gap_accuracy"

    gap: Literal["own", "scores", "margin"] = field("own")
    """How far apart: the difference of the scorer's own scores; that of the `chosen_score` and `rejected_score` which a `pair` stage wrote; or the column
    `margin`."""
    groups: int = field(5, unit="groups", ge=2)
    """Number of groups, from the pairs with the smallest gap to those with the largest: of equal size, or where the rows tell no more than so many
    gaps, one a gap."""

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        for name in GAPS[self.gap]:
            if not data.output.has_column(name):
                yield Problem("M509", "gap", f"`{data}` has no column `{name}`", (f"columns: {', '.join(data.output.columns)}",))


class Section(Spec):
    """Subsets that count together."""

    subsets: tuple[str, ...]
    """Values of the column that divides the rows."""
    counts: Mapping[str, float] = field({}, unit="pairs")
    """Subset -> how many pairs it counts as; those that are not named count as many as were measured."""
    weight: float = field(1.0, unit="1", gt=0)
    """Weight of the section in the mean over sections."""

    def check(self) -> Iterator[Problem]:
        if not self.subsets or len(set(self.subsets)) < len(self.subsets):
            yield Problem("S405", "subsets", "`subsets` names at least one, and none twice")
        for name, count in self.counts.items():
            if name not in self.subsets:
                yield Problem("M509", f"counts.{name}", f"the section has no subset `{name}`", (f"subsets: {', '.join(self.subsets)}",))
            if count <= 0:
                yield Problem("S405", f"counts.{name}", f"a subset counts as more than 0 pairs; this is {count:g}")


class SectionAccuracy(OfPairs):
    """Accuracy by sections: that of a section is the mean over its subsets, that of all the mean over sections (RewardBench, arXiv:2403.13787)."""

    kind: Literal["section_accuracy"] = "section_accuracy"

    by: str = field("subset")
    """Column that says which subset a row belongs to."""
    sections: Mapping[str, Section]
    """Name -> the subsets that count together; rows of others count for nothing."""
    question: str | None = field(None)
    """Column whose value is the same in all pairs of a question, which is then right only if all of them are in order, and one half where the chosen
    answer shares the best score with another, as in RewardBench 2 (arXiv:2506.01937); null takes each pair by itself."""

    def check(self) -> Iterator[Problem]:
        if not self.sections:
            yield Problem("S405", "sections", "`sections` is empty; name at least one")
        owner: dict[str, str] = {}
        for name, section in self.sections.items():
            for place, subset in enumerate(section.subsets):
                if owner.setdefault(subset, name) != name:
                    yield Problem("S405", f"sections.{name}.subsets.{place}", f"`{subset}` stands in section `{owner[subset]}` already")

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        yield from check_column(data, "question", self.question)


class StyleAccuracy(OfPairs):
    """Accuracy for each style of the chosen and of the rejected answer (the matrix of RM-Bench, arXiv:2410.16184).

    `hard` pairs have a plainer style in the chosen answer, `easy` ones in the rejected, `normal` ones the same in both; each is the mean over its cells.
    Rows that list several answers, `chosen: [a, b, c]` and `rejected: [d, e, f]`, become all pairs, with the places of the two in `chosen_version` and
    `rejected_version`.
    """

    kind: Literal["style_accuracy"] = "style_accuracy"

    styles: tuple[str, ...] = field(("concise", "detailed", "markdown"))
    """Names of the styles from the plainest on, in the order in which the rows list answers."""
    by: str | None = field(None)
    """Column to split the table by."""

    def check(self) -> Iterator[Problem]:
        if len(set(self.styles)) < max(2, len(self.styles)):
            yield Problem("S405", "styles", "`styles` names at least two, and none twice")


class Ties(OfPairs):
    """Score of RewardBench 2 for questions with many right answers: all of them belong above all wrong ones, and closer together than to these.

    Each question is asked twice: with one right answer (`ref:1`) and with many (`tied:1`). The score is 0.3 (share of tied questions whose right answers
    all score above the wrong ones) + 0.3 (the same of reference questions) + 0.2 (share of questions where that margin of the tied one exceeds the
    spread of its right answers) + 0.2 (the same with the smaller of both margins) + 0.01 mean tanh(smaller margin / spread - 1) (arXiv:2506.01937).
    """

    kind: Literal["ties"] = "ties"

    question: str = field("id")
    """Column with `ref:` or `tied:` and the name of the question."""


class PairNLL(OfPairs):
    """Mean of -log sigma(score of chosen - score of rejected): what a Bradley-Terry model pays for the pairs. ln 2 says nothing."""

    kind: Literal["pair_nll"] = "pair_nll"


class CalibrationError(OfPairs):
    """Expected calibration error of the probability that a Bradley-Terry model gives to the answer it prefers, sigma(|difference of scores|).

    The mean over bins of |share of pairs in the right order - mean probability|, weighted by the pairs in them (arXiv:1706.04599).
    """

    kind: Literal["calibration_error"] = "calibration_error"

    bins: int = field(10, unit="bins", ge=2)
    """Number of bins of equal width between 1/2 and 1."""


class ErrorAUROC(OfPairs):
    """Chance that a scorer is less sure of a pair that it gets wrong than of one that it gets right: the area under the curve of error detection.

    A pair is as uncertain as its two answers together; 1/2 says nothing.
    """

    kind: Literal["error_auroc"] = "error_auroc"

    figure: str = field("uncertainty")
    """Figure that tells how unsure the scorer is."""

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        yield from check_unsure(self, judged, self.figure)


class UncertaintyCorrelation(OfPairs):
    """Correlation (Pearson) over pairs of how unsure a scorer is of both answers together with a number in the rows, such as the agreement of annotators."""

    kind: Literal["uncertainty_correlation"] = "uncertainty_correlation"

    column: str
    """Column with the number."""
    figure: str = field("uncertainty")
    """Figure that tells how unsure the scorer is."""

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        yield from check_unsure(self, judged, self.figure)
        yield from check_column(data, "column", self.column)


class MemberAgreement(OfPairs):
    """Share of the pairs of members of an ensemble that put the two answers in the same order."""

    kind: Literal["member_agreement"] = "member_agreement"

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        if judged.output.artifact == "scorer" and judged.output.members < 2:
            help = ("name an `ensemble`, trained", "or measure `pair_accuracy`")
            yield Problem("M508", "", f"metric `{self.tag}` compares the members of an ensemble, and `{judged}` has none", help)


class AttributeNLL(OfCompletions):
    """Mean negative log-likelihood of ratings under the Gaussians of a scorer, summed over attributes, in nats an answer."""

    kind: Literal["attribute_nll"] = "attribute_nll"

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        yield from check_gaussian(self, judged, data)


class SpreadCorrelation(OfCompletions):
    """Correlation (Pearson) over answers of the standard deviation that a scorer tells with the error it makes, |mean - rating|; mean over attributes.

    About 0 where ratings scatter the same everywhere.
    """

    kind: Literal["spread_correlation"] = "spread_correlation"

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        yield from check_gaussian(self, judged, data)


class LengthCorrelation(OfCompletions):
    """Correlation (Pearson) of the score of an answer with its number of words, both less their mean over the answers to the prompt."""

    kind: Literal["length_correlation"] = "length_correlation"


class Shift(OfCompletions):
    """How much higher a figure is on these rows than on others: of uncertainty, whether a scorer notices that rows are out of its distribution."""

    kind: Literal["shift"] = "shift"

    against: Annotated[Ref, Needs(("dataset",), ("completions",))]
    """The other rows."""
    figure: str = field("uncertainty")
    """Figure of the scorer."""

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        known = ("score", *judged.output.columns)
        if judged.output.artifact == "scorer" and self.figure not in known:
            yield Problem("M509", "figure", f"`{judged}` gives no figure `{self.figure}`", (f"what it gives: {', '.join(known)}",))
        yield from check_spread(*judged, self.figure, "figure")


class BestOfN(OfCompletions):
    """True reward of the answer that a scorer likes best among N: the mean over all choices of N of the answers to a prompt, for growing N.

    The headline is the largest N. `slope` is that of the curve over ln N (least squares), `fall` how far the curve lies at the end below its highest
    point: what is lost by trusting the scorer too much (arXiv:2210.10760). Among answers that the scorer likes equally each is as likely. The baseline
    `truth` chooses by the true reward itself.
    """

    kind: Literal["best_of_n"] = "best_of_n"
    version: ClassVar[int] = 2  # 2: the default of `sizes` is of answers that are there, scored or not

    truth: Reward | Annotated[Ref, Needs(("scorer",))]
    """The true reward: a rule, or a trained scorer that had no part in what is judged."""
    part: str = field("score")
    """Part of the true reward."""
    sizes: tuple[int, ...] = field((), unit="answers")
    """Sizes N, growing; empty takes 1, 2, 4 and so on as far as nine prompts of ten have answers. Prompts with fewer than the largest are left out and
    counted."""
    sure: tuple[float, ...] = field((), unit="share of all answers")
    """Choose also among answers whose uncertainty is at most this quantile of that of all answers, for each quantile; where a prompt's N answers hold none,
    the surest one. The baseline `dropped` leaves out as many at random."""
    strength: tuple[float, ...] = field((), unit="score per uncertainty")
    """Choose also by the score less this multiple of its uncertainty, for each of them."""
    figure: str = field("uncertainty")
    """Figure that tells how unsure the scorer is."""

    def check(self) -> Iterator[Problem]:
        yield from check_part(self.truth, self.part, "truth")
        if self.figure != UNCERTAINTY and not (self.sure or self.strength):
            yield Problem(
                "M507", "figure", "`figure` tells how unsure the scorer is, and nothing asks for it", ("state `sure` or `strength`, or remove `figure`",)
            )
        if any(size < 1 for size in self.sizes) or list(self.sizes) != sorted(set(self.sizes)):
            yield Problem("S405", "sizes", "`sizes` are numbers from 1 on, each larger than the one before")
        for place, share in enumerate(self.sure):
            if not 0 < share < 1:
                yield Problem("S405", f"sure.{place}", f"`sure` is a share of all answers, between 0 and 1; this is {share:g}")
        for place, multiple in enumerate(self.strength):
            if multiple <= 0:
                yield Problem("S405", f"strength.{place}", f"`strength` is above 0; this is {multiple:g}")

    def check_judged(self, judged: Judged, data: Ref) -> Iterator[Problem]:
        for name in ("sure", "strength"):
            if getattr(self, name):
                yield from check_unsure(self, judged, self.figure, name)


def check_unsure(metric: Metric, judged: Judged, figure: str, field: str = "") -> Iterator[Problem]:
    """A scorer must give a figure, as a rule that of how sure it is."""
    told = [name for name in judged.output.columns if name in UNSURE or name.endswith("_std")]
    yield from check_spread(*judged, figure, "figure")
    if judged.output.artifact != "scorer" or figure in told:
        return
    if figure == UNCERTAINTY:
        help = ("give it an `uncertainty`: attributes with `head: gaussian`, or an ensemble", "or leave this out")
        yield Problem("M508", field, f"metric `{metric.tag}` asks how sure `{judged}` is, which it does not tell", help)
    else:
        known = (f"what tells it: {', '.join(told)}",) if told else ()
        yield Problem("M509", "figure", f"`{judged}` gives no figure `{figure}` of how unsure it is", known)


def check_gaussian(metric: Metric, judged: Judged, data: Ref) -> Iterator[Problem]:
    """A scorer must tell Gaussians, and the rows what they are of."""
    if judged.output.artifact != "scorer":
        return
    if not any(name.endswith("_std") for name in judged.output.columns):
        help = ("take a scorer of `attributes` with `head: gaussian`, or an ensemble of them",)
        yield Problem("M508", "", f"metric `{metric.tag}` is of the Gaussians of a scorer, and `{judged}` tells none", help)
    for name in judged.output.attributes:
        yield from check_column(data, "", name)


def check_column(data: Ref, field: str, name: str | None) -> Iterator[Problem]:
    if name is not None and not data.output.has_column(name):
        yield Problem("M509", field, f"`{data}` has no column `{name}`", (f"columns: {', '.join(data.output.columns)}",))
