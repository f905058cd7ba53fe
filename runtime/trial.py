"""A model of any family, tried on a few tokens: does it compute by our attention what it computes by its own?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

# Of the spread of the numbers, root mean square. One token too many, of eight, makes .12; 22 blocks of width 2,048 in bfloat16 make .022, and their
# largest of 64,000 numbers .10: so it is not the largest that is looked at.
TOLERANCE = 0.02
TOLERANCE_HALF = 0.06  # where numbers of 16 bits are computed with


class Unservable(Exception):
    """A model wants attention of another kind."""


# What the code of a family, which may keep what it remembers in other ways, can fail by on ours.
FAILURES = (Unservable, TypeError, AttributeError, IndexError, KeyError, RuntimeError, ValueError, NotImplementedError)


def agree(ours: Callable[[], Tensor], own: Callable[[], Tensor]) -> bool:
    """Whether the numbers are the same but for rounding; not where they cannot be made."""
    try:
        found, whole = ours(), own()
    except FAILURES:
        return False
    if found.shape != whole.shape:
        return False
    half = whole.dtype.itemsize < 4 or torch.is_autocast_enabled(whole.device.type)
    found, whole = found.float(), whole.float()
    difference = (found - whole).square().mean().sqrt()
    return bool(torch.isfinite(found).all()) and float(difference) <= (TOLERANCE_HALF if half else TOLERANCE) * float(whole.std()) + 1e-6
