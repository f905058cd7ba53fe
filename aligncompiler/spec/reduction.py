"""Reductions: how the entries of a loss become the loss of an optimiser step.

All count over the whole step, whatever forward passes and devices it is cut into.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import Kind, field


class Reduction(Kind):
    """A rule that gives the entries of the loss their weight in the loss of a step. `sequences`: it asks which tokens belong to one answer."""

    family: ClassVar[str] = "reductions"
    sequences: ClassVar[bool] = True


class Mean(Reduction):
    """Every entry counts the same: each token of the step where the objective speaks of tokens (the token mean), each row where it speaks of rows, each
    labelled step of an answer where it speaks of those."""

    kind: Literal["mean"] = "mean"
    sequences: ClassVar[bool] = False


class SequenceMean(Reduction):
    """Every answer counts the same: the mean over answers of the mean over an answer's tokens, or over its labelled steps."""

    kind: Literal["sequence_mean"] = "sequence_mean"


class FixedLength(Reduction):
    """The sum over all tokens of the step, divided by the number of answers times one length.

    A token counts the same in every step, however long its answers are (arXiv:2503.20783).
    """

    kind: Literal["fixed_length"] = "fixed_length"
    tokens: int = field(unit="tokens", ge=1)
    """Length that stands for that of every answer."""
