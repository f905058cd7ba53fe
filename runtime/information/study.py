"""Mean inference distances of designs over independent draws; what a design leaves open is chosen beforehand, on draws of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..checkpoints import Keep
from .bias import Bias, Whole

PILOT, MAIN = 0, 1  # draws that choose, draws that measure


@dataclass(frozen=True)
class Design:
    """A way to draw pairs: `draw(generator, responses, pairs, size)`, where the size is one of the `candidates` for a number of pairs."""

    name: str
    draw: Callable[[np.random.Generator, int, int, int], Whole]
    candidates: Mapping[int, Sequence[int]]

    def draws(self, repetitions: int, pilot: int) -> int:
        """How often it is drawn in all."""
        return sum(repetitions + (pilot * len(sizes) if len(sizes) > 1 else 0) for sizes in self.candidates.values())


@dataclass(frozen=True)
class Found:
    """The size that was taken, and the mean distance of each draw."""

    size: int
    distances: tuple[float, ...]


@dataclass(frozen=True)
class Study:
    """`distance` gives the mean distance of `sources` responses to others after comparisons of a `variance` each.

    A random number depends on the seed, the phase, the number of the draw, the design, its size and the number of comparisons: a further
    size or design changes no other figure. Draws of one number share their sources, so that designs are compared pairwise.
    """

    bias: Bias
    variance: float
    distance: Callable[[Bias, Whole, float, Whole], float]
    sources: int
    seed: int
    pilot: int
    repetitions: int
    keep: Keep

    def run(self, designs: Sequence[Design], told: Callable[[], None]) -> dict[tuple[int, str], Found]:
        """What is found for each number of comparisons and design; `told` is called after every draw."""
        found = {}
        for number, design in enumerate(designs):
            for count, sizes in design.candidates.items():
                means = [np.mean(self.over(PILOT, design, number, count, size, told)) for size in sizes] if len(sizes) > 1 else [0.0]
                size = sizes[int(np.argmin(means))]
                found[count, design.name] = Found(size, tuple(self.over(MAIN, design, number, count, size, told)))
        return found

    def over(self, phase: int, design: Design, number: int, count: int, size: int, told: Callable[[], None]) -> list[float]:
        """The mean distance of every draw of a phase."""
        found = []
        for draw in range(self.pilot if phase == PILOT else self.repetitions):
            found.append(self.keep([phase, draw, design.name, count, size], lambda draw=draw: self.measured(phase, draw, design, number, count, size)))
            told()
        return found

    def measured(self, phase: int, draw: int, design: Design, number: int, count: int, size: int) -> float:
        """The mean distance after one draw."""
        shared = np.random.default_rng([self.seed, phase, draw])
        sources_S = np.sort(shared.choice(self.bias.responses, self.sources, replace=False))
        generator = np.random.default_rng([self.seed, phase, draw, number, count, size])
        return self.distance(self.bias, design.draw(generator, self.bias.responses, count, size), self.variance, sources_S)
