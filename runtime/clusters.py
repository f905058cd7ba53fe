"""What hangs together, as numbers: a million prompts are no million Python objects.

Shapes: N values, C clusters of those that are equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .on_demand import OnDemand

Ints = np.ndarray[Any, np.dtype[np.int64]]
DIGEST = 16  # bytes of a hash; two values of a billion have the same with a chance of 1e-21


def by_appearance(labels_N: np.ndarray[Any, np.dtype[Any]]) -> Ints:
    """The number of the cluster of each label, [N], counted as they first appear."""
    _, first_C, which_N = np.unique(labels_N, return_index=True, return_inverse=True)
    number_C = np.empty(len(first_C), np.int64)
    number_C[first_C.argsort()] = np.arange(len(first_C))
    return number_C[which_N]


def numbered_bytes(values: Iterable[bytes]) -> Ints:
    """The same of byte strings, of which only a hash is kept, and only meanwhile."""
    digests = bytearray()
    for value in values:
        digests += hashlib.blake2b(value, digest_size=DIGEST).digest()
    return by_appearance(np.frombuffer(digests, f"S{DIGEST}"))


def numbered(values: Iterable[object]) -> Ints:
    """The same of anything that Python writes alike where it is equal, such as the values of a column."""
    return numbered_bytes(repr(value).encode() for value in values)


@dataclass(frozen=True)
class Members(OnDemand[Ints]):
    """The places of the members of each cluster, in their order."""

    order_N: Ints
    bounds: Ints  # [C + 1]

    @staticmethod
    def of(number_N: Ints) -> Members:
        return Members(number_N.argsort(kind="stable"), np.concatenate([[0], np.bincount(number_N).cumsum()]))

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def item(self, index: int) -> Ints:
        return self.order_N[self.bounds[index] : self.bounds[index + 1]]
