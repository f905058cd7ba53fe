"""Pairing rules: how scored answers to one prompt become preference pairs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from .base import Kind, Problem, field
from .topology import Topology

if TYPE_CHECKING:
    from .cost import Figure


class Pairing(Kind):
    """A rule that picks pairs among the scored answers to one prompt.

    `rows` are the row kinds that it needs, `reads` the figures that it looks at beside the score, and `inner` says whether it also pairs answers that are
    not finished.
    """

    family: ClassVar[str] = "pairings"
    rows: ClassVar[tuple[str, ...]] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        return ()

    @property
    def inner(self) -> bool:
        return False

    def pairs(self, answers: Figure, trees: Figure) -> Figure:
        """How many pairs it takes of so many answers to one prompt, in so many trees."""
        from .cost import UNKNOWN

        return UNKNOWN

    def fits(self, shape: Topology) -> Iterator[Problem]:
        """What is wrong with it for answers that hang together so; fields are those of the rule."""
        yield from ()


class BestAgainstWorst(Pairing):
    """One pair a prompt: the highest against the lowest score, the first of equals."""

    kind: Literal["best_against_worst"] = "best_against_worst"
    min_gap: float = field(0.0, unit="reward", ge=0)
    """Least difference of scores; equal scores never make a pair."""

    def pairs(self, answers: Figure, trees: Figure) -> Figure:
        from .cost import at_most

        return at_most(1)


class AllPairs(Pairing):
    """Every two answers to a prompt whose scores differ by `min_gap` or more, the clearest pairs first."""

    kind: Literal["all_pairs"] = "all_pairs"
    min_gap: float = field(0.0, unit="reward", ge=0)
    """Least difference of scores; equal scores never make a pair."""
    per_prompt: int | None = field(None, unit="pairs", ge=1)
    """Most pairs taken from one prompt; null takes all."""

    def pairs(self, answers: Figure, trees: Figure) -> Figure:
        found = (answers * answers + answers * -1) * 0.5
        return (found if self.per_prompt is None else found.least(self.per_prompt)).bounded()


class RandomPairs(Pairing):
    """Pairs of answers to a prompt, drawn with the same probability from all whose scores differ."""

    kind: Literal["random_pairs"] = "random_pairs"
    random: ClassVar[bool] = True

    per_prompt: int = field(unit="pairs", ge=1)
    """Pairs drawn from one prompt, none of them twice; all of them where there are no more."""
    min_gap: float = field(0.0, unit="reward", ge=0)
    """Least difference of scores; equal scores never make a pair."""

    def pairs(self, answers: Figure, trees: Figure) -> Figure:
        return ((answers * answers + answers * -1) * 0.5).least(self.per_prompt).bounded()


class RightAgainstWrong(Pairing):
    """Right answers against wrong ones, those with the highest scores of both first, so that the wrong ones are the most tempting."""

    kind: Literal["right_against_wrong"] = "right_against_wrong"
    part: str = field("score")
    """Figure that tells right from wrong: `score`, or another that the reward gives."""
    right: float = field(1.0, unit="reward")
    """Least value of `part` of a right answer."""
    per_prompt: int = field(1, unit="pairs", ge=1)
    """Most pairs taken from one prompt: the n-th best right answer goes with the n-th best wrong one."""

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.part,)

    def pairs(self, answers: Figure, trees: Figure) -> Figure:
        return (answers * 0.5).least(self.per_prompt).bounded()


class TreePairs(Pairing):
    """Pairs drawn from each tree of answers, with the same probability from all of a sort whose scores differ (arXiv:2402.10184).

    `full`, `cross` and `unfinished` are shares of the pairs, relative to their sum. An answer that is not finished is a node that is no leaf: the text from
    the prompt down to it. No answer of a pair is the beginning of the other.
    """

    kind: Literal["tree_pairs"] = "tree_pairs"
    rows: ClassVar[tuple[str, ...]] = ("trees",)
    random: ClassVar[bool] = True

    per_tree: int = field(unit="pairs", ge=1)
    """Pairs drawn from one tree, none of them twice; of a sort that has no more, all."""
    full: float = field(1.0, unit="share of the pairs", ge=0)
    """Two leaves."""
    cross: float = field(0.0, unit="share of the pairs", ge=0)
    """A leaf and an answer that is not finished."""
    unfinished: float = field(0.0, unit="share of the pairs", ge=0)
    """Two answers that are not finished."""
    drop_same: bool = field(True)
    """Whether answers with the same text count once; otherwise each of them makes pairs of its own."""
    min_gap: float = field(0.0, unit="reward", ge=0)
    """Least difference of scores; equal scores never make a pair."""

    @property
    def inner(self) -> bool:
        return self.cross > 0 or self.unfinished > 0

    @property
    def shares(self) -> tuple[float, float, float]:
        """Shares of full, cross and unfinished pairs; they add up to 1."""
        whole = self.full + self.cross + self.unfinished
        return (self.full / whole, self.cross / whole, self.unfinished / whole)

    def check(self) -> Iterator[Problem]:
        if self.full + self.cross + self.unfinished == 0:
            yield Problem("S405", "full", "`full`, `cross` and `unfinished` are all 0; no pair would be drawn", ("raise at least one of them",))

    def pairs(self, answers: Figure, trees: Figure) -> Figure:
        return (trees * self.per_tree).bounded()

    def fits(self, shape: Topology) -> Iterator[Problem]:
        there = dict(zip(("full", "cross", "unfinished"), shape.pairs, strict=True))
        for (sort, most), share in zip(there.items(), self.shares, strict=True):
            wanted = int(self.per_tree * share)  # rounded up or down by chance
            if share > 0 and most < max(1, wanted):
                text = f"a tree of this `topology` has at most {most:,} pairs of the sort `{sort}`, and {max(1, wanted):,} are asked for"
                help = (f"lower `per_tree` or `{sort}`, or let the tree have more segments",)
                yield Problem("S405", "per_tree" if most else sort, text, help)
