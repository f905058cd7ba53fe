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

from ..machine import multiplies_bfloat16


@dataclass(frozen=True, slots=True)
class Copy:
    """A matrix in another layout, and what it was made of: a parameter that had been written to so often, in this format."""

    weight: Tensor
    made_of: nn.Parameter
    written: int
    dtype: torch.dtype


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
        head, half = self.model.get_output_embeddings(), torch.ops.mkldnn._is_mkldnn_bf16_supported() and multiplies_bfloat16()
        for layer in self.model.modules():
            if type(layer) is not nn.Linear or layer.weight.device.type != "cpu" or "forward" in vars(layer):
                continue
            dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else layer.weight.dtype
            if (dtype is torch.bfloat16 and half) or (dtype is torch.float32 and layer is head):
                yield layer, dtype

    def lay_out(self, layers: list[tuple[nn.Linear, torch.dtype]]) -> None:
        """Make the copies that are missing, or older than their matrix; writes through `.data` are not seen."""
        for layer, dtype in layers:
            found, made_of = self.copies.get(layer), layer.weight
            if found is None or found.made_of is not made_of or (found.written, found.dtype) != (made_of._version, dtype):
                weight = torch.ops.mkldnn._reorder_linear_weight(made_of.detach().to(dtype))
                self.copies[layer] = Copy(weight, made_of, made_of._version, dtype)
                torch.clear_autocast_cache()  # which may have a plain copy of the same

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """The model multiplies with the copies; without gradients."""
        layers = [] if self.users else list(self.chosen())
        self.lay_out(layers)
        self.users += 1
        try:
            for layer, dtype in layers:
                layer.forward = product(self.copies[layer].weight, layer.bias, dtype)  # type: ignore[method-assign]
            yield
        finally:
            self.users -= 1
            for layer, _ in layers:
                vars(layer).pop("forward", None)


def product(weight: Tensor, bias: Tensor | None, dtype: torch.dtype) -> Any:
    """What a layer does to its input, as under autocast."""
    bias = None if bias is None else bias.detach().to(dtype)
    return lambda hidden: torch.ops.mkldnn._linear_pointwise(hidden.to(dtype), weight, bias, "none", [], "")
