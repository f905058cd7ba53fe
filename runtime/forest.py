"""The batch type: a forest of token trees, shared prefixes once, one forward pass for all of them.

A tree is a set of nodes, each a segment of tokens that continues its parent's; the context of a node is the path from its root. A
demonstration is a path, a preference pair a trunk with two leaves, best-of-N a trunk with N; rows that begin alike are grafted onto one tree.
All tokens stand in one flat row, each tree in pre-order, so that a token's descendants follow it without a gap: a token at s is seen from s up
to `until_S[s]`, and from nowhere else. Its position is its depth in tokens. Attention may be computed over rows of a batch in which whole trees
stand side by side (`seat_BT`); where every tree is a path, each has a row of its own, and the causal kernel needs no mask.

Shapes: S tokens of the forest, B rows of the batch, T places in a row, N scored tokens, U different ones of them, L scored nodes, A answers.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .shelves import Shelf, Shelves, shelves_of

Ints = npt.NDArray[np.int64]
WORTH = 8  # tokens that the answers of one row must have in common to be laid out as a tree: it has more nodes, and paths need no mask


@dataclass(frozen=True, slots=True)
class Tree:
    """Segments of tokens and the index of each one's parent; a parent stands before its children, and -1 marks the root.

    `scored` are the nodes whose values are asked for; the last `answers` tokens on the path to each, where that is given, are its tokens, and
    otherwise those of its own segment. A root must not be scored alone: its first token has nothing to be predicted from. An answer may have several
    scored nodes, its steps: `final` says of each scored node whether it is the last of its answer, and is left out where all are.
    """

    tokens: tuple[tuple[int, ...], ...]
    parents: tuple[int, ...]
    scored: tuple[int, ...]
    answers: tuple[int, ...] | None = None
    final: tuple[bool, ...] | None = None

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

    def sequences(self) -> Iterator[tuple[list[int], int]]:
        """For each scored node the tokens from the root to its end, and how many of them are its answer."""
        for number, node in enumerate(self.scored):
            yield [t for n in self.path(node) for t in self.tokens[n]], len(self.tokens[node]) if self.answers is None else self.answers[number]

    def unrolled(self) -> list[Tree]:
        """One path per scored node, for models that cannot share prefixes."""
        made = []
        for number, node in enumerate(self.scored):
            path = self.path(node)
            final = None if self.final is None else (self.final[number],)
            made.append(Tree(tuple(self.tokens[n] for n in path), tuple(range(-1, len(path) - 1)), (len(path) - 1,), final=final))
        return made


def trunk_and_leaves(trunk: Sequence[int], leaves: Sequence[Sequence[int]]) -> Tree:
    """A prompt and the answers to it."""
    return Tree((tuple(trunk), *map(tuple, leaves)), (-1, *(0 for _ in leaves)), tuple(range(1, len(leaves) + 1)))


def trunk_and_steps(trunk: Sequence[int], answers: Sequence[Sequence[int]], ends: Sequence[Sequence[int]], tail: Sequence[int] = ()) -> Tree:
    """A prompt and the answers to it in steps, which end behind so many tokens of the answer; each step continues the one before it. Scored are the
    steps or, where there is one, a `tail` behind each, which nothing continues."""
    tokens, parents = [tuple(trunk)], [-1]
    scored: list[int] = []
    final: list[bool] = []
    for answer, stops in zip(answers, ends, strict=True):
        step = start = 0
        for stop in stops:
            tokens.append(tuple(answer[start:stop]))
            parents.append(step)
            step, start = len(tokens) - 1, stop
            if tail:
                tokens.append(tuple(tail))
                parents.append(step)
            scored.append(len(tokens) - 1)
            final.append(False)
        final[-1] = True
    return Tree(tuple(tokens), tuple(parents), tuple(scored), final=tuple(final))


def grafted(trees: Sequence[Tree]) -> Tree:
    """One tree with the scored nodes of all of these, in their order; what paths have in common from the first token on is there once.

    A single tree stays as it is where less than `WORTH` tokens would be gained, as for most pairs of independent answers.
    """
    if len(trees) == 1 and len(trees[0].scored) == 1:
        return trees[0]
    sequences, answers = zip(*(found for tree in trees for found in tree.sequences()), strict=True)
    paths = [np.array(ids, ">i4") for ids in sequences]  # big-endian, so that bytes are in the order of the numbers
    order = sorted(range(len(paths)), key=lambda i: paths[i].tobytes())
    shared = [0, *(common(paths[a], paths[b]) for a, b in itertools.pairwise(order))]
    if len(trees) == 1 and trees[0].size - (sum(map(len, paths)) - sum(shared)) < WORTH:
        return trees[0]
    tokens: list[tuple[int, ...]] = []
    parents: list[int] = []
    ends = [0] * len(paths)
    parts = [(0, len(paths), 0, -1)]  # places in the order whose paths go the same way from this depth on, below this node
    while parts:
        place, stop, start, parent = parts.pop()
        end = min(shared[place + 1 : stop], default=len(paths[order[place]]))
        parents.append(parent)
        tokens.append(tuple(sequences[order[place]][start:end]))
        while place < stop and len(paths[order[place]]) == end:
            ends[order[place]] = len(tokens) - 1
            place += 1
        cuts = [place, *(i for i in range(place + 1, stop) if shared[i] == end), stop]
        parts += [(a, b, end, len(tokens) - 1) for a, b in itertools.pairwise(cuts) if a < b]
    final = None if trees[0].final is None else tuple(last for tree in trees for last in tree.final or ())
    return Tree(tuple(tokens), tuple(parents), tuple(ends), answers, final)


def common(a: npt.NDArray[np.int32], b: npt.NDArray[np.int32]) -> int:
    """How many tokens two sequences have in common from the first on."""
    size = min(len(a), len(b))
    differs = a[:size] != b[:size]
    return int(differs.argmax()) if differs.any() else size


@dataclass(frozen=True)
class Forest:
    """Trees laid out for one forward pass.

    `states_LMD`, where it is there, are the hidden states at `end_L` of each network of a scorer, which need not be computed. `level_S` counts the nodes
    above a token's own. `seat_BT` is the token in each place of the rows, S where there is none, and `place_S` the
    place of each token, counted through the rows; `plain` says that every row is one path. `source_U` are the tokens whose hidden states predict
    `token_U`. Scored token n of N is number `which_N` of these and belongs to scored node `leaf_N`; node l of L ends at token `end_L` and belongs to
    answer `answer_L` of `num_answers`.
    """

    ids_S: Tensor
    positions_S: Tensor
    level_S: Tensor
    until_S: Tensor
    seat_BT: Tensor
    place_S: Tensor
    source_U: Tensor
    token_U: Tensor
    which_N: Tensor
    leaf_N: Tensor
    end_L: Tensor
    answer_L: Tensor
    num_answers: int
    plain: bool
    pad: int
    states_LMD: Tensor | None = None

    @property
    def num_tokens(self) -> int:
        return len(self.ids_S)

    @property
    def num_leaves(self) -> int:
        return len(self.end_L)

    def to(self, device: torch.device | str) -> Forest:
        moved = {f.name: value.to(device) for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)}
        return replace(self, **moved)

    @cached_property
    def block_masks(self) -> dict[tuple[int | None, bool], Any]:
        """What a kernel that skips blocks of tokens is given, by what it was asked for."""
        return {}

    @cached_property
    def whole(self) -> Shelf:
        """The rows of `seat_BT`."""
        return Shelf(self.until_S, self.positions_S, self.seat_BT, self.plain, self.num_tokens == self.seat_BT.numel())

    @cached_property
    def shelves(self) -> Shelves:
        """The rows in which attention is computed."""
        return shelves_of(self)

    def in_rows(self, values_S: Tensor, padding: int) -> Tensor:
        """Values of tokens in the places of the rows, [B, T]."""
        return torch.cat([values_S, values_S.new_tensor([padding])])[self.seat_BT]


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
    """Lay trees out. Scored nodes are numbered tree by tree, in the order they were given."""
    starts = [0, *itertools.accumulate(tree.size for tree in trees)]
    laid = [Laid(tree, start) for tree, start in zip(trees, starts, strict=False)]
    total = starts[-1]
    rows = rows_of(trees)
    width = max(sum(trees[i].size for i in row) for row in rows)
    seat_BT, place_S = np.full((len(rows), width), total), np.empty(total, np.int64)
    for r, row in enumerate(rows):
        column = 0
        for index in row:
            size = trees[index].size
            seat_BT[r, column : column + size] = np.arange(starts[index], starts[index] + size)
            place_S[starts[index] : starts[index] + size] = np.arange(size) + (r * width + column)
            column += size
    first_leaf = [0, *itertools.accumulate(len(tree.scored) for tree in trees)]
    scored_N3 = np.concatenate([part for tree, leaf in zip(laid, first_leaf, strict=False) for part in tree.predicted(leaf)])
    source_U, token_U, which_N = scored_N3[:, 0], scored_N3[:, 1], np.arange(len(scored_N3))
    if any(tree.answers is not None for tree in trees):  # paths may have scored tokens in common
        both_U2, which_N = np.unique(scored_N3[:, :2], axis=0, return_inverse=True)
        source_U, token_U = both_U2.T
    flat = (np.concatenate([getattr(tree, name) for tree in laid]) for name in ("ids_S", "positions_S", "level_S", "until_S"))
    ends = [tree.last(node) for tree in laid for node in tree.tree.scored]
    final_L = np.array([last for tree in trees for last in tree.final or [True] * len(tree.scored)])
    arrays = [*flat, seat_BT, place_S, source_U, token_U, which_N.reshape(-1), scored_N3[:, 2], np.array(ends, np.int64), final_L.cumsum() - final_L]
    tensors = (torch.from_numpy(np.ascontiguousarray(array)) for array in arrays)
    return Forest(*tensors, int(final_L.sum()), all(tree.is_path for tree in trees), pad)


class Laid:
    """A tree laid out in pre-order from token number `start` on. S tokens."""

    def __init__(self, tree: Tree, start: int) -> None:
        self.tree = tree
        lengths = [len(segment) for segment in tree.tokens]
        sizes = lengths.copy()  # of a node and all below it
        for node in range(len(lengths) - 1, 0, -1):
            sizes[tree.parents[node]] += sizes[node]
        self.spans: list[slice] = []
        free: list[int] = []  # where the next child of each node begins
        depths, levels = [0] * len(lengths), [0] * len(lengths)
        self.ids_S, self.positions_S, self.level_S, self.until_S = (np.empty(tree.size, np.int64) for _ in range(4))
        for node, (parent, segment) in enumerate(zip(tree.parents, tree.tokens, strict=True)):
            begin = start
            if parent >= 0:
                begin = free[parent]
                free[parent] += sizes[node]
                depths[node], levels[node] = depths[parent] + lengths[parent], levels[parent] + 1
            free.append(begin + lengths[node])
            self.spans.append(slice(begin, begin + lengths[node]))
            here = slice(begin - start, begin - start + lengths[node])
            self.ids_S[here], self.level_S[here], self.until_S[here] = segment, levels[node], begin + sizes[node]
            self.positions_S[here] = np.arange(depths[node], depths[node] + lengths[node])

    def predicted(self, leaf: int) -> Iterator[Ints]:
        """For each scored node (token before, id, leaf) of its tokens; the first token of a tree has none before it. Leaves count from `leaf`."""
        start = self.spans[0].start
        for number, node in enumerate(self.tree.scored):
            answer = len(self.tree.tokens[node]) if self.tree.answers is None else self.tree.answers[number]
            path = self.end_of_path(node, answer + 1)
            own = path[max(1, len(path) - answer) :] if answer else path[:0]
            yield np.stack([path[len(path) - len(own) - 1 : -1] if answer else own, self.ids_S[own - start], np.full(len(own), leaf + number)], 1)

    def end_of_path(self, node: int, most: int) -> Ints:
        """The last tokens on the path to `node`, at most so many; what lies further up is not looked at."""
        parts: list[Ints] = []
        while node >= 0 and most > 0:
            span = self.spans[node]
            parts.append(np.arange(max(span.start, span.stop - most), span.stop))
            most -= len(parts[-1])
            node = self.tree.parents[node]
        return np.concatenate(parts[::-1])

    def last(self, node: int) -> int:
        """The last token on the path to `node`; nodes may be empty. -1 where the path holds no token."""
        while node >= 0 and not self.tree.tokens[node]:
            node = self.tree.parents[node]
        return self.spans[node].stop - 1 if node >= 0 else -1


def batches(sizes: Sequence[int] | Ints, tokens_at_once: int, flat: bool) -> Iterator[list[int]]:
    """Indices of trees, given by size, in groups of like size that fill a forward pass of `tokens_at_once` (a single tree always goes). In a flat row
    padding is no token, and only attention meets it: its rows may have twice as many places. Otherwise padding counts."""
    group: list[int] = []
    total = 0
    for index in map(int, np.argsort(np.asarray(sizes, np.int64), kind="stable")):
        places = (len(group) + 1) * sizes[index]
        if group and (places > 2 * tokens_at_once or total + sizes[index] > tokens_at_once if flat else places > tokens_at_once):
            yield group
            group, total = [], 0
        group.append(index)
        total += sizes[index]
    if group:
        yield group
