"""Rows that answer one prompt: who reads prompts alone asks each once, and who compares the answers gets all of them or none."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
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
    """The first `limit` rows, less those of a prompt of whose answers, which stand one below the other, only some are among them.

    Raises Fault if that is the very first prompt.
    """
    rows = load_rows(data, limit)
    if not data.answered or limit is None or len(load_rows(data)) <= limit:
        return rows
    numbers = numbered(itertools.islice(names_of(load_rows(data, columns=NAMING)), limit + 1))
    others = np.flatnonzero(numbers != numbers[limit])
    whole = int(others[-1]) + 1 if len(others) else 0
    if not whole:
        names = names_of(load_rows(data, columns=NAMING))
        first = next(names)
        more = 1 + sum(1 for _ in itertools.takewhile(lambda name: name == first, names))
        text = f"the first prompt has {more} answers, which are measured together, and `limit` is {limit}"
        raise Fault("P604", text, "limit", (f"raise it to {more} or more",))
    return load_rows(data, whole)


def until(names: Iterator[tuple[Any, str]], limit: int) -> Iterator[tuple[Any, str]]:
    """Names up to the last one before they would be more than `limit` different ones; rows behind it are not read."""
    seen: set[str] = set()
    for name in names:
        seen.add(repr(name))
        if len(seen) > limit:
            return
        yield name


def names_of(rows: Rows) -> Iterator[tuple[Any, str]]:
    """What tells the prompt of a row from others."""
    return ((row.get("group"), row["prompt"]) for row in rows)
