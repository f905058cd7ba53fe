"""Rows that answer one prompt: who reads prompts alone asks each once, and who compares the answers gets all of them or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import Any

import numpy as np

from .clusters import numbered
from .fault import Fault
from .on_demand import OnDemand
from .row_file import Rows
from .rows import Row
from .store import Artifact
from .work import load_rows

NAMING = ("group", "prompt")  # the columns that say which prompt a row belongs to
Name = tuple[Any, str]  # their values


class FirstRows(OnDemand[Row]):
    """The rows at which a prompt stands for the first time; `first` says of each row from the start whether it is one."""

    def __init__(self, rows: Rows, first: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        self.rows, self.first, self.numbers = rows, first, np.flatnonzero(first)

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Row]:
        return compress(self.rows, self.first)

    def item(self, index: int) -> Row:
        return self.rows[int(self.numbers[index])]


def distinct_prompts(data: Artifact, limit: int | None, skipped: Counter[str]) -> Rows | FirstRows:
    """A row for each prompt, the first `limit` of them. Answers hang together as elsewhere: by `group`, where there is one, and by the prompt.

    The other rows are counted among what is `skipped`. Rows without answers are prompts, and stay as they are: to repeat one says to ask it again.
    """
    if not data.answered:
        return load_rows(data, limit)
    names = names_of(load_rows(data, columns=NAMING))
    most = np.maximum.accumulate(numbered(names if limit is None else until(names, limit)))  # of the numbers up to a row; one that is new is the next
    first = np.diff(most, prepend=-1) > 0
    if not first.all():
        skipped["another answer to a prompt that is asked once"] += int((~first).sum())
    return FirstRows(load_rows(data), first)


def whole_prompts(data: Artifact, limit: int | None) -> Rows:
    """The first rows, `limit` at most, that hold all answers of each prompt that they hold any of.

    Raises Fault if there are none.
    """
    if not data.answered or limit is None or len(load_rows(data)) <= limit:
        return load_rows(data, limit)
    numbers_N = numbered(names_of(load_rows(data, columns=NAMING)))
    last_C = np.empty(int(numbers_N.max()) + 1, np.int64)
    last_C[numbers_N] = np.arange(len(numbers_N))  # where each prompt stands last
    places_N = np.arange(len(numbers_N))
    ends = np.flatnonzero(np.maximum.accumulate(last_C[numbers_N]) == places_N) + 1  # so many rows hold whole prompts
    if ends[0] > limit:
        text = f"the answers to a prompt are measured together, which takes the first {ends[0]:,} rows, and `limit` is {limit:,}"
        raise Fault("P604", text, "limit", (f"raise it to {ends[0]} or more", "or let the answers to a prompt stand together"))
    return load_rows(data, int(ends[ends <= limit][-1]))


def until(names: Iterator[Name], limit: int) -> Iterator[Name]:
    """Names up to the last one before they would be more than `limit` different ones; rows behind it are not read."""
    seen: set[str] = set()
    for name in names:
        seen.add(repr(name))
        if len(seen) > limit:
            return
        yield name


def names_of(rows: Iterable[Row]) -> Iterator[Name]:
    """What tells the prompt of each row from others."""
    return map(name_of, rows)


def name_of(row: Row) -> Name:
    """What tells the prompt of a row from others: answers hang together by the prompt and, where there is one, by the `group` that `sample` writes, since
    a prompt may be asked twice."""
    return (row.get("group"), row["prompt"])
