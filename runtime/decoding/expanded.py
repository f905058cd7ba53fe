"""Rows that are written side by side by models whose attention cannot be shared: every row has a copy of its prompt in a cache of
transformers, padded on the left. Each node is still read once for all of its rows."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from .node import Node, Segment


class ExpandedBatch:
    """One row for each of `nodes`."""

    def __init__(self, model: Any, nodes: Sequence[Node], pad: int) -> None:
        self.model = model
        self.distinct = list(dict.fromkeys(nodes))
        number = {node: i for i, node in enumerate(self.distinct)}
        self.rows = [number[node] for node in nodes]
        self.pad = pad
        self.cache: Any = None
        self.real_RT: Tensor
        self.takes = inspect.signature(model.forward).parameters

    def at_work(self) -> AbstractContextManager[None]:
        return nullcontext()

    def ask(self, ids_RT: Tensor, position_RT: Tensor) -> Tensor:
        last = {"position_ids": position_RT, "logits_to_keep": 1}  # of a prompt only what follows it is of interest
        known = {name: value for name, value in last.items() if name in self.takes}
        out = self.model(input_ids=ids_RT, attention_mask=self.real_RT, past_key_values=self.cache, use_cache=True, **known)
        logits: Tensor = out.logits[:, -1].float()
        return logits

    def logits(self, token_R: Tensor, position_R: Tensor) -> Tensor:
        """Logits [R, V] in float32 of what follows these tokens. The first call reads everything before them."""
        if self.cache is not None:
            self.real_RT = torch.cat([self.real_RT, self.real_RT.new_ones(len(self.real_RT), 1)], 1)
            return self.ask(token_R[:, None], position_R[:, None])
        contexts = [node.context for node in self.distinct]
        width, device = max(map(len, contexts)), token_R.device
        self.cache = DynamicCache(config=self.model.config)
        self.real_RT = torch.tensor([[0] * (width - len(c)) + [1] * len(c) for c in contexts], device=device)
        ids_RT = torch.tensor([[self.pad] * (width - len(c)) + c for c in contexts], device=device)
        found = self.ask(ids_RT, (self.real_RT.cumsum(1) - 1).clamp_(min=0))
        index_R = torch.tensor(self.rows, device=device)
        self.select(index_R)
        return found[index_R]

    def select(self, index_R: Tensor) -> None:
        self.cache.reorder_cache(index_R)
        self.real_RT = self.real_RT[index_R]

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in their order."""
        self.select(torch.tensor(rows, device=self.real_RT.device))

    def segment(self, row: int, columns: int, beyond: int) -> Segment | None:
        """Nothing is kept: nodes are read anew."""
        return None
