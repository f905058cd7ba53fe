"""Rows that are written side by side, on prompts whose keys and values are stored once.

A row is one continuation of a node. Rows of a prompt lie side by side; what nodes between prompt and row hold is copied in front of the
row's own tokens when the batch is made, a few columns once in as many tokens as are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from .attention import GROWTH, Groups, OwnLayer, Step, Unservable, attending
from .node import ALIGNED, Node, Segment, Trunk, joined


def stands_on(node: Node) -> tuple[Node, list[Node]] | None:
    """(the nearest node that is a trunk, the nodes below it down to `node`), or None where something between was freed."""
    below: list[Node] = []
    here: Node | None = node
    while here is not None and here.trunk is None:
        if here.segment is None:
            return None
        below.append(here)
        here = here.parent
    return None if here is None else (here, below[::-1])


def order(nodes: Sequence[Node]) -> list[int]:
    """An order of nodes in which those on one prompt stand side by side, and prompts of one trunk too. All must stand on something."""
    trunks: dict[int, int] = {}
    prompts: dict[tuple[int, int], int] = {}
    keys = []
    for node in nodes:
        trunk, index = trunk_of(node)
        keys.append((trunks.setdefault(id(trunk), len(trunks)), prompts.setdefault((id(trunk), index), len(prompts))))
    return sorted(range(len(nodes)), key=keys.__getitem__)


def trunk_of(node: Node) -> tuple[Trunk, int]:
    found = stands_on(node)
    assert found is not None and found[0].trunk is not None, "a node that stands on nothing"
    return found[0].trunk


class SharedBatch:
    """One row for each of `nodes`, which `order` has sorted; none becomes longer than `context`. A `fixed` batch can be recorded: see `Step`."""

    def __init__(self, model: Any, nodes: Sequence[Node], context: int, fixed: bool = False) -> None:
        self.model = model
        self.places = [trunk_of(node) for node in nodes]
        self.slots: list[int] = []  # per row the number of its prompt in `trunk`
        self.trunk = self.gather_trunk()
        owns, self.paddings, length = own_parts(nodes, self.trunk)
        self.step = Step(context, length)
        self.layers = [OwnLayer(self.step, trunk, own) for trunk, own in zip(self.trunk.layers, owns, strict=True)]
        self.cache = Cache(layers=self.layers)
        self.fixed = fixed
        self.arrange()

    def gather_trunk(self) -> Trunk:
        """One trunk of the prompts that rows stand on, each once; the one they share already if most of it is needed."""
        trunks: dict[int, tuple[Trunk, list[int]]] = {}
        for trunk, index in self.places:
            indices = trunks.setdefault(id(trunk), (trunk, []))[1]
            if index not in indices:
                indices.append(index)
        numbers: dict[tuple[int, int], int] = {}
        for key, (_, indices) in trunks.items():
            for index in indices:
                numbers[key, index] = len(numbers)
        self.slots = [numbers[id(trunk), index] for trunk, index in self.places]
        return joined(list(trunks.values()))

    def arrange(self) -> None:
        """Tell the attention which row stands on which prompt, and what is hidden from it."""
        device = self.trunk.layers[0][0].device
        counts = [0] * len(self.trunk.lengths)
        for slot in self.slots:
            counts[slot] += 1
        self.step.groups = Groups(counts, device)
        self.step.column_1 = torch.tensor([self.step.length], device=device) if self.fixed else None
        columns = self.trunk.layers[0][0]
        lengths, paddings = (torch.tensor(number, device=device)[:, None] for number in (self.trunk.lengths, self.paddings))
        trunk_P, own_S = (torch.arange(width, device=device) for width in (columns.shape[2], self.room))
        hidden_RS = own_S < paddings
        if self.fixed:
            hidden_RS = hidden_RS | (own_S >= self.step.length)
        self.step.trunk_bias_G11P, self.step.own_bias_R11S = bias(trunk_P >= lengths, columns.dtype), bias(hidden_RS, columns.dtype)

    def at_work(self) -> AbstractContextManager[None]:
        """While rows are written, the model attends as this batch says."""
        return attending(self.model, self.step)

    @property
    def room(self) -> int:
        """Columns for own tokens."""
        return self.layers[0].keys.shape[2]

    @property
    def full(self) -> bool:
        """Whether the next token needs more room."""
        return self.step.length == self.room

    def make_room(self) -> None:
        """More columns; what was recorded does not know of them."""
        more = max(GROWTH, self.step.length // 2)
        for layer in self.layers:
            layer.make_room(more)
        self.arrange()

    def logits(self, token_R: Tensor, position_R: Tensor) -> Tensor:
        """Logits [R, V] in float32 of what follows these tokens."""
        if self.full:
            self.make_room()
        self.step.served = 0
        if self.step.column_1 is not None and self.step.own_bias_R11S is not None:
            self.step.own_bias_R11S.index_fill_(3, self.step.column_1, 0.0)
        out = self.model(input_ids=token_R[:, None], position_ids=position_R[:, None], past_key_values=self.cache, use_cache=True)
        if self.step.served != len(self.layers):
            raise Unservable("attention that is not asked through the interface")
        if self.step.column_1 is not None:
            self.step.column_1 += 1
        self.step.length += 1
        logits: Tensor = out.logits[:, -1].float()
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in their order."""
        index_R = torch.tensor(rows, device=self.trunk.layers[0][0].device)
        for layer in self.layers:
            layer.keep(index_R)
        self.slots, self.paddings = [self.slots[row] for row in rows], [self.paddings[row] for row in rows]
        used = sorted(set(self.slots))
        if len(used) <= len(self.trunk.lengths) // 2:
            self.trunk = self.trunk.select(used)
            self.slots = [used.index(slot) for slot in self.slots]
            for layer, (keys, values) in zip(self.layers, self.trunk.layers, strict=True):
                layer.trunk_keys, layer.trunk_values = keys, values
        self.arrange()

    def segment(self, row: int, columns: int, beyond: int) -> Segment | None:
        """A copy of the row's last keys and values, but for those of the last `beyond` tokens."""
        made, end = [], self.step.length - beyond
        span = slice(end - columns, end)
        for layer in self.layers:
            made.append((layer.keys[row, :, span].clone(), layer.values[row, :, span].clone()))
        return made


