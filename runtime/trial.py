"""A model of any family, tried on a few tokens: does it compute by our attention what it computes by its own?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TOLERANCE = 0.02  # of the spread of the numbers; what is wrong differs by far more, what is right by rounding, bfloat16 included


class Unservable(Exception):
    """A model wants attention of another kind."""


# What the code of a family, which may keep what it remembers in other ways, can fail by on ours.
FAILURES = (Unservable, TypeError, AttributeError, IndexError, KeyError, RuntimeError, ValueError, NotImplementedError)


def agree(ours: Callable[[], Tensor], own: Callable[[], Tensor]) -> bool:
    """Whether the numbers are the same; not where they cannot be made."""
    try:
        found, whole = ours().float(), own().float()
        return bool(torch.isfinite(found).all()) and float((found - whole).abs().max()) <= TOLERANCE * float(whole.std()) + 1e-6
    except FAILURES:
        return False
