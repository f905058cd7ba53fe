"""Rewards: anything that scores an answer, whether a rule, a learned head, or made of others; one family, so that every consumer takes every reward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from .base import Kind, Output, Ref

UNCERTAINTY = "uncertainty"  # the figure by which a reward tells how unsure it is of the score beside it, in the unit of the score


class Reward(Kind):
    """A score of an answer, and figures beside it. `combines` says that it is made of the scores of the rewards inside it, `slow` that it takes long, or
    costs, to ask a rule again."""

    family: ClassVar[str] = "rewards"
    combines: ClassVar[bool] = False
    slow: ClassVar[bool] = False

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures that it gives beside `score`."""
        return ()

    @property
    def hollow(self) -> tuple[str, ...]:
        """Those of the figures that are made of standard deviations which nothing has trained."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the rows it scores must carry, beside those of every answer."""
        return tuple(dict.fromkeys(column for one in parts_of(self).values() if isinstance(one, Reward) for column in one.columns))

    @property
    def judged(self) -> tuple[str, str] | None:
        """How a judge reads an answer: what ends a step, empty where the answer is one, and what it is asked behind each, empty where it is not asked;
        None reads the token that ends an answer."""
        return None

    @property
    def relative(self) -> bool:
        """Whether the score of an answer depends on the other answers that are scored with it."""
        return any(isinstance(one, Reward) and one.relative for one in parts_of(self).values())

    @property
    def computes(self) -> bool:
        """A trained scorer does, also inside of a combination; rules read texts."""
        return self.numeric or any(isinstance(one, Ref) or one.computes for one in parts_of(self).values())


def figures_of(reward: Reward | Ref) -> tuple[str, ...]:
    """The figures that a reward gives beside `score`."""
    return reward.output.columns if isinstance(reward, Ref) else reward.figures


def told_by(reward: Reward | Ref) -> Output:
    """What a reward is as a scorer: that of a trained one, or of a rule or a combination, which gives scores as a scorer does."""
    if isinstance(reward, Ref):
        return reward.output
    told = UNCERTAINTY if UNCERTAINTY in reward.figures else ""
    return Output("scorer", columns=reward.figures, uncertainty=told, hollow=reward.hollow)


def parts_of(reward: Reward | Ref) -> dict[str, Reward | Ref]:
    """The rewards that a reward is made of, by the dotted paths of its fields; empty where it is not made of others."""
    found: dict[str, object] = {}
    for name in type(reward).model_fields if isinstance(reward, Reward) and reward.combines else ():
        value = getattr(reward, name)
        inner = value if isinstance(value, Mapping) else dict(enumerate(value)) if isinstance(value, tuple) else {"": value}
        found |= {f"{name}.{step}".rstrip("."): one for step, one in inner.items()}
    return {path: one for path, one in found.items() if isinstance(one, Reward | Ref)}


def inside(reward: Reward | Ref, path: str = "") -> Iterator[tuple[str, Reward | Ref]]:
    """(dotted path, reward) of a reward and of those that it is made of, at any depth."""
    yield path, reward
    for step, one in parts_of(reward).items():
        yield from inside(one, f"{path}.{step}".lstrip("."))


def scorers_in(reward: Reward | Ref) -> tuple[Ref, ...]:
    """The trained scorers that a reward asks, each once."""
    return tuple(dict.fromkeys(one for _, one in inside(reward) if isinstance(one, Ref)))


def columns_read(reward: Reward | Ref) -> tuple[str, ...]:
    """The columns that a reward reads itself, and not by what it is made of."""
    below = {column for one in parts_of(reward).values() if isinstance(one, Reward) for column in one.columns}
    return tuple(column for column in reward.columns if column not in below) if isinstance(reward, Reward) else ()
