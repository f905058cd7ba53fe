"""A model of any family, tried on a few tokens: does it compute by our attention what it computes by its own?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

# Of the spread of the numbers, root mean square. In float32 ours and theirs differ in the last digits, and states that run on from one sequence into the next
# make 1e-4 of fresh weights, for these say little. In 16 bits one token too many, of eight, makes .12; 22 blocks of width 2,048 in bfloat16 make .022, and
# their largest of 64,000 numbers .10: so it is not the largest that is looked at.
TOLERANCE = 3e-5
TOLERANCE_HALF = 0.06  # where numbers of 16 bits, or products of fewer digits, are computed with

WINDOWED = ("sliding_attention", "chunked_attention")  # kinds of layers in transformers


class Unservable(Exception):
    """A model wants attention of another kind."""


# What the code of a family, which may keep what it remembers in other ways, can fail by on ours.
FAILURES = (Unservable, TypeError, AttributeError, IndexError, KeyError, RuntimeError, ValueError, NotImplementedError)


def hides_window(module: Any, told: Mapping[str, Any]) -> bool:
    """Whether attention of this module has a window that it is not told of: some families put it into the mask alone, which ours does not read."""
    config, layer = getattr(module, "config", None), getattr(module, "layer_idx", None)
    kinds = getattr(config, "layer_types", None)
    near = kinds[layer] in WINDOWED if kinds and layer is not None else bool(getattr(config, "sliding_window", None))
    return near and told.get("sliding_window") is None


def agree(ours: Callable[[], Tensor], own: Callable[[], Tensor]) -> bool:
    """Whether the numbers are the same but for rounding; not where they cannot be made. Under autocast they are held to each other without it too, where
    rounding hides less."""
    narrowed = [kind for kind in ("cpu", "cuda") if torch.is_autocast_enabled(kind)]
    with ExitStack() as wide:
        for kind in narrowed:
            wide.enter_context(torch.autocast(kind, enabled=False))
        if not same(ours, own):
            return False
    return not narrowed or same(ours, own, half=True)


def same(ours: Callable[[], Tensor], own: Callable[[], Tensor], half: bool = False) -> bool:
    """The same in the number format at hand, which is `half` as wide."""
    try:
        found, whole = ours(), own()
    except FAILURES:
        return False
    if found.shape != whole.shape:
        return False
    coarse = half or whole.dtype.itemsize < 4 or (whole.is_cuda and torch.get_float32_matmul_precision() != "highest")
    found, whole = found.float(), whole.float()
    difference = (found - whole).square().mean().sqrt()
    return bool(torch.isfinite(found).all()) and float(difference) <= (TOLERANCE_HALF if coarse else TOLERANCE) * float(whole.std()) + 1e-6
