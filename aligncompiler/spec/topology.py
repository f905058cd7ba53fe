"""Topologies of answers: how the answers to one prompt hang together, and so what can be compared (arXiv:2402.10184)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, Literal

from .base import Kind, Problem, Spec, field


class Topology(Kind):
    """How the answers to one prompt hang together.

    `rows` are the row kinds that the answers are, `columns` what an answer carries beside its text, and `samplers` who can write it.
    """

    family: ClassVar[str] = "topologies"
    rows: ClassVar[tuple[str, ...]] = ("completions",)
    columns: ClassVar[tuple[str, ...]] = ()
    samplers: ClassVar[tuple[str, ...]] = ()

    @property
    def leaves(self) -> int:
        """Answers that hang together, at most."""
        return 1

    @property
    def drafts(self) -> int:
        """Answers to each prompt that are written to be measured, and not kept."""
        return 0

    @property
    def pairs(self) -> tuple[int, int, int]:
        """Pairs in one tree at most: of two leaves, of a leaf and a node that is none, of two nodes that are none; none of which is above the other."""
        return (0, 0, 0)

    def fits(self, count: int, temperature: float) -> Iterator[Problem]:
        """What is wrong with so many answers to a prompt at this temperature; fields are those of the stage."""
        yield from ()


class Chain(Topology):
    """Answers that have nothing in common but their prompt."""

    kind: Literal["chain"] = "chain"
    samplers: ClassVar[tuple[str, ...]] = ("transformers", "vllm")


class Cooling(Spec):
    """How the temperature falls from the prompt to the leaves of a tree; it never rises."""

    per_depth: float = field(0.0, unit="1", ge=0)
    """By how much the temperature falls with each segment."""
    similarity: float = field(0.0, unit="1", ge=0)
    """By how much less it falls below a node that is like one of its elder siblings: times the tokens of their longest common subsequence over those of the
    shorter of the two."""

    def check(self) -> Iterator[Problem]:
        if self.similarity > 0 and self.per_depth == 0:
            text = "`similarity` gives back what `per_depth` takes, and `per_depth` is 0"
            yield Problem("M507", "similarity", text, ("remove `similarity`, or raise `per_depth`",))


class Tree(Topology):
    """Answers that share beginnings: every answer is a path of up to `depth` segments, each of which has up to `branching` continuations.

    As many trees are grown from each prompt as `count` holds times `branching`^`depth` leaves. A segment ends where `separator` does. An answer that ends by
    itself, or is as long as it may be, before it has `depth` segments is a leaf too. `temperature` is that of the first segments.
    """

    kind: Literal["tree"] = "tree"
    rows: ClassVar[tuple[str, ...]] = ("trees",)
    columns: ClassVar[tuple[str, ...]] = ("segments", "path")
    samplers: ClassVar[tuple[str, ...]] = ("transformers",)

    depth: int = field(unit="segments", ge=1, le=20, says="should be from 1 to 20; a tree without branches is `kind: chain`")
    """Most segments from the prompt to a leaf; 1 branches at the prompt alone, as a chain does."""
    branching: int = field(2, unit="continuations", ge=2, le=1000, says="should be from 2 to 1,000; a tree that does not branch is `kind: chain`")
    """Continuations of the prompt, and of each segment that is no leaf."""
    method: Literal["dfs", "generic"] = field("dfs")
    """`dfs` writes segment by segment and branches where one has enough clauses; `generic` writes whole answers, from the prompt and then from every segment
    that has too few continuations, and cuts them into the segments that are missing, as alike in clauses as can be."""
    separator: str = field(r"[.!?;\u3002\uff01\uff1f\uff1b]|\n")
    """Regular expression of what ends a clause; by default the end of a sentence, a semicolon or a line break. It is looked for in the text of the last eight
    tokens, and a segment ends behind a token."""
    min_clauses: int | Literal["auto"] = field("auto", unit="clauses")
    """Least clauses of a segment, for `dfs`; `auto` takes those of the most likely answer to the prompt, divided by `depth` and rounded down, at least 1."""
    cooling: Cooling = field(Cooling())
    """How the temperature falls with depth."""

    @property
    def leaves(self) -> int:
        return int(self.branching**self.depth)

    @property
    def drafts(self) -> int:
        return int(self.method == "dfs" and self.min_clauses == "auto")

    @property
    def pairs(self) -> tuple[int, int, int]:
        leaves, levels = self.leaves, range(1, self.depth)
        inner = sum(self.branching**level for level in levels)
        above = sum(self.branching**level * (level - 1) for level in levels)  # pairs of a node and one above it, the prompt left out
        return (leaves * (leaves - 1) // 2, leaves * (inner - len(levels)), inner * (inner - 1) // 2 - above)

    def check(self) -> Iterator[Problem]:
        yield from check_separator(self.separator)
        if isinstance(self.min_clauses, int) and self.min_clauses < 1:
            yield Problem("S405", "min_clauses", f"`min_clauses` is {self.min_clauses}; a segment has at least 1", ("raise it, or write `auto`",))
        if self.method == "generic" and self.min_clauses != "auto":
            text = "`method: generic` cuts whole answers into segments as alike as can be, so `min_clauses` has no effect"
            yield Problem("M507", "min_clauses", text, ("remove it, or write `method: dfs`",))

    def fits(self, count: int, temperature: float) -> Iterator[Problem]:
        shape = f"a tree of `depth` {self.depth} and `branching` {self.branching} has {self.leaves:,} leaves"
        if count < self.leaves:
            yield Problem("S405", "count", f"{shape}, more than the {count:,} answers asked for", (f"write `count: {self.leaves}`, or a smaller tree",))
        elif count % self.leaves:
            near = count - count % self.leaves
            yield Problem("S405", "count", f"{shape}; {count:,} answers are no whole number of trees", (f"write `count: {near}` or `{near + self.leaves}`",))
        lowest = temperature - self.cooling.per_depth * (self.depth - 1)
        if temperature > 0 and lowest <= 0 and self.depth > 1:
            text = f"`temperature` {temperature:g} less `per_depth` {self.cooling.per_depth:g} for each of {self.depth - 1} segments leaves {lowest:g}"
            help = ("it must stay above 0: raise `temperature`, or lower `topology.cooling.per_depth`",)
            yield Problem("S405", "topology.cooling.per_depth", f"{text}; siblings would all be the same", help)


def check_separator(separator: str) -> Iterator[Problem]:
    """What ends a clause is a regular expression that matches at least one letter."""
    try:
        found = re.compile(separator)
    except re.error as error:
        yield Problem("S405", "separator", f"`separator` is no regular expression: {error}")
        return
    if found.search("") is not None:
        yield Problem("S405", "separator", "`separator` matches the empty text, which stands everywhere", ("let it match at least one letter",))
