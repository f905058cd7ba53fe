"""Pairing rules: how scored answers to one prompt become preference pairs."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import Kind, field


class Pairing(Kind):
    """A rule that picks pairs among the scored answers to one prompt."""

    family: ClassVar[str] = "pairings"


class BestAgainstWorst(Pairing):
    """One pair a prompt: the highest against the lowest score, the first of equals."""

    kind: Literal["best_against_worst"] = "best_against_worst"
    min_gap: float = field(0.0, unit="reward", ge=0)
    """Least difference of scores; equal scores never make a pair."""


class AllPairs(Pairing):
    """Every two answers to a prompt whose scores differ by more than `min_gap`, the clearest pairs first."""

    kind: Literal["all_pairs"] = "all_pairs"
    min_gap: float = field(0.0, unit="reward", ge=0)
    """Least difference of scores; equal scores never make a pair."""
    per_prompt: int | None = field(None, unit="pairs", ge=1)
    """Most pairs taken from one prompt; null takes all."""
