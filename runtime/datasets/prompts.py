"""Prompts without answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aligncompiler.spec.dataset import Prompts

from ..fault import Skip
from ..registry import implements
from ..rows import Row, asked, kept, set_prompt, text_fault
from ..source import read_source


@implements(Prompts)
def prompts(
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
    """Yield rows with a `prompt`, given as text or as message lists (`prompt` or `messages`). Raises Fault if there is neither."""
    rows = read_source(file, hub, revision, subset, split, columns, ("prompt",), ("messages",))
    yield from kept((as_prompt(row) for row in rows), "prompt", between, limit)


def as_prompt(row: Row) -> Row | Skip:
    made = dict(row)
    set_prompt(made, asked(row))
    return text_fault(made, ("prompt",)) or made
