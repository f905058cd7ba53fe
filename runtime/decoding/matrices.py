"""The matrices of a model while few rows are written, laid out as the CPU multiplies them fastest.

With few rows the time of a product is that of reading the matrix, and in bfloat16 the CPU lays a parameter out anew at every product. In the layout
of oneDNN, 1 to 128 rows cost about half of that. In float32 the output head alone gains: a vocabulary makes it the largest matrix of a small
model, and 4 to 32 rows of it take about two thirds. A copy takes the bytes of the matrix in the format of the products.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(slots=True)
class Copy:
    """A matrix in another layout, and the format, place and number of writes of the one that it was made of."""

    made_of: tuple[torch.dtype, int, int]
    weight: Tensor


class Matrices:
    """The linear layers of `model`. Those that are more than a matrix and a bias, or do not stand on a CPU, are left alone."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.copies: dict[nn.Linear, Copy] = {}
        self.users = 0

    def chosen(self) -> Iterator[tuple[nn.Linear, torch.dtype]]:
        """Layers that gain, each with the format that its products have now."""
        if not torch.backends.mkldnn.is_available():
            return
        head, emulated = self.model.get_output_embeddings(), not torch.ops.mkldnn._is_mkldnn_bf16_supported()
        for layer in self.model.modules():
            if type(layer) is not nn.Linear or layer.weight.device.type != "cpu" or "forward" in vars(layer):
                continue
            dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else layer.weight.dtype
            if (dtype is torch.bfloat16 and not emulated) or (dtype is torch.float32 and layer is head):
                yield layer, dtype

    def copy(self, layer: nn.Linear, dtype: torch.dtype) -> Tensor:
        """The matrix of a layer as it is now."""
        weight = layer.weight.detach()
        made_of = (dtype, weight.data_ptr(), weight._version)
        found = self.copies.get(layer)
        if found is None or found.made_of != made_of:
            found = self.copies[layer] = Copy(made_of, torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype)))
        return found.weight

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The model multiplies with the copies; without gradients."""
        layers = [] if self.users else list(self.chosen())
        for layer, dtype in layers:
            layer.forward = product(self.copy(layer, dtype), layer.bias, dtype)  # type: ignore[method-assign]
        self.users += 1
        try:
            yield
        finally:
            self.users -= 1
            for layer, _ in layers:
                del layer.forward


def product(weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Any:
    """What a layer does to its input, as under autocast."""
    bias = None if bias is None else bias.detach().to(dtype)
    return lambda hidden: torch.ops.mkldnn._linear_pointwise(hidden.to(dtype), weight, bias, "none", [], "")
