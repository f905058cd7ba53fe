"""Structures: what a reward model assumes the rewards of different responses to have in common before it has seen a comparison.

A structure is a graph with the responses among its nodes. An edge says that two rewards are alike, with the variance of their difference.
All are scaled so that the mean inference distance between two different responses is `information`, which is F(1) of the structural function.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from .base import Kind, Problem, field

MOST_EDGES = 4_000_000  # of a structure in which every two responses share one


class Structure(Kind):
    """Edges of inductive bias between responses, with variances."""

    family: ClassVar[str] = "structures"

    responses: int = field(unit="responses", ge=4)
    """Number of responses to the prompt, the nodes Y."""
    information: float = field(unit="reward^2", gt=0)
    """I: mean inference distance between two different responses before any comparison, in the unit of the variance of a comparison."""


class Hierarchy(Structure):
    """Responses are the leaves of a perfect binary tree, as if sampled from a policy that decides step by step: `F(M) ~ I M^-alpha`."""

    kind: Literal["hierarchy"] = "hierarchy"

    alpha: float = field(unit="1", gt=0, lt=1)
    """How fast clusters tighten: two responses that part at depth m are `2^(-alpha m)` as far apart as two that part at once, where `decay` is
    `power`, and `(1 + m)^-alpha` where it is `logarithm`. A small alpha is a diverse space of responses."""
    decay: Literal["power", "logarithm"] = field("power")
    """Law of the structural function: `I M^-alpha` or `I (1 + log2 M)^-alpha`."""

    def check(self) -> Iterator[Problem]:
        if self.responses & (self.responses - 1):
            below = 1 << (self.responses.bit_length() - 1)
            text = f"the leaves of a perfect binary tree are a power of two, not {self.responses}"
            yield Problem("S405", "responses", text, (f"take {below} or {2 * below}",))


class Path(Structure):
    """Responses in a row, each like its neighbours alone: `F(M) ~ I / M`."""

    kind: Literal["path"] = "path"


class Clique(Structure):
    """Every two responses are alike in the same degree: F is constant."""

    kind: Literal["clique"] = "clique"

    def check(self) -> Iterator[Problem]:
        edges = self.responses * (self.responses - 1) // 2
        if edges > MOST_EDGES:
            text = f"{self.responses} responses, every two of which share an edge, are {edges} edges; {MOST_EDGES} is the most"
            yield Problem("S405", "responses", text, ("take fewer, or `kind: star`, whose distances are the same",))


class Star(Structure):
    """All responses are like one centre, which is none of them: F is constant."""

    kind: Literal["star"] = "star"
