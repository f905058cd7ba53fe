"""Rows that answer one prompt: who reads prompts alone asks each once, and who compares the answers gets all of them or none."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from itertools import compress

import numpy as np

from .fault import Fault
from .on_demand import OnDemand
from .row_file import Rows
from .rows import Row
from .store import Artifact
from .work import load_rows

NAMING = ("group", "prompt")  # the columns that say which prompt a row belongs to


class FirstRows(OnDemand[Row]):
    """The rows at which a prompt stands for the first time; `first` says of each row from the start whether it is one."""

    def __init__(self, rows: Rows, first: list[bool]) -> None:
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
    seen: set[bytes] = set()
    first: list[bool] = []
    for name in names_of(load_rows(data, columns=NAMING)):
        if len(seen) == limit and name not in seen:
            break
        first.append(name not in seen)
        seen.add(name)
    if len(first) > len(seen):
        skipped["another answer to a prompt that is asked once"] += len(first) - len(seen)
    return FirstRows(load_rows(data), first)


def whole_prompts(data: Artifact, limit: int | None) -> Rows:
    """The first `limit` rows, less those of a prompt of whose answers, which stand one below the other, only some are among them.

    Raises Fault if that is the very first prompt.
    """
    rows = load_rows(data, limit)
    if not data.answered or limit is None or len(load_rows(data)) <= limit:
        return rows
    *names, after = itertools.islice(names_of(load_rows(data, columns=NAMING)), limit + 1)
    whole = limit
    while whole and names[whole - 1] == after:
        whole -= 1
    if not whole:
        more = sum(1 for _ in itertools.takewhile(lambda name: name == after, names_of(load_rows(data, columns=NAMING))))
        text = f"the first prompt has {more} answers, which are measured together, and `limit` is {limit}"
        raise Fault("P604", text, "limit", (f"raise it to {more} or more",))
    return load_rows(data, whole)


def names_of(rows: Rows) -> Iterator[bytes]:
    """What tells the prompt of a row from others."""
    return (hashlib.blake2b(repr((row.get("group"), row["prompt"])).encode(), digest_size=16).digest() for row in rows)
