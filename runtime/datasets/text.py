"""Plain text, one document a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aligncompiler.spec.dataset import Text

from ..fault import Skip
from ..registry import implements
from ..rows import Row, kept, text_fault
from ..source import read_source


@implements(Text)
def text(
    *,
    file: str | None,
    hub: str | None,
    revision: str | None,
    subset: str | None,
    split: str | None,
    columns: Mapping[str, str],
    between: tuple[float, float],
    limit: int | None,
) -> Iterator[Row | Skip]:
    """Yield rows with a column `text`; blank ones become skips. Raises Fault if there is no such column."""
    rows = read_source(file, hub, revision, subset, split, columns, ("text",))
    yield from kept((as_text(row) for row in rows), "text", between, limit)


def as_text(row: Row) -> Row | Skip:
    return text_fault(row, ("text",)) or row
