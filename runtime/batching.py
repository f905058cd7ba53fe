"""Rows -> optimiser steps: which rows enter a step, how they are laid out, and what the loss is divided by.

A step takes `rows` rows of a shuffled stream; each rank takes its share, grafts rows with the same prompt onto one tree, and cuts what it has into
forward passes of like-sized trees. The reduction gives every entry of the loss its weight from what the *whole* step holds, so that the gradient
does not depend on accumulation, padding or the number of devices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from .forest import Forest, Ints, Tree, batches, grafted, pack
from .on_demand import OnDemand


@dataclass(frozen=True)
class Example:
    """One row ready for training: its tree, and the numbers that belong to it (margin, reference log-probabilities)."""

    tree: Tree
    numbers: dict[str, float | list[float]]


STEP_LABELS = "step_labels"  # the numbers that a row has one of for each step of its answer
Piece = tuple[Tree, list[int]]  # a tree and the rows of the step that are on it, in the order of its scored nodes


@dataclass(frozen=True)
class Batch:
    """One forward pass: a forest, the leaves of each tree, numbers per row ([B], or [B, ...]) or per step of an answer [L], and for each entry of the loss
    its row and its weight in the loss of the optimiser step: per row [B], per token [N], or per step of an answer [L]."""

    forest: Forest
    leaves: tuple[str, ...]
    numbers: dict[str, Tensor]
    row: Tensor
    weight: Tensor

    def to(self, device: torch.device | str, **_: object) -> Batch:
        numbers = {k: v.to(device) for k, v in self.numbers.items()}
        return replace(self, forest=self.forest.to(device), numbers=numbers, row=self.row.to(device), weight=self.weight.to(device))


def num_steps(rows: int, per_step: int, steps: int | None, epochs: float | None) -> int:
    """The budget in optimiser steps."""
    if steps is not None:
        return steps
    assert epochs is not None
    return max(1, math.ceil(epochs * rows / per_step))


def permutation(rows: int, seed: int, groups: Ints | None = None) -> Tensor:
    """The order of one pass over the data, [rows]; rows of a group, where each has the number of its own, stay together in their order."""
    generator = torch.Generator().manual_seed(seed)
    if groups is None:
        return torch.randperm(rows, generator=generator)
    return torch.randperm(int(groups.max()) + 1, generator=generator)[torch.from_numpy(groups)].argsort(stable=True)


class Order(OnDemand[list[int]]):
    """The rows of each of `count` steps, `per_step` of them each, from passes over the data without end; made when a step is asked for.

    It holds the permutations of the two passes that were asked for last: a step may start in one and end in the next.
    """

    def __init__(self, rows: int, per_step: int, count: int, seed: int, groups: Ints | None = None) -> None:
        self.rows = rows
        self.per_step = per_step
        self.count = count
        self.epoch = lru_cache(maxsize=2)(lambda epoch: permutation(rows, seed + epoch, groups))

    def __len__(self) -> int:
        return self.count

    def item(self, step: int) -> list[int]:
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
        flat: bool,
        rank: int = 0,
        world: int = 1,
        groups: Ints | None = None,
        noise: int = 0,
    ) -> None:
        self.examples = examples
        self.leaves = leaves
        self.per = per
        self.reduce = reduce
        self.tokens_at_once = tokens_at_once
        self.pad = pad
        self.unroll = unroll
        self.flat = flat
        self.rank = rank
        self.world = world
        self.seed = seed
        self.noise = noise  # standard normal numbers that each row of a step is given
        self.plan: Sequence[list[int]] = Order(len(examples), rows, count, seed, groups)

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, step: int) -> list[Batch]:
        rows = self.plan[step]
        examples = self.with_noise([self.examples[i] for i in rows], step)
        weights = self.reduce(torch.tensor([float(self.items(e)) for e in examples])).tolist()
        shares = [range(rank * len(rows) // self.world, (rank + 1) * len(rows) // self.world) for rank in range(self.world)]
        passes = [self.passes(examples, share) for share in shares]
        found = [self.batch(examples, weights, pieces) for pieces in passes[self.rank]]
        # Ranks exchange gradients after every pass, so all make equally many: one with less to do repeats a row that counts for nothing.
        missing = max(map(len, passes)) - len(found)
        return found + [self.batch(examples, [0.0], [(examples[0].tree, [0])])] * missing

    def with_noise(self, examples: list[Example], step: int) -> list[Example]:
        """The rows of a step with their random numbers, which depend on the step and the place in it, not on how it is cut."""
        if not self.noise:
            return examples
        drawn = torch.randn(len(examples), self.noise, generator=torch.Generator().manual_seed(self.seed * 1_000_003 + step)).tolist()
        return [replace(example, numbers={**example.numbers, "noise": numbers}) for example, numbers in zip(examples, drawn, strict=True)]

    def passes(self, examples: Sequence[Example], rows: Sequence[int]) -> list[list[Piece]]:
        """The rows of one rank, cut into forward passes."""
        alike: dict[Any, list[int]] = {}
        for i in rows:
            alike.setdefault(i if self.unroll else examples[i].tree.tokens[0], []).append(i)
        pieces = [piece for members in alike.values() for piece in self.grafts(examples, members)]
        sizes = [tree.unrolled_size if self.unroll else tree.size for tree, _ in pieces]
        return [[pieces[i] for i in group] for group in batches(sizes, self.tokens_at_once, self.flat)]

    def grafts(self, examples: Sequence[Example], members: list[int]) -> Iterator[Piece]:
        """Rows with one prompt as one tree, or as several where that would be too large for a forward pass."""
        tree = examples[members[0]].tree if self.unroll else grafted([examples[i].tree for i in members])
        if tree.size <= self.tokens_at_once or len(members) == 1:
            yield tree, members
        else:
            half = len(members) // 2
            yield from self.grafts(examples, members[:half])
            yield from self.grafts(examples, members[half:])

    def items(self, example: Example) -> int:
        """Entries of the loss that a row gives: the tokens of its answers, the steps that have a label, or one."""
        if self.per == "steps":
            return sum(not math.isnan(label) for label in example.numbers[STEP_LABELS])  # type: ignore[union-attr]  # a list
        return sum(len(example.tree.tokens[n]) for n in example.tree.scored) if self.per == "tokens" else 1

    def batch(self, examples: Sequence[Example], weights: Sequence[float], pieces: Sequence[Piece]) -> Batch:
        members = [i for _, rows in pieces for i in rows]
        trees = [path for tree, _ in pieces for path in (tree.unrolled() if self.unroll else [tree])]
        numbers = {name: stacked(name, [examples[i].numbers[name] for i in members]) for name in examples[0].numbers}
        forest = pack(trees, self.pad)
        entries = {"rows": torch.arange(len(members)), "tokens": forest.leaf_N // len(self.leaves), "steps": forest.answer_L // len(self.leaves)}
        row = entries[self.per]
        return Batch(forest, self.leaves, numbers, row, torch.tensor([weights[i] for i in members])[row])


def stacked(name: str, values: Sequence[Any]) -> Tensor:
    """The numbers of some rows: one or as many of each, or the labels of their steps one row after the other."""
    return torch.tensor([label for labels in values for label in labels] if name == STEP_LABELS else values)
