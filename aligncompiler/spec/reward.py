"""Rewards: anything that scores an answer, whether a rule, a learned head, or made of others; one family, so that every consumer takes every reward."""

from __future__ import annotations

from typing import ClassVar

from .base import Kind, Ref


class Reward(Kind):
    """A score of an answer, and figures beside it. `combines` says that it is made of the scores of the rewards inside it."""

    family: ClassVar[str] = "rewards"
    combines: ClassVar[bool] = False

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures that it gives beside `score`."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rows it scores must carry, beside those of every answer."""
        return ()


def figures_of(reward: Reward | Ref) -> tuple[str, ...]:
    """The figures that a reward gives beside `score`."""
    return reward.output.columns if isinstance(reward, Ref) else reward.figures
