"""Sums of two whole numbers."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from runtime.fault import Skip
from runtime.registry import implements
from runtime.rows import Row, kept

from ..spec import Sums


@implements(Sums)
def sums(*, count: int, largest: int, between: tuple[float, float], seed: int) -> Iterator[Row | Skip]:
    """Yield `prompt` (`a + b =`), `answer` and `completion` (the sum), and `carries` (whether the last digits carry)."""
    pairs = [(a, b) for a in range(largest + 1) for b in range(largest + 1)]
    Random(seed).shuffle(pairs)
    yield from kept((as_row(a, b) for a, b in pairs), "prompt", between, count)


def as_row(a: int, b: int) -> Row:
    return {"prompt": f"{a} + {b} =", "answer": str(a + b), "completion": f" {a + b}", "carries": a % 10 + b % 10 > 9}
