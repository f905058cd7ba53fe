"""The batch type: a forest of token trees, shared prefixes once, one forward pass for all of them.

A tree is a set of nodes, each a segment of tokens that continues its parent's; the context of a node is the path from its root. A
demonstration is a path, a preference pair a trunk with two leaves, best-of-N a trunk with N. Trees are packed into rows of one batch;
a token attends to itself and to what comes before it on its own path, and its position is its depth in tokens. Where every tree is a
path, each takes a row of its own and no mask is needed, so that the causal kernel is used.

Shapes: B rows of the batch, T tokens in a row, N scored tokens, L scored nodes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tree:
    """Segments of tokens and the index of each one's parent; a parent stands before its children, and -1 marks the root.

    `scored` are the nodes whose tokens are asked for. A root must not be scored alone: its first token has nothing to be predicted from.
    """

    tokens: tuple[tuple[int, ...], ...]
    parents: tuple[int, ...]
    scored: tuple[int, ...]

    @property
    def size(self) -> int:
        """Tokens in the tree, each counted once."""
        return sum(map(len, self.tokens))

    @property
    def is_path(self) -> bool:
        return len(set(self.parents)) == len(self.parents)

    @property
    def unrolled_size(self) -> int:
        """Tokens of its unrolled paths, laid out side by side and padded."""
        return len(self.scored) * max(sum(len(self.tokens[n]) for n in self.path(node)) for node in self.scored)

    def path(self, node: int) -> list[int]:
        """The nodes from the root to `node`."""
        found = [node]
        while (node := self.parents[node]) >= 0:
            found.append(node)
        return found[::-1]

    def unrolled(self) -> list[Tree]:
        """One path per scored node, for models that cannot share prefixes."""
        made = []
        for node in self.scored:
            path = self.path(node)
            made.append(Tree(tuple(self.tokens[n] for n in path), tuple(range(-1, len(path) - 1)), (len(path) - 1,)))
        return made


def trunk_and_leaves(trunk: Sequence[int], leaves: Sequence[Sequence[int]]) -> Tree:
    """A prompt and the answers to it."""
    return Tree((tuple(trunk), *map(tuple, leaves)), (-1, *(0 for _ in leaves)), tuple(range(1, len(leaves) + 1)))


@dataclass(frozen=True)
class Forest:
    """Trees laid out for one forward pass.

    `mask_B1TT` is true where attention is allowed, or None where the rows are plain paths. `level_BT` counts nodes above a token's own,
    and is -1 for padding. Token n of N is predicted by the hidden state
    at (`row_N`, `source_N`) and belongs to scored node `leaf_N`; node l of L ends at (`end_row_L`, `end_L`).
    """

    ids_BT: Tensor
    positions_BT: Tensor
    mask_B1TT: Tensor | None
    level_BT: Tensor
    row_N: Tensor
    source_N: Tensor
    token_N: Tensor
    leaf_N: Tensor
    end_row_L: Tensor
    end_L: Tensor

    @property
    def num_leaves(self) -> int:
        return len(self.end_L)

    def to(self, device: torch.device | str) -> Forest:
        moved = {name: value.to(device) for name, value in vars(self).items() if value is not None}
        return replace(self, **moved)


def rows_of(trees: Sequence[Tree]) -> list[list[int]]:
    """Which trees share a row: paths stand alone; others fill rows of the longest tree's length, first fit by falling size."""
    if all(tree.is_path for tree in trees):
        return [[i] for i in range(len(trees))]
    capacity = max(tree.size for tree in trees)
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(trees)), key=lambda i: -trees[i].size):
        size = trees[index].size
        fit = next((r for r, left in enumerate(room) if left >= size), None)
        if fit is None:
            rows.append([index])
            room.append(capacity - size)
        else:
            rows[fit].append(index)
            room[fit] -= size
    return rows


