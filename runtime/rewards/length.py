"""The length of an answer."""

from __future__ import annotations

from collections.abc import Sequence

from aligncompiler.spec.rule import Length

from ..registry import implements
from ..rows import Row
from ..text_length import text_length


@implements(Length)
def length(rows: Sequence[Row], *, unit: str) -> list[dict[str, float]]:
    """`score` is the number of characters or words of the completion. Left out: tokens, which no rule can count without a tokenizer."""
    return [{"score": float(text_length(row["completion"], unit))} for row in rows]
