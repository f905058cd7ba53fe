"""The leaves of trees, and behind them the answers that are not finished: the other nodes, each once, with the text from the prompt down to it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from .distinct_prompts import NAMING, Name, name_of, names_of
from .on_demand import OnDemand
from .row_file import Rows
from .rows import Row


class InnerAnswers(OnDemand[Row]):
    """Rows made when they are asked for: those of `leaves`, then one for each node between a prompt and a leaf, which carries what its first leaf does."""

    def __init__(self, leaves: Rows) -> None:
        self.leaves = leaves
        self.inner: list[tuple[int, int, Name]] = []  # number of the first leaf below, segments, what tells its prompt from others
        seen: set[tuple[Name, tuple[int, ...]]] = set()
        for number, row in enumerate(Rows(leaves.path, columns=(*NAMING, "path"))):
            path, name = tuple(row["path"]), name_of(row)
            for size in range(1, len(path) - 1):
                if (name, path[: size + 1]) not in seen:
                    seen.add((name, path[: size + 1]))
                    self.inner.append((number, size, name))

    def __len__(self) -> int:
        return len(self.leaves) + len(self.inner)

    def item(self, index: int) -> Row:
        if index < len(self.leaves):
            return self.leaves[index]
        number, size, _ = self.inner[index - len(self.leaves)]
        row = self.leaves[number]
        segments = row["segments"][:size]
        return row | {"completion": "".join(segments), "segments": segments, "path": row["path"][: size + 1]}

    def names(self) -> Iterator[Name]:
        """What tells the prompt of each row from others."""
        return chain(names_of(Rows(self.leaves.path, columns=NAMING)), (name for _, _, name in self.inner))
