"""Stages: the steps of an experiment. Each makes one artifact, and edges come from references alone. What all of them have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from .base import Kind, Problem, Ref
from .length import read_at_most
from .reward import Reward

if TYPE_CHECKING:
    from .cost import Estimate, Survey
    from .effort import Effort


class Stage(Kind):
    """One step of the experiment.

    Class variables name fields: `learns` those whose rows change the weights of what is made, `measures` those whose rows are measured
    on, `judges` those that name what is measured or what measures, `compares` those of whose answers to one prompt several are needed,
    `hands_on` those whose answers are in what is made, `writes` the one that says how many answers to each prompt are written, `grows` the one
    that says how they hang together. `parallel` says that every process of a run over several devices takes part.
    """

    family: ClassVar[str] = "stages"
    learns: ClassVar[tuple[str, ...]] = ()
    measures: ClassVar[tuple[str, ...]] = ()
    judges: ClassVar[tuple[str, ...]] = ()
    compares: ClassVar[tuple[str, ...]] = ()
    hands_on: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[str] = ""
    grows: ClassVar[str] = ""


def check_reward_columns(reward: object, data: Ref, field_name: str) -> Iterator[Problem]:
    """A rule reads columns; the rows it is given must carry them."""
    for column in reward.columns if isinstance(reward, Reward) else ():
        if not data.output.has_column(column):
            assert isinstance(reward, Reward)
            yield Problem("R304", field_name, f"reward `{reward.tag}` reads the column `{column}`, which `{data}` does not carry")


def computes(reward: object) -> bool:
    """Whether scores depend on device and precision: those of a trained scorer, or of a rule that says so."""
    return isinstance(reward, Ref) or (isinstance(reward, Reward) and reward.computes)


def asked(reward: object, answers: Estimate, ask: Survey) -> Effort:
    """What it takes to score answers: a rule computes with no network."""
    from .effort import NOTHING, TOKENS_AT_ONCE, Load, scoring

    if not isinstance(reward, Ref):
        return NOTHING
    scorer, rows = ask(reward), answers.rows_known
    return scoring(scorer.network, Load(answers, rows, 1, read_at_most("context", scorer), TOKENS_AT_ONCE, rows), ask.engine)
