"""Stages: the steps of an experiment. Each makes one artifact, and edges come from references alone. What all of them have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from .base import Kind, Problem, Ref
from .length import read_at_most
from .reward import UNCERTAINTY, Reward, columns_read, figures_of, inside, parts_of, scorers_in
from .spread import check_spread

if TYPE_CHECKING:
    from .cost import Estimate, Figure, Survey
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


def check_reward_columns(reward: object, data: Ref, field_name: str, others: str = "") -> Iterator[Problem]:
    """Rules read columns; the rows they are given must carry them, and numbers that say something. Where a rule scores `others` than the answers that the
    rows hold, nothing that is said of these will do."""
    for path, one in inside(reward) if isinstance(reward, Reward) else ():
        where = f"{field_name}.{path}".rstrip(".")
        for column in columns_read(one):
            if isinstance(one, Reward) and not data.output.has_column(column):
                yield Problem("R304", where, f"reward `{one.tag}` reads the column `{column}`, which `{data}` does not carry")
            elif isinstance(one, Reward) and others and data.output.of_answers(column):
                text = f"reward `{one.tag}` reads the column `{column}`, which speaks of the answers that `{data}` holds, and here it scores {others}"
                yield Problem("R304", where, text, ("take a rule that reads the answer itself, or a trained scorer",))
            yield from check_spread(str(data), data.output, column, where)


def check_labels(reward: object, answers: Ref) -> Iterator[Problem]:
    """Where scores are those that the answers carry already: a `label` stage wrote them, or they may stand in the data."""
    if reward == "labels" and "ratings" not in answers.output.all_rows and "score" not in answers.output.answer_columns:
        yield Problem("M508", "completions", f"`{answers}` carries no scores", ("name a `reward`, or put a `label` stage between",))


def check_lost_columns(reward: Reward | Ref, data: Ref) -> Iterator[Problem]:
    """The figures of a reward become columns of the rows, and must not take the place of others; those of an earlier reward go."""
    for figure in figures_of(reward):
        if figure in data.output.columns and figure not in data.output.labelled:
            text = f"the figure `{figure}` of the reward would take the place of the column `{figure}` of `{data}`"
            yield Problem("M524", "reward", text, (other_figure(reward, figure),))


def other_figure(reward: Reward | Ref, figure: str) -> str:
    """How to score by a reward without one of its figures: where that is no part that the spec names, a penalty of nothing keeps score and uncertainty."""
    if f"parts.{figure}" in parts_of(reward):
        return "give the part of the reward another name"
    if figure in ("raw", UNCERTAINTY):
        return f"give the column `{figure}` another name where the rows are read"
    whole = f'"{reward}"' if isinstance(reward, Ref) else f"{{kind: {reward.tag}, ...}}"
    told = f"the figures `raw` and `{UNCERTAINTY}`" if UNCERTAINTY in figures_of(reward) else "the figure `raw`"
    return f"score by `{{kind: length_penalty, of: {whole}, free: 0, per_unit: 0}}`, which takes nothing off and gives {told} alone"


def prompts_in(data: Ref, ask: Survey) -> Figure:
    """How many prompts a stage is asked that reads nothing else of the rows: a prompt with several answers once."""
    found = ask(data)
    if not data.output.answered:
        return found.rows_known
    return found.rows_known.bounded() if found.answers.value is None else found.rows_known.over(found.answers)


def computes(reward: object) -> bool:
    """Whether scores depend on device and precision: those of a trained scorer, or of a reward that says so."""
    return isinstance(reward, Ref) or (isinstance(reward, Reward) and reward.computes)


def asked(reward: Reward | Ref, answers: Estimate, ask: Survey) -> Effort:
    """What it takes to score answers: each trained scorer is asked once, and rules compute with no network."""
    from .effort import NOTHING, TOKENS_AT_ONCE, Load, scoring

    effort = NOTHING
    for scorer in map(ask, scorers_in(reward)):
        load = Load(answers, answers.rows_known, 1, read_at_most("context", scorer), TOKENS_AT_ONCE, answers.rows_known)
        effort = effort.then(scoring(scorer.network, load, ask.engine))
    return effort
