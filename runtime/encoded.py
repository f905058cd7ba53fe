"""Tokenised rows as a few flat arrays: a million examples are no million Python objects.

The ids of all rows lie one behind the other in a nameless file that is mapped into memory and goes away with the process; `bounds_NB` says
where each segment starts and ends. Rows are tokenised a thousand at a time, and a tree is made when a step draws it.

Shapes: N kept rows, B bounds of the segments of a row: the start of the prompt, its end, and the end of each answer; K answers, one row after the other.
"""

from __future__ import annotations

import itertools
import mmap
import tempfile
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from .batching import Example
from .clusters import Ints as Ints  # for who reads rows
from .clusters import numbered_bytes
from .forest import Tree, trunk_and_leaves, trunk_and_steps
from .on_demand import OnDemand
from .row_file import BATCH_ROWS
from .rows import Row
from .steps import Cut
from .tokens import Encoder, Parts, longest

Ids = np.ndarray[Any, np.dtype[np.int32]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
T = TypeVar("T")


@dataclass(frozen=True)
class Ragged:
    """Lists of numbers of unequal lengths, one behind the other: list k stands in `flat` from place `bounds[k]` up to `bounds[k + 1]`."""

    flat: np.ndarray[Any, np.dtype[Any]]
    bounds: Ints

    @staticmethod
    def of(flat: Sequence[float], lengths: Sequence[int]) -> Ragged:
        return Ragged(np.array(flat), np.concatenate([[0], np.cumsum(np.array(lengths, np.int64))]))

    def __getitem__(self, index: int) -> np.ndarray[Any, np.dtype[Any]]:
        return self.flat[self.bounds[index] : self.bounds[index + 1]]

    def of_rows(self, rows_N: Ints) -> Ragged:
        """The lists of these numbers."""
        kept = [self[index] for index in rows_N.tolist()]
        return Ragged.of(np.concatenate(kept) if kept else [], list(map(len, kept)))


@dataclass(frozen=True)
class Encoded(OnDemand[Example]):
    """Rows as examples. `rows_N` are their numbers in the data, `numbers` what else belongs to each, by name: one number, [N], or several. Where answers
    are read in steps, `ends_K` says behind how many of its tokens each step of an answer ends, and `tail` stands behind each."""

    ids: Ids
    bounds_NB: Ints
    rows_N: Ints
    numbers: Mapping[str, Floats | Ragged] = field(default_factory=dict)
    ends_K: Ragged | None = None
    tail: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.rows_N)

    def item(self, index: int) -> Example:
        return Example(self.tree(index), {name: values_N[index].tolist() for name, values_N in self.numbers.items()})

    def tree(self, index: int, only: int | None = None) -> Tree:
        """The prompt and the answers of one example, or the one answer in this place."""
        trunk, *leaves = (self.ids[start:end].tolist() for start, end in itertools.pairwise(self.bounds_NB[index].tolist()))
        places = range(len(leaves)) if only is None else (only,)
        if self.ends_K is None:
            return trunk_and_leaves(trunk, [leaves[place] for place in places])
        ends = [self.ends_K[index * len(leaves) + place].tolist() for place in places]
        return trunk_and_steps(trunk, [leaves[place] for place in places], ends, self.tail)

    def prompts(self) -> Ints:
        """For each example the number of its prompt, [N], counted as they first appear."""
        return numbered_bytes(self.ids[start:end].tobytes() for start, end in self.bounds_NB[:, :2])

    def steps(self) -> Ints:
        """Places of each answer at which values are read, [N, L]: its end, or the ends of its steps."""
        shape = (len(self), self.bounds_NB.shape[1] - 2)
        return np.ones(shape, np.int64) if self.ends_K is None else np.diff(self.ends_K.bounds).reshape(shape)

    def scored(self) -> Ints:
        """Places of each example at which values are read, [N]."""
        return self.steps().sum(1)

    def sizes(self) -> Ints:
        """Tokens of each example that are kept, the prompt once."""
        return self.bounds_NB[:, -1] - self.bounds_NB[:, 0]

    def answer_sizes(self) -> Ints:
        """Tokens of each example without its prompt."""
        return self.bounds_NB[:, -1] - self.bounds_NB[:, 1] + self.scored() * len(self.tail)

    def unrolled_sizes(self) -> Ints:
        """Tokens of each example as one row an answer, or a step of one, side by side and padded."""
        lengths = np.diff(self.bounds_NB)
        return self.scored() * (lengths[:, 0] + lengths[:, 1:].max(axis=1) + len(self.tail))

    def with_numbers(self, numbers: Mapping[str, Floats | Ragged]) -> Encoded:
        return replace(self, numbers=numbers)


