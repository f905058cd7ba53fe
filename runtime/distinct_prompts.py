"""The prompts of a dataset for who reads nothing else of it: one with several answers stands in several rows, and is asked once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import compress

import numpy as np

from .on_demand import OnDemand
from .row_file import Rows
from .rows import Row
from .store import Artifact
from .work import load_rows


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
    for row in load_rows(data, columns=("group", "prompt")):
        name = hashlib.blake2b(repr((row.get("group"), row["prompt"])).encode(), digest_size=16).digest()
        if len(seen) == limit and name not in seen:
            break
        first.append(name not in seen)
        seen.add(name)
    if len(first) > len(seen):
        skipped["another answer to a prompt that is asked once"] += len(first) - len(seen)
    return FirstRows(load_rows(data), first)