def bias(hidden_BT: Tensor, dtype: torch.dtype) -> Tensor | None:
    """What is added to scores, [B, 1, 1, T]: -inf where they are hidden. None if none is."""
    if not bool(hidden_BT.any()):
        return None
    return torch.zeros(hidden_BT.shape, dtype=dtype, device=hidden_BT.device).masked_fill_(hidden_BT, -torch.inf)[:, None, None]


def own_parts(nodes: Sequence[Node], trunk: Trunk) -> tuple[Segment, list[int], int]:
    """Per layer keys and values of the nodes between prompt and row, [R, K, S, D] each, padded on the left; how many columns of each row
    are padding; and S. There is room for more tokens behind them."""
    distinct = list(dict.fromkeys(nodes))
    lines = [found[1] for node in distinct if (found := stands_on(node)) is not None]
    lengths = [sum(len(node.tokens) for node in line) for line in lines]
    width = max(lengths)
    number = {node: i for i, node in enumerate(distinct)}
    places = [number[node] for node in nodes]
    index_R = torch.tensor(places, device=trunk.layers[0][0].device)
    made: Segment = []
    for depth, pair in enumerate(trunk.layers):
        both = []
        for which, like in enumerate(pair):
            whole = like.new_zeros(len(distinct), like.shape[1], width, like.shape[3])
            for i, line in enumerate(lines):
                if lengths[i]:
                    whole[i, :, width - lengths[i] :] = torch.cat([(node.segment or [])[depth][which] for node in line], 1)
            rows = like.new_zeros(len(nodes), like.shape[1], width + GROWTH + -width % ALIGNED, like.shape[3])
            rows[:, :, :width] = whole[index_R]
            both.append(rows)
        made.append((both[0], both[1]))
    return made, [width - lengths[place] for place in places], width