def encode_rows(
    encoder: Encoder,
    rows: Sequence[Row],
    leaves: Sequence[str],
    max_tokens: int,
    skip: Callable[[str], None],
    tell: Callable[[int, int], None],
    usable: Callable[[int], str] = lambda number: "",
    folder: Path | None = None,
    cut: Cut | None = None,
    told: bool = False,
) -> Encoded:
    """Every row that has at most `max_tokens` tokens and is `usable` by its number; `skip` hears the reason of each other one.

    The tokens are written to a nameless file in `folder`. A `cut` reads answers in steps, those that are `told` by the rows or those that it finds.
    """
    tail = cut.tail if cut is not None else ()
    stops, steps = array("q"), array("q")
    with tempfile.TemporaryFile(dir=folder) as stream:
        bounds, kept = [np.empty((0, 2 + len(leaves)), np.int64)], [np.empty(0, np.int64)]
        written = number = 0
        for some in batched(rows, BATCH_ROWS):
            fitting: list[Parts] = []
            numbers: list[int] = []
            for (trunk, answers), ends in parts_of(encoder, some, leaves, cut, told):
                reason = f"longer than {max_tokens} tokens" if longest(trunk, answers) + len(tail) > max_tokens else usable(number)
                if reason:
                    skip(reason)
                else:
                    fitting.append((trunk, answers))
                    numbers.append(number)
                    stops.extend(itertools.chain.from_iterable(ends))
                    steps.extend(map(len, ends))
                number += 1
            kept.append(np.array(numbers, np.int64))
            bounds.append(append(stream, written, fitting, 1 + len(leaves)))
            written = int(bounds[-1][-1, -1]) if fitting else written
            tell(number, len(rows))
        stream.flush()
        ids = np.frombuffer(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ), np.int32) if written else np.empty(0, np.int32)
        return Encoded(ids, np.concatenate(bounds), np.concatenate(kept), {}, Ragged.of(stops, steps) if cut is not None else None, tail)


def parts_of(encoder: Encoder, rows: Sequence[Row], leaves: Sequence[str], cut: Cut | None, told: bool) -> Iterator[tuple[Parts, list[list[int]]]]:
    """The tokens of some rows, and where the steps of their answers end, if they are cut into steps."""
    return ((parts, []) for parts in encoder.parts_of(rows, leaves)) if cut is None else cut.parts_of(encoder, rows, leaves, told)


def append(stream: BinaryIO, start: int, parts: Sequence[Parts], segments: int) -> Ints:
    """Write the tokens of some rows behind `start` others; where each segment starts and ends, [rows, segments + 1]."""
    flat = [segment for trunk, answers in parts for segment in (trunk, *answers)]
    stream.write(np.fromiter(itertools.chain.from_iterable(flat), np.int32).tobytes())
    ends = start + np.cumsum(np.fromiter(map(len, flat), np.int64)).reshape(-1, segments)
    starts = np.concatenate([[start], ends[:-1, -1]])[: len(ends)]
    return np.concatenate([starts[:, None], ends], axis=1)


def batched(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """The items in lists of `size`, the last but for the rest."""
    iterator = iter(items)
    while some := list(itertools.islice(iterator, size)):
        yield some
