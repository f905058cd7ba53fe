"""Whether a pattern is in an answer."""

from __future__ import annotations

from collections.abc import Sequence

from aligncompiler.spec.rule import Regex

from ..patterns import matches
from ..registry import implements
from ..rows import Row


@implements(Regex)
def regex(rows: Sequence[Row], *, pattern: str, gives: str) -> list[dict[str, float]]:
    """`score` 1 if the pattern matches somewhere in the completion (`found`), or all of it (`whole`), else 0; or the number of its matches
    (`count`), counted from the start, none over another.
    """
    most = None if gives == "count" else 1
    return [{"score": float(len(matches(pattern, row["completion"], gives == "whole", most)))} for row in rows]
