"""A model under measurement: its answers and its scores of pairs, each made once however many metrics ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from .fault import Fault, Skip
from .generate import Answer, Decoding
from .model_files import load_encoder, load_network
from .on_demand import Mapped, OnDemand
from .registry import Bound
from .rows import Row
from .scores import Score
from .scoring import Values, reward_rows, score_rows
from .store import Artifact
from .work import Work
from .writing import write_answers

PAIR = ("chosen", "rejected")


def in_order(pair: Sequence[float]) -> float:
    """1 if the chosen answer scores higher, 1/2 at a tie, else 0."""
    return 1.0 if pair[0] > pair[1] else 0.5 if pair[0] == pair[1] else 0.0


@dataclass(frozen=True)
class Measured:
    """One metric of one model: a value per row (None where it could not be measured), the groups of the rows, and baselines by name."""

    values: list[float | None]
    groups: list[str]
    baselines: Mapping[str, list[float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answered(OnDemand[Row]):
    """The rows of these numbers with the model's answer as `completion`, made when they are asked for."""

    rows: Sequence[Row]
    answers: Sequence[Answer | Skip]
    numbers: Sequence[int]

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Row]:
        return (row | {"completion": answer.text} for row, answer in zip(self.rows, self.answers, strict=True) if not isinstance(answer, Skip))

    def item(self, index: int) -> Row:
        answer = self.answers[self.numbers[index]]
        assert not isinstance(answer, Skip), "the numbers are those of answers"
        return self.rows[self.numbers[index]] | {"completion": answer.text}


@dataclass
class Judge:
    """A model and the rows it is measured on. `shortcuts` names columns that hold shallow features of the prompt."""

    work: Work
    model: Artifact
    rows: Sequence[Row]
    decoding: Decoding
    tokens_at_once: int
    shortcuts: tuple[str, ...]

    def groups(self, by: str | None) -> list[str]:
        """The group of each row, by the value of a column. Raises Fault if there is none of that name."""
        if by is not None and by not in self.rows[0]:
            raise Fault("P603", f"the rows have no column `{by}` to split by", "metrics", (f"columns: {', '.join(self.rows[0])}",))
        return ["" if by is None else f"{by} {row[by]}" for row in self.rows]

    @cached_property
    def answers(self) -> Sequence[Answer | Skip]:
        """One answer to each row's prompt."""
        keep = self.work.keep(f"answers {self.model.id}")
        found = write_answers(self.model, self.rows, 1, self.decoding, self.work.seed, self.work.device, self.tell_answers, keep)
        return Mapped(found, lambda f: f if isinstance(f, Skip) else f[0])

    def scores(self, reward: Bound | Artifact) -> list[Score | Skip]:
        """The score of each answer by a reward."""
        skips = [answer if isinstance(answer, Skip) else None for answer in self.answers]
        answered = Answered(self.rows, self.answers, [number for number, skip in enumerate(skips) if skip is None])
        scored = iter(reward_rows(reward, answered, self.work.device, self.tell, self.work.keep, f"scores {self.model.id}"))
        return [skip or next(scored) for skip in skips]

    @cached_property
    def own_pair_scores(self) -> Values:
        return self.pair_scores_of(self.model)

    def pair_scores(self, reference: Artifact | None) -> Sequence[list[float] | Skip]:
        """(score of chosen, score of rejected) of each row: rewards, or log-probabilities less those of `reference`."""
        own = self.own_pair_scores
        if reference is None or self.model.kind != "policy":
            return own
        base = self.pair_scores_of(reference)
        return [a if isinstance(a, Skip) else b if isinstance(b, Skip) else [x - y for x, y in zip(a, b, strict=True)] for a, b in zip(own, base, strict=True)]

    def pair_scores_of(self, model: Artifact) -> Values:
        encoder = load_encoder(model)
        network = load_network(model).to(self.work.device)
        return score_rows(network, encoder, self.rows, PAIR, encoder.context, self.tokens_at_once, self.tell, self.work.keep(f"pairs {model.id}"))

    def tell_answers(self, done: int, total: int) -> None:
        self.work.progress.update(done, total, self.model.id, unit="answers")

    def tell(self, done: int, total: int) -> None:
        self.work.progress.update(done, total, self.model.id)
