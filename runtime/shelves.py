"""Rows in which attention is computed: trees of a forest by length, so that few places are padding.

On a GPU there is one shelf, the rows of the forest, for every kernel more has to be launched. On a CPU that costs nothing, but every place in a row costs
its whole length: trees stand in rows of their own, on shelves of like length.

Shapes: S tokens of the forest, B rows of T places on a shelf, P places on all shelves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .forest import Forest

SHORTER = 0.85  # of the length of a shelf: what is longer stays on it
WORTH = 1 << 16  # scores that one shelf more must spare


@dataclass(frozen=True)
class Shelf:
    """Rows of a forest, of which it keeps `until_S` and `positions_S` (not the forest, which keeps it). `seat_BT` is the token in each place, S where
    there is none; `plain` says that every row is one path, `full` that there is a token in every place."""

    until_S: Tensor
    positions_S: Tensor
    seat_BT: Tensor
    plain: bool
    full: bool
    masks: dict[tuple[int | None, torch.dtype, bool], Tensor] = field(default_factory=dict)  # what `mask` made: every layer asks for it

    def mask(self, window: int | None = None, dtype: torch.dtype = torch.bool, both_ways: bool = False) -> Tensor:
        """Where a token of a row may attend, [B, 1, T, T]: to itself and to what comes before it on its path, less than `window` tokens away.

        `both_ways`, it attends to all of its path, which has a row of its own ([B, 1, 1, T] without a window). Padding sees what others see, or padding.
        In a `dtype` of numbers it is what is added to the scores, 0 or -inf, which kernels would otherwise make of it in every layer.
        """
        if (window, dtype, both_ways) not in self.masks:
            seen = self.seen(window, both_ways)
            numbers = dtype is not torch.bool
            made = torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(~seen, -torch.inf) if numbers else seen
            self.masks[window, dtype, both_ways] = made
        return self.masks[window, dtype, both_ways]

    def seen(self, window: int | None, both_ways: bool) -> Tensor:
        """`mask` in truths, made anew."""
        num_tokens = len(self.until_S)
        query_BT1, key_B1T = self.seat_BT[:, :, None], self.seat_BT[:, None]
        if both_ways:
            seen = key_B1T < num_tokens
        else:
            until = torch.cat([self.until_S, self.until_S.new_tensor([num_tokens + 1])])
            seen = (key_B1T <= query_BT1) & (query_BT1 < until[self.seat_BT][:, None])
        if window is not None:
            depth = torch.cat([self.positions_S, self.positions_S.new_zeros(1)])[self.seat_BT]
            seen = seen & ((depth[:, :, None] - depth[:, None]).abs() < window)
        return seen[:, None]


@dataclass(frozen=True)
class Shelves:
    """All rows. `seat_P` is the token in each place, shelf by shelf, and `place_S` the place of each token."""

    rows: tuple[Shelf, ...]
    seat_P: Tensor
    place_S: Tensor

    def split(self, values_Px: Tensor) -> list[Tensor]:
        """What stands in the places, [B, T, ...] for each shelf."""
        sizes = [shelf.seat_BT.numel() for shelf in self.rows]
        return [part.unflatten(0, shelf.seat_BT.shape) for part, shelf in zip(values_Px.split(sizes), self.rows, strict=True)]


def shelves_of(forest: Forest) -> Shelves:
    """The rows of a forest where its tensors are."""
    if forest.ids_S.device.type != "cpu":
        return Shelves((forest.whole,), forest.seat_BT.flatten(), forest.place_S)
    spans = pieces(forest.until_S.tolist())
    rows, seats, place_S, start = [], [], torch.empty_like(forest.place_S), 0
    for group in groups_of([end - begin for begin, end in spans]):
        width = spans[group[0]][1] - spans[group[0]][0]
        begin_B1, end_B1 = torch.tensor([spans[index] for index in group]).T[:, :, None]
        seat_BT = begin_B1 + torch.arange(width)
        there = seat_BT < end_B1
        place_S[seat_BT[there]] = torch.arange(seat_BT.numel()).view_as(seat_BT)[there] + start
        seat_BT = seat_BT.masked_fill_(~there, forest.num_tokens)
        plain = all(bool((forest.until_S[begin:end] == end).all()) for begin, end in (spans[index] for index in group))
        rows.append(Shelf(forest.until_S, forest.positions_S, seat_BT, plain, bool(there.all())))
        seats.append(seat_BT.flatten())
        start += seat_BT.numel()
    return Shelves(tuple(rows), torch.cat(seats), place_S)


def pieces(until: Sequence[int]) -> list[tuple[int, int]]:
    """Where the parts of a flat row begin and end that see nothing of each other: trees, and what has only an empty root in common."""
    found, start = [], 0
    while start < len(until):
        found.append((start, until[start]))
        start = until[start]
    return found


def groups_of(lengths: Sequence[int]) -> list[list[int]]:
    """Indices of rows of like length, by falling length."""
    groups: list[list[int]] = []
    widest = 0
    for place, index in enumerate(sorted(range(len(lengths)), key=lambda i: -lengths[i])):
        length = lengths[index]
        if not groups or (length < SHORTER * widest and (len(lengths) - place) * (widest**2 - length**2) > WORTH):
            groups.append([])
            widest = length
        groups[-1].append(index)
    return groups
