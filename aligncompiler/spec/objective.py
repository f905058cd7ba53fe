"""Objectives: what training minimises, as a function of a few measured quantities.

`reads` names the quantities in the order of the implementation's tensors: `<leaf>_logp` (sum over the answer's tokens, natural log),
`<leaf>_token_logp`, `reference_<leaf>_logp`, `<leaf>_reward`, and of a scorer of attributes `<leaf>_attributes` (their means) and
`<leaf>_log_std`, where the leaves are those of the row kind (`completion`, or `chosen` and `rejected`); `completion_steps`, the log-odds of each
step of an answer; `margin`; `score`; `labels`, what the rows say of each attribute, and `step_labels`, what they say of each step, NaN where they
say nothing; and `noise`, standard normal numbers, one an attribute. `per` is the item that one entry of the loss stands for, hence the denominator
of the mean; of steps those that have a label count.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import Kind, field


class Objective(Kind):
    """A loss: which model it trains, on which rows, from which quantities. `columns` must be there beside those of the rows' kind. `collapses` says that
    its minimum has no spread, whatever the rows."""

    family: ClassVar[str] = "objectives"
    trains: ClassVar[str] = ""
    rows: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()
    per: ClassVar[Literal["tokens", "rows", "steps"]] = "rows"
    collapses: ClassVar[bool] = False

    def wants_reference(self) -> bool:
        return any(name.startswith("reference_") for name in self.reads)

    @property
    def answers(self) -> int:
        """How many answers of a row it looks at: both of a pair, else one."""
        return 2 if any(name.startswith("chosen_") for name in self.reads) else 1


class SFT(Objective):
    """Cross-entropy of the demonstrated answer, mean over answer tokens; the prompt is not a target.

    Of a preference pair the chosen answer is the demonstration; of a text all of it is.
    """

    kind: Literal["sft"] = "sft"
    trains: ClassVar[str] = "policy"
    rows: ClassVar[tuple[str, ...]] = ("demonstrations", "preferences", "text")
    reads: ClassVar[tuple[str, ...]] = ("completion_token_logp",)
    per: ClassVar[Literal["tokens", "rows", "steps"]] = "tokens"


class BradleyTerry(Objective):
    """Pairwise logistic loss of a scorer, -log sigma(r_chosen - r_rejected - margin)."""

    kind: Literal["bradley_terry"] = "bradley_terry"
    trains: ClassVar[str] = "scorer"
    rows: ClassVar[tuple[str, ...]] = ("preferences",)
    reads: ClassVar[tuple[str, ...]] = ("chosen_reward", "rejected_reward", "margin")

    center: float = field(0.0, unit="1/reward^2", ge=0)
    """Weight of (r_chosen + r_rejected)^2, which keeps rewards near zero."""


class DPO(Objective):
    """Direct preference optimisation (arXiv:2305.18290): -log sigma(beta (log-ratio of chosen - log-ratio of rejected))."""

    kind: Literal["dpo"] = "dpo"
    trains: ClassVar[str] = "policy"
    rows: ClassVar[tuple[str, ...]] = ("preferences",)
    reads: ClassVar[tuple[str, ...]] = ("chosen_logp", "rejected_logp", "reference_chosen_logp", "reference_rejected_logp")

    beta: float = field(0.1, unit="1/nat", gt=0)
    """Strength of the pull towards the reference."""
    label_smoothing: float = field(0.0, unit="probability", ge=0, lt=0.5)
    """Probability that a label is wrong (conservative DPO)."""
    sft_weight: float = field(0.0, unit="1", ge=0)
    """Weight of -log pi(chosen), added so that chosen answers do not become less likely (arXiv:2406.07327, SFT-DPO)."""


class CrossEntropy(Objective):
    """Binary cross-entropy of a scorer, -y log p - (1 - y) log(1 - p): its score is the log-odds that an answer is right, p = sigma(r).

    y is the column `score` of the rows, 1 for a right answer, 0 for a wrong one, or how likely it is right. Source: arXiv:2408.15240 (a generative
    verifier without reasoning), arXiv:2110.14168 (verifiers).
    """

    kind: Literal["cross_entropy"] = "cross_entropy"
    trains: ClassVar[str] = "scorer"
    rows: ClassVar[tuple[str, ...]] = ("completions",)
    reads: ClassVar[tuple[str, ...]] = ("completion_reward", "score")
    columns: ClassVar[tuple[str, ...]] = ("score",)


class StepCrossEntropy(Objective):
    """Binary cross-entropy of each step of an answer, mean over the steps that have a label (arXiv:2305.20050, arXiv:2312.08935).

    The rows say what the steps are (`steps`, which make up the answer) and how likely each is right (`step_labels`, in [0, 1]); null counts for nothing.
    """

    kind: Literal["step_cross_entropy"] = "step_cross_entropy"
    trains: ClassVar[str] = "scorer"
    rows: ClassVar[tuple[str, ...]] = ("completions",)
    reads: ClassVar[tuple[str, ...]] = ("completion_steps", "step_labels")
    columns: ClassVar[tuple[str, ...]] = ("steps", "step_labels")
    per: ClassVar[Literal["tokens", "rows", "steps"]] = "steps"


class SquaredError(Objective):
    """Regression of attributes: the sum over attributes of (mean - label)^2."""

    kind: Literal["squared_error"] = "squared_error"
    trains: ClassVar[str] = "scorer"
    rows: ClassVar[tuple[str, ...]] = ("completions",)
    reads: ClassVar[tuple[str, ...]] = ("completion_attributes", "labels")


class GaussianLikelihood(Objective):
    """Negative log-likelihood of Gaussian attributes, less its constant: the standard deviation learns how far labels scatter (arXiv:2410.00847)."""

    kind: Literal["gaussian_likelihood"] = "gaussian_likelihood"
    trains: ClassVar[str] = "scorer"
    rows: ClassVar[tuple[str, ...]] = ("completions",)
    reads: ClassVar[tuple[str, ...]] = ("completion_attributes", "completion_log_std", "labels")

    clamp: float = field(7.0, unit="ln of the attribute's unit", gt=0)
    """The logarithm of the standard deviation is held in [-clamp, clamp]; one repeated label would send it to minus infinity."""


class GaussianRegression(Objective):
    """Reparameterised regression of Gaussian attributes: (mean + noise x standard deviation - label)^2 with fresh noise (arXiv:2410.00847).

    Its expectation is (mean - label)^2 + variance: the standard deviation shrinks towards zero whatever the labels are, so it regularises, and says
    nothing about uncertainty.
    """

    kind: Literal["gaussian_regression"] = "gaussian_regression"
    trains: ClassVar[str] = "scorer"
    rows: ClassVar[tuple[str, ...]] = ("completions",)
    reads: ClassVar[tuple[str, ...]] = ("completion_attributes", "completion_log_std", "labels", "noise")
    collapses: ClassVar[bool] = True
