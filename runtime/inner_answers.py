"""The leaves of trees, and behind them the answers that are not finished: the other nodes, each once, with the text from the prompt down to it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from .on_demand import OnDemand
from .row_file import Rows
from .rows import Row


class InnerAnswers(OnDemand[Row]):
    """Rows made when they are asked for: those of `leaves`, then one for each node between a prompt and a leaf, which carries what its first leaf does.

    `key` is the column that tells prompts apart.
    """

    def __init__(self, leaves: Rows, key: str) -> None:
        self.leaves = leaves
        self.key = key
        self.inner: list[tuple[int, int, object]] = []  # number of the first leaf below, segments, key
        seen: set[tuple[object, tuple[int, ...]]] = set()
        for number, row in enumerate(Rows(leaves.path, columns=(key, "path"))):
            path = tuple(row["path"])
            for size in range(1, len(path) - 1):
                if (row[key], path[: size + 1]) not in seen:
                    seen.add((row[key], path[: size + 1]))
                    self.inner.append((number, size, row[key]))

    def __len__(self) -> int:
        return len(self.leaves) + len(self.inner)

    def item(self, index: int) -> Row:
        if index < len(self.leaves):
            return self.leaves[index]
        number, size, _ = self.inner[index - len(self.leaves)]
        row = self.leaves[number]
        segments = row["segments"][:size]
        return row | {"completion": "".join(segments), "segments": segments, "path": row["path"][: size + 1]}

    def keys(self) -> Iterator[object]:
        """The key of each row."""
        return chain((row[self.key] for row in Rows(self.leaves.path, columns=(self.key,))), (key for _, _, key in self.inner))
