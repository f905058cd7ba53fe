"""A model under measurement: its answers and its scores of pairs, each made once however many metrics ask."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from operator import itemgetter
from typing import Any

import numpy as np

from .clusters import Members, numbered
from .distinct_prompts import names_of
from .encoded import Floats, Ints
from .fault import Fault, Skip
from .generate import Answer, Decoding
from .intervals import Statistic
from .model_files import load_encoder, load_network, read_about
from .on_demand import Mapped, OnDemand
from .registry import Bound
from .rows import Row
from .scorer import Shape
from .scoring import Values, refuse_missing, reward_rows, score_rows
from .store import Artifact
from .work import Work
from .writing import write_answers

PAIR = ("chosen", "rejected")


def in_order(scores_N2: Floats) -> Floats:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0, [N]; NaN where a score is missing."""
    gap_N = scores_N2[:, 0] - scores_N2[:, 1]
    return np.where(np.isnan(gap_N), np.nan, np.sign(gap_N) / 2 + 0.5)


class Unasked(Exception):
    """A metric would ask the model now, and found no fault in the rows before."""


@dataclass(frozen=True)
class Group:
    """Some of the rows by their numbers; `statistic` where another one than that of all rows is of interest, and `columns` where it is one of these values
    of a row alone."""

    rows: Ints
    statistic: Statistic | None = None
    columns: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Measured:
    """One metric of one model.

    `values` has a number a row, [N], or several, [N, K]; NaN where it could not be measured. What is told is their mean or, where there is one, their
    `statistic`, which may be a `share`, of all rows and of `groups`. `baselines` and `variants` (other ways to use the model) are such values by name.
    `clusters` numbers for each row what it hangs together with: rows with the same prompt, if it is None. `curve` places groups on an axis, for a plot of
    the figures `over` it.
    """

    values: Floats
    groups: Mapping[str, Group] = field(default_factory=dict)
    baselines: Mapping[str, Floats] = field(default_factory=dict)
    variants: Mapping[str, Floats] = field(default_factory=dict)
    statistic: Statistic | None = None
    share: bool = False
    clusters: Ints | None = None
    curve: Mapping[str, float] = field(default_factory=dict)
    over: str = ""


@dataclass(frozen=True)
class Answered(OnDemand[Row]):
    """The rows of these numbers with the model's answer as `completion`, made when they are asked for."""

    rows: Sequence[Row]
    answers: Sequence[Answer | Skip]
    numbers: Ints

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Row]:
        return (row | {"completion": answer.text} for row, answer in zip(self.rows, self.answers, strict=True) if not isinstance(answer, Skip))

    def item(self, index: int) -> Row:
        number = int(self.numbers[index])
        answer = self.answers[number]
        assert not isinstance(answer, Skip), "the numbers are those of answers"
        return self.rows[number] | {"completion": answer.text}


