"""The batch type: a forest of token trees, shared prefixes once, one forward pass for all of them.

A tree is a set of nodes, each a segment of tokens that continues its parent's; the context of a node is the path from its root. A
demonstration is a path, a preference pair a trunk with two leaves, best-of-N a trunk with N. Trees are packed into rows of one batch;
a token attends to itself and to what comes before it on its own path, and its position is its depth in tokens. Where every tree is a
path, each takes a row of its own and no mask is needed, so that the causal kernel is used.

Shapes: B rows of the batch, T tokens in a row, N scored tokens, L scored nodes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor


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
    first_leaf, count = [], 0
    for tree in trees:
        first_leaf.append(count)
        count += len(tree.scored)
    ids_BT = torch.full((len(rows), width), pad)
    # Padding goes on counting: transformers takes a fall in position for a new sequence and would build a mask for it.
    positions_BT = torch.arange(width).repeat(len(rows), 1)
    node_BT = torch.full((len(rows), width), -1)
    level_BT = torch.full((len(rows), width), -1)
    scored: list[tuple[int, int, int, int]] = []
    ends: list[tuple[int, int]] = [(0, 0)] * count
    ancestors: list[list[int]] = []
    for r, row in enumerate(rows):
        column = 0
        for index in row:
            tree, base = trees[index], len(ancestors)
            starts, depths = [], []
            for node, (segment, parent) in enumerate(zip(tree.tokens, tree.parents, strict=True)):
                depth = 0 if parent < 0 else depths[parent] + len(tree.tokens[parent])
                starts.append(column)
                depths.append(depth)
                ancestors.append([base + node] + (ancestors[base + parent] if parent >= 0 else []))
                span = slice(column, column + len(segment))
                ids_BT[r, span] = torch.tensor(segment, dtype=torch.long)
                positions_BT[r, span] = torch.arange(depth, depth + len(segment))
                node_BT[r, span] = base + node
                level_BT[r, span] = len(ancestors[-1]) - 1
                column += len(segment)
            for number, node in enumerate(tree.scored):
                leaf = first_leaf[index] + number
                before = last_token(tree, starts, tree.parents[node])
                for offset, token in enumerate(tree.tokens[node]):
                    source = starts[node] + offset - 1 if offset else before
                    if source >= 0:
                        scored.append((r, source, token, leaf))
                ends[leaf] = (r, last_token(tree, starts, node))
    columns = torch.tensor(scored, dtype=torch.long).reshape(-1, 4).unbind(1)
    end_row_L, end_L = torch.tensor(ends, dtype=torch.long).reshape(-1, 2).unbind(1)
    mask = None if plain else attention_mask(node_BT, positions_BT, ancestors)
    return Forest(ids_BT, positions_BT, mask, level_BT, *columns, end_row_L, end_L)


def last_token(tree: Tree, starts: Sequence[int], node: int) -> int:
    """Column of the last token on the path to `node`; nodes may be empty. -1 where the path holds no token."""
    while node >= 0 and not tree.tokens[node]:
        node = tree.parents[node]
    return starts[node] + len(tree.tokens[node]) - 1 if node >= 0 else -1


def attention_mask(node_BT: Tensor, positions_BT: Tensor, ancestors: Sequence[Sequence[int]]) -> Tensor:
    """True where token i may attend to token j: j's node lies on i's path, and j does not come after i. Padding sees padding only."""
    above_GG = torch.zeros(len(ancestors) + 1, len(ancestors) + 1, dtype=torch.bool)
    for node, path in enumerate(ancestors):
        above_GG[node, path] = True
    above_GG[-1, -1] = True  # node -1 is the padding
    on_path_BTT = above_GG[node_BT[:, :, None], node_BT[:, None, :]]
    return (on_path_BTT & (positions_BT[:, :, None] >= positions_BT[:, None, :]))[:, None]


def batches(sizes: Sequence[int], tokens_at_once: int) -> Iterator[list[int]]:
    """Indices of trees, given by size, in groups of like size whose padded tokens stay within `tokens_at_once` (a single tree always goes)."""
    group: list[int] = []
    for index in sorted(range(len(sizes)), key=lambda i: sizes[i]):
        if group and (len(group) + 1) * sizes[index] > tokens_at_once:
            yield group
            group = []
        group.append(index)
    if group:
        yield group
