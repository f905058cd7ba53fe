"""Pairing rules: how scored answers to one prompt become preference pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from .base import Kind, field

if TYPE_CHECKING:
    from .cost import Figure


class Pairing(Kind):
    """A rule that picks pairs among the scored answers to one prompt."""

    family: ClassVar[str] = "pairings"

    def pairs(self, answers: Figure) -> Figure:
        """How many pairs it takes of so many answers to one prompt."""
        from .cost import UNKNOWN

        return UNKNOWN


class BestAgainstWorst(Pairing):
    """One pair a prompt: the highest against the lowest score, the first of equals."""

    kind: Literal["best_against_worst"] = "best_against_worst"
    min_gap: float = field(0.0, unit="reward", ge=0)
    """Least difference of scores; equal scores never make a pair."""

    def pairs(self, answers: Figure) -> Figure:
        from .cost import at_most

        return at_most(1)


class AllPairs(Pairing):
    """Every two answers to a prompt whose scores differ by more than `min_gap`, the clearest pairs first."""

    kind: Literal["all_pairs"] = "all_pairs"
    min_gap: float = field(0.0, unit="reward", ge=0)
    """Least difference of scores; equal scores never make a pair."""
    per_prompt: int | None = field(None, unit="pairs", ge=1)
    """Most pairs taken from one prompt; null takes all."""

    def pairs(self, answers: Figure) -> Figure:
        found = (answers * answers + answers * -1) * 0.5
        return (found if self.per_prompt is None else found.least(self.per_prompt)).bounded()
