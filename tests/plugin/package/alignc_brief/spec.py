"""The kinds that this package adds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from aligncompiler.spec.base import Output, Problem, Range, Spec, field
from aligncompiler.spec.dataset import Dataset, check_between
from aligncompiler.spec.objective import Objective
from aligncompiler.spec.reward import Reward


class Penalty(Spec):
    """What an answer outside the range loses."""

    per_word: float = field(0.1, unit="reward per word", ge=0)
    """Taken off for every word too many or too few."""
    most: float = field(1.0, unit="reward", gt=0)
    """Most that is taken off."""


class Brief(Reward):
    """1 for an answer with the right number of words, less a penalty for each word beside it."""

    kind: Literal["brief"] = "brief"

    words: Range
    """Fewest and most words, both allowed."""
    penalty: Penalty = field(Penalty())
    """What other answers lose."""

    @property
    def figures(self) -> tuple[str, ...]:
        return ("words",)


class Sums(Dataset):
    """Sums of two whole numbers, each once, in an order drawn from `seed`."""

    kind: Literal["sums"] = "sums"
    count: int = field(unit="rows", ge=1)
    """Most rows to generate."""
    largest: int = field(99, unit="1", ge=1)
    """Largest summand."""
    between: tuple[float, float] = field((0.0, 1.0), unit="share of the hash range")
    """Keep the sums whose hash falls in [lower, upper)."""
    seed: int = field(0)
    """Seed of the generator; not moved by the seed of the experiment."""

    def check(self) -> Iterator[Problem]:
        yield from check_between(self.between)

    def output(self) -> Output:
        return Output("dataset", ("problems", "demonstrations"), ("carries",))


class Hinge(Objective):
    """Hinge loss of the gap between the log-probabilities of two answers (arXiv:2305.10425)."""

    kind: Literal["hinge"] = "hinge"
    trains: ClassVar[str] = "policy"
    rows: ClassVar[tuple[str, ...]] = ("preferences",)
    reads: ClassVar[tuple[str, ...]] = ("chosen_logp", "rejected_logp")

    gap: float = field(1.0, unit="nat", gt=0)
    """Gap that costs nothing."""
