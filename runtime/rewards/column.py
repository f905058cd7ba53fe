"""A number that the rows carry."""

from __future__ import annotations

import math
from collections.abc import Sequence

from aligncompiler.spec.rule import Column

from ..fault import Fault, Skip
from ..registry import implements
from ..rows import Row


@implements(Column)
def column(rows: Sequence[Row], *, name: str) -> list[dict[str, float] | Skip]:
    """`score` is the number in this column; a row without one is a skip. Raises Fault for what is no number."""
    found = [None if row[name] is None else number(row[name], name) for row in rows]
    return [{"score": value} if value is not None and math.isfinite(value) else Skip(f"no `{name}`") for value in found]


def number(value: object, name: str) -> float:
    try:
        return float(value)  # type: ignore[arg-type]  # what it cannot read, it refuses
    except (TypeError, ValueError):
        raise Fault("P603", f"the column `{name}` holds {value!r}, which is no number", "reward") from None