def pack(trees: Sequence[Tree], pad: int = 0) -> Forest:
    """Lay trees out in rows. Scored nodes are numbered tree by tree, in the order they were given."""
    rows = rows_of(trees)
    plain = all(tree.is_path for tree in trees)
    width = max(sum(trees[i].size for i in row) for row in rows)
    first_leaf = [0, *itertools.accumulate(len(tree.scored) for tree in trees)]
    shape = (len(rows), width)
    ids_BT, level_BT = np.full(shape, pad), np.full(shape, -1)
    # Padding goes on counting: transformers takes a fall in position for a new sequence and would build a mask for it.
    positions_BT = np.tile(np.arange(width), (len(rows), 1))
    mask_BTT = None if plain else np.zeros((*shape, width), np.bool_)
    upto_TT = np.tri(0 if plain else width, dtype=np.bool_)
    scored: list[Ints] = [np.empty((0, 4), np.int64)]
    ends: list[tuple[int, int]] = [(0, 0)] * first_leaf[-1]
    for r, row in enumerate(rows):
        column = 0
        for index in row:
            tree = trees[index]
            laid = Laid(tree, column)
            span = slice(column, column + tree.size)
            ids_BT[r, span], positions_BT[r, span], level_BT[r, span] = laid.ids_S, laid.positions_S, laid.levels_S
            if mask_BTT is not None:
                laid.allow(mask_BTT[r], upto_TT)
            for leaf, node in enumerate(tree.scored, first_leaf[index]):
                scored.append(laid.predicted(node, r, leaf))
                ends[leaf] = (r, laid.last(node))
            column += tree.size
        if mask_BTT is not None:  # padding sees padding
            mask_BTT[r, column:, column:] = upto_TT[: width - column, : width - column]
    columns = torch.from_numpy(np.concatenate(scored)).unbind(1)
    end_row_L, end_L = torch.tensor(ends, dtype=torch.long).reshape(-1, 2).unbind(1)
    mask = None if mask_BTT is None else torch.from_numpy(mask_BTT)[:, None]
    return Forest(*map(torch.from_numpy, (ids_BT, positions_BT)), mask, torch.from_numpy(level_BT), *columns, end_row_L, end_L)


class Laid:
    """A tree laid out from a column on: its nodes stand side by side in their order, so on every path from left to right. S tokens."""

    def __init__(self, tree: Tree, column: int) -> None:
        self.tree = tree
        lengths = [len(segment) for segment in tree.tokens]
        starts = [column, *(column + n for n in itertools.accumulate(lengths))]
        self.spans = [slice(a, b) for a, b in itertools.pairwise(starts)]
        depths, levels = [0] * len(lengths), [0] * len(lengths)
        for node, parent in enumerate(tree.parents):
            if parent >= 0:
                depths[node], levels[node] = depths[parent] + lengths[parent], levels[parent] + 1
        shifts = [depth - span.start for depth, span in zip(depths, self.spans, strict=True)]
        self.column = column
        self.ids_S = np.fromiter(itertools.chain.from_iterable(tree.tokens), np.int64, tree.size)
        self.positions_S = np.arange(column, column + tree.size) + np.repeat(shifts, lengths)
        self.levels_S = np.repeat(levels, lengths)

    def allow(self, mask_TT: Bools, upto_TT: Bools) -> None:
        """Let every token attend to all nodes above its own, and in its own to what comes before it and to itself."""
        for node, span in enumerate(self.spans):
            size = span.stop - span.start
            for above in self.tree.path(node)[:-1]:
                mask_TT[span, self.spans[above]] = True
            mask_TT[span, span] = upto_TT[:size, :size]

    def predicted(self, node: int, row: int, leaf: int) -> Ints:
        """(row, column of the token before it, id, leaf) of each token of a node; the first token of a tree has none before it."""
        span = self.spans[node]
        found = np.empty((span.stop - span.start, 4), np.int64)
        found[:, 0], found[:, 3] = row, leaf
        found[:, 1] = np.arange(span.start - 1, span.stop - 1)
        found[:, 2] = self.ids_S[span.start - self.column : span.stop - self.column]
        found[:1, 1] = before = self.last(self.tree.parents[node])
        return found[1:] if before < 0 else found

    def last(self, node: int) -> int:
        """Column of the last token on the path to `node`; nodes may be empty. -1 where the path holds no token."""
        while node >= 0 and not self.tree.tokens[node]:
            node = self.tree.parents[node]
        return self.spans[node].stop - 1 if node >= 0 else -1


def batches(sizes: Sequence[int] | Ints, tokens_at_once: int) -> Iterator[list[int]]:
    """Indices of trees, given by size, in groups of like size whose padded tokens stay within `tokens_at_once` (a single tree always goes)."""
    group: list[int] = []
    for index in map(int, np.argsort(np.asarray(sizes, np.int64), kind="stable")):
        if group and (len(group) + 1) * sizes[index] > tokens_at_once:
            yield group
            group = []
        group.append(index)
    if group:
        yield group
