"""Rows -> optimiser steps: which rows enter a step, how they are laid out, and what the loss is divided by.

A step takes `rows` rows of a shuffled stream; each rank takes its share and cuts it into forward passes of like-sized trees. The reduction
gives every entry of the loss its weight from what the *whole* step holds, so that the gradient does not depend on accumulation, padding or
the number of devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import overload

import torch
from torch import Tensor
from torch.utils.data import Dataset

from .forest import Forest, Tree, batches, pack


@dataclass(frozen=True)
class Example:
    """One row ready for training: its tree, and the numbers that belong to it (margin, reference log-probabilities)."""

    tree: Tree
    numbers: dict[str, float]


@dataclass(frozen=True)
class Batch:
    """One forward pass: a forest, the leaves of each tree, numbers per row [B], and the weight of each entry of the loss in that of the step: per row
    [B], or per token [N]."""

    forest: Forest
    leaves: tuple[str, ...]
    numbers: dict[str, Tensor]
    weight: Tensor

    def to(self, device: torch.device | str, **_: object) -> Batch:
        return replace(self, forest=self.forest.to(device), numbers={k: v.to(device) for k, v in self.numbers.items()}, weight=self.weight.to(device))


def num_steps(rows: int, per_step: int, steps: int | None, epochs: float | None) -> int:
    """The budget in optimiser steps."""
    if steps is not None:
        return steps
    assert epochs is not None
    return max(1, math.ceil(epochs * rows / per_step))


def permutation(rows: int, seed: int) -> Tensor:
    """The order of one pass over the data, [rows]."""
    return torch.randperm(rows, generator=torch.Generator().manual_seed(seed))


class Order(Sequence[list[int]]):
    """The rows of each of `count` steps, `per_step` of them each, from passes over the data without end; made when a step is asked for.

    It holds the permutations of the two passes that were asked for last: a step may start in one and end in the next.
    """

    def __init__(self, rows: int, per_step: int, count: int, seed: int) -> None:
        self.rows = rows
        self.per_step = per_step
        self.count = count
        self.epoch = lru_cache(maxsize=2)(lambda epoch: permutation(rows, seed + epoch))

    def __len__(self) -> int:
        return self.count

    @overload
    def __getitem__(self, index: int) -> list[int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[list[int]]: ...
    def __getitem__(self, index: int | slice) -> list[int] | list[list[int]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.count))]
        step = index + self.count if index < 0 else index
        if not 0 <= step < self.count:
            raise IndexError(index)
        found: list[int] = []
        while len(found) < self.per_step:
            epoch, place = divmod(step * self.per_step + len(found), self.rows)
            found += self.epoch(epoch)[place : place + self.per_step - len(found)].tolist()
        return found


class Steps(Dataset[list[Batch]]):
    """Item s is the list of forward passes of optimiser step s, as this rank sees it."""

    def __init__(
        self,
        examples: Sequence[Example],
        leaves: tuple[str, ...],
        per: str,
        reduce: Callable[[Tensor], Tensor],
        count: int,
        rows: int,
        tokens_at_once: int,
        seed: int,
        pad: int,
        unroll: bool,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.examples = examples
        self.leaves = leaves
        self.per = per
        self.reduce = reduce
        self.tokens_at_once = tokens_at_once
        self.pad = pad
        self.unroll = unroll
        self.rank = rank
        self.world = world
        self.plan: Sequence[list[int]] = Order(len(examples), rows, count, seed)

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, step: int) -> list[Batch]:
        rows = self.plan[step]
        examples = [self.examples[i] for i in rows]
        weights = self.reduce(torch.tensor([float(self.items(e.tree)) for e in examples])).tolist()
        passes = [self.passes(examples, range(rank, len(rows), self.world)) for rank in range(self.world)]
        found = [self.batch([examples[i] for i in group], [weights[i] for i in group]) for group in passes[self.rank]]
        # Ranks exchange gradients after every pass, so all make equally many: one with less to do repeats a row that counts for nothing.
        missing = max(map(len, passes)) - len(found)
        return found + [self.batch(examples[:1], [0.0])] * missing

    def passes(self, examples: Sequence[Example], rows: Sequence[int]) -> list[list[int]]:
        """The rows of one rank, cut into forward passes."""
        trees = [examples[i].tree for i in rows]
        groups = batches([tree.unrolled_size if self.unroll else tree.size for tree in trees], self.tokens_at_once)
        return [[rows[i] for i in group] for group in groups]

    def items(self, tree: Tree) -> int:
        """Entries of the loss that a tree gives: its answer tokens, or one."""
        return sum(len(tree.tokens[n]) for n in tree.scored) if self.per == "tokens" else 1

    def batch(self, examples: Sequence[Example], weights: Sequence[float]) -> Batch:
        trees = [path for e in examples for path in e.tree.unrolled()] if self.unroll else [e.tree for e in examples]
        numbers = {name: torch.tensor([e.numbers[name] for e in examples]) for name in examples[0].numbers}
        forest, weight_B = pack(trees, self.pad), torch.tensor(weights)
        return Batch(forest, self.leaves, numbers, weight_B if self.per == "rows" else weight_B[forest.leaf_N // len(self.leaves)])