@dataclass
class Judge:
    """A model, or a reward, and the rows it is measured on. `shortcuts` names columns that hold shallow features of the prompt. One that has `rows_only`
    asks nobody: it shows a metric the rows, and whatever would be computed raises Unasked."""

    work: Work
    name: str
    model: Artifact | Bound
    rows: Sequence[Row]
    decoding: Decoding
    tokens_at_once: int
    shortcuts: tuple[str, ...]
    rows_only: bool = False

    def look(self, metric: Bound) -> None:
        """Raise the Fault that a metric finds in the rows, before any model is asked for any metric."""
        with suppress(Unasked):
            metric(replace(self, rows_only=True))

    def column(self, name: str, field: str = "metrics") -> Sequence[Any]:
        """A column of the rows. Raises Fault if there is none of that name."""
        if name not in self.rows[0]:
            raise Fault("P603", f"the rows have no column `{name}`", field, (f"columns: {', '.join(self.rows[0])}",))
        return Mapped(self.rows, itemgetter(name))

    def numbers(self, name: str) -> Floats:
        """A column of numbers, [N], NaN where there is none. Raises Fault for what is no number."""
        try:
            return np.fromiter((np.nan if value is None else float(value) for value in self.column(name)), np.float64, len(self.rows))
        except (TypeError, ValueError):
            raise Fault("P603", f"the column `{name}` holds what is no number", "metrics") from None

    def groups(self, by: str | None) -> dict[str, Group]:
        """The rows by the value of a column."""
        found: dict[str, array[int]] = {}
        for number, value in enumerate(self.column(by) if by is not None else ()):
            found.setdefault(f"{by} {value}", array("q")).append(number)
        return {name: Group(np.array(found[name])) for name in sorted(found, key=natural)}

    @cached_property
    def answers(self) -> Sequence[Answer | Skip]:
        """One answer to each row's prompt."""
        if self.rows_only:
            raise Unasked
        keep = self.work.keep(f"answers {self.name}")
        assert isinstance(self.model, Artifact), "the compiler lets only policies answer"
        found = write_answers(self.model, self.rows, 1, self.decoding, self.work.seed, self.work.device, self.tell_answers, keep)
        return Mapped(found, lambda f: f if isinstance(f, Skip) else f[0])

    def answer_scores(self, reward: Bound | Artifact, part: str) -> Floats:
        """The `part` of the score of each answer by a reward, [N]; NaN where there is none."""
        refuse_missing(reward, self.rows[0] | {"completion": ""})
        written = np.flatnonzero(np.fromiter((not isinstance(answer, Skip) for answer in self.answers), np.bool_, len(self.answers)))
        scores = reward_rows(reward, Answered(self.rows, self.answers, written), self.work.device, self.tell, self.work.keep, f"scores {self.name}")
        found_N = np.full(len(self.answers), np.nan)
        found_N[written] = np.where(scores.known(), scores.figures[part], np.nan)
        return found_N

    @cached_property
    def own_pairs(self) -> Values:
        """What the model says of both answers of each row: log-probabilities, or the figures of a scorer and the rewards of its members."""
        return self.ask(self.model, self.rows, PAIR, "pairs")

    @cached_property
    def own_completions(self) -> Values:
        """What the model says of the completion of each row."""
        return self.ask(self.model, self.rows, ("completion",), "rows")

    def pair_scores(self, reference: Artifact | None = None) -> Floats:
        """Scores of chosen and rejected, [N, 2]: rewards, or log-probabilities less those of `reference`; NaN where there are none."""
        own_N2 = self.own_pairs.of(self.own_pairs.figures[0])
        if reference is None or isinstance(self.model, Bound) or self.model.kind != "policy":
            return own_N2
        return own_N2 - self.ask(reference, self.rows, PAIR, "pairs").of("logp")

    def completion_scores(self, reward: Bound | Artifact, part: str) -> Floats:
        """The `part` of the score of each row's completion by a reward, [N]; NaN where there is none."""
        refuse_missing(reward, self.rows[0])
        if self.rows_only:
            raise Unasked
        scores = reward_rows(reward, self.rows, self.work.device, self.tell, self.work.keep, "rows")
        return np.where(scores.known(), scores.figures[part], np.nan)

    def gaussians(self) -> tuple[tuple[str, ...], Floats, Floats, Floats]:
        """The attributes of a scorer, and of each row's completion their means, standard deviations and ratings, [N, A] each; NaN where there are none."""
        assert isinstance(self.model, Artifact), "the compiler lets only scorers tell Gaussians"
        names = Shape.from_json(read_about(self.model)["scorer"]).attributes
        rating_NA = np.stack([self.numbers(name) for name in names], 1)
        found = self.own_completions
        mean_NA, std_NA = (np.concatenate([found.of(f"{name}{tail}") for name in names], 1) for tail in ("", "_std"))
        return names, mean_NA, std_NA, rating_NA

    @cached_property
    def prompts(self) -> Ints:
        """The number of the prompt of each row, [N]."""
        return numbered(row.get("prompt", str(number)) for number, row in enumerate(self.rows))

    def by_prompt(self) -> Members:
        """The numbers of the rows of each prompt."""
        return Members.of(numbered(names_of(self.rows)))

    def ask(self, model: Artifact | Bound, rows: Sequence[Row], leaves: Sequence[str], name: str) -> Values:
        """What a model or a reward says of these columns of rows, kept under `name`."""
        if self.rows_only:
            raise Unasked
        if isinstance(model, Bound):
            return self.by_reward(model, rows, leaves, name)
        encoder = load_encoder(model)
        network = load_network(model).to(self.work.device)
        keep = self.work.keep(f"{name} {model.id}")
        return score_rows(network, encoder, rows, leaves, encoder.context, self.tokens_at_once, self.tell, keep, members=True)

    def by_reward(self, reward: Bound, rows: Sequence[Row], leaves: Sequence[str], name: str) -> Values:
        """The same by a reward that is made of others or reads the rows; a row is left out if one of its answers has no score."""
        each = [
            reward_rows(reward, Mapped(rows, partial(as_completion, leaf)), self.work.device, self.tell, self.work.keep, f"{name} {self.name} {leaf}")
            for leaf in leaves
        ]
        values_NLF = np.stack([np.stack(list(scores.figures.values()), 1) for scores in each], 1)
        fits_N = np.logical_and.reduce([scores.known() for scores in each])
        reasons = (skip for scores in each for skip in scores.skips.values())
        return Values(values_NLF, tuple(each[0].figures), fits_N, next(reasons, Skip("no score")))

    def skipped(self) -> Iterator[Skip]:
        """Why rows could not be measured, of what was asked for."""
        made = [vars(self).get(name, ()) for name in ("answers", "own_pairs", "own_completions")]
        yield from (one for found in made for one in found if isinstance(one, Skip))

    def tell_answers(self, done: int, total: int) -> None:
        self.work.progress.update(done, total, self.name, unit="answers")

    def tell(self, done: int, total: int) -> None:
        self.work.progress.update(done, total, self.name)


def natural(group: str) -> tuple[int, str]:
    """Groups that end in a number sort by it."""
    tail = group.rsplit(" ", 1)[-1]
    return (int(tail), "") if tail.isdigit() else (0, group)


def as_completion(leaf: str, row: Row) -> Row:
    """A row whose answer in this column is the one to be scored."""
    return row | {"completion": row[leaf]}
