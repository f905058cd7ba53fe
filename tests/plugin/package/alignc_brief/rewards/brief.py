"""Whether an answer has the right length."""

from __future__ import annotations

from collections.abc import Sequence

from aligncompiler.spec.base import Range
from runtime.registry import implements
from runtime.rows import Row

from ..spec import Brief, Penalty


@implements(Brief)
def brief(rows: Sequence[Row], *, words: Range, penalty: Penalty) -> list[dict[str, float]]:
    """`score` 1 - min(`most`, `per_word` * words beside the range); `words` is their number. Words end at white space."""
    counts = [len(row["completion"].split()) for row in rows]
    return [{"score": 1.0 - loss(max(words.min - count, count - words.max, 0), penalty), "words": float(count)} for count in counts]


def loss(beside: int, penalty: Penalty) -> float:
    return min(penalty.most, penalty.per_word * beside)
