"""The output head of a model while few rows are written: its matrix laid out as the CPU multiplies it fastest.

With few rows the time of a product is that of reading the matrix, and a vocabulary makes the head the largest one of a small model. In the
layout of oneDNN, 2 to 32 rows cost about half of what they cost in that of a parameter; from 128 rows on nothing is gained. The copy takes
as many bytes as the head.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Head:
    """The output head of `model`. Only a plain matrix in float32 on a CPU is laid out anew; any other is left alone."""

    def __init__(self, model: Any) -> None:
        self.head = model.get_output_embeddings()
        self.packed: Tensor | None = None
        self.made_of: tuple[int, int] | None = None  # where the matrix lay and how often it had been written to when `packed` was made

    def servable(self) -> bool:
        head = self.head
        if type(head) is not nn.Linear or not torch.backends.mkldnn.is_available() or torch.is_autocast_enabled("cpu"):
            return False
        return head.weight.device.type == "cpu" and head.weight.dtype == torch.float32

    def pack(self) -> Tensor:
        """The matrix as it is now, in the layout of oneDNN."""
        weight = self.head.weight.detach()
        made_of = (weight.data_ptr(), weight._version)
        if self.packed is None or made_of != self.made_of:
            self.packed, self.made_of = torch.ops.mkldnn._reorder_linear_weight(weight), made_of
        return self.packed

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The model asks the packed matrix for its logits; without gradients."""
        if not self.servable():
            yield
            return
        packed, bias = self.pack(), self.head.bias
        self.head.forward = lambda hidden: torch.ops.mkldnn._linear_pointwise(hidden, packed, bias, "none", [], "")
        try:
            yield
        finally:
            del self.head.forward
