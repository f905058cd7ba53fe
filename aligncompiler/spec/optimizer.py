"""Optimisers and the shape of the learning rate over time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from .base import Kind, Problem, Spec, field


class Optimizer(Kind):
    """How gradients become steps. `moments`: numbers that it keeps for each trained number."""

    family: ClassVar[str] = "optimizers"
    moments: ClassVar[int | None] = None


class AdamW(Optimizer):
    """Adam with decoupled weight decay (arXiv:1711.05101); biases and norms are not decayed."""

    kind: Literal["adamw"] = "adamw"
    moments: ClassVar[int | None] = 2

    learning_rate: float = field(unit="1/step", gt=0)
    """Peak learning rate."""
    betas: tuple[float, float] = field((0.9, 0.999), unit="1")
    """Decay of the running means of the gradient and of its square."""
    eps: float = field(1e-8, unit="gradient", gt=0)
    """Added to the root of the second moment."""
    weight_decay: float = field(0.0, unit="1", ge=0)
    """Decay of the weights, times the learning rate, per step."""

    def check(self) -> Iterator[Problem]:
        for index, beta in enumerate(self.betas):
            if not 0 <= beta < 1:
                yield Problem("S405", f"betas.{index}", f"`betas` holds {beta}; each should be at least 0 and below 1")


class Schedule(Spec):
    """Learning rate over the budget, as a share of its peak."""

    shape: Literal["cosine", "linear", "constant"] = field("cosine")
    """Shape of the fall after warm-up."""
    warmup: float = field(0.05, unit="share of the steps", ge=0, le=1)
    """Linear rise from zero over this share of the budget."""
    floor: float = field(0.0, unit="share of the peak", ge=0, le=1)
    """Where the fall ends."""

    def check(self) -> Iterator[Problem]:
        if self.shape == "constant" and self.floor > 0:
            yield Problem("M507", "floor", "`shape: constant` does not fall, so `floor` has no effect", ("remove `floor`, or choose another `shape`",))
