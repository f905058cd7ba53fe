"""Prompts with a reference answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aligncompiler.spec.dataset import Problems

from ..fault import Skip
from ..registry import implements
from ..rows import Row, asked, kept, number_text, set_prompt, text_fault
from ..source import read_source


@implements(Problems)
def problems(
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
    """Yield rows with `prompt` and `answer`. Raises Fault if a column is missing."""
    rows = read_source(file, hub, revision, subset, split, columns, ("prompt", "answer"), ("messages", "answer"))
    yield from kept((as_problem(row) for row in rows), "prompt", between, limit)


def as_problem(row: Row) -> Row | Skip:
    made = dict(row)
    set_prompt(made, asked(row))
    answer = row["answer"]
    made["answer"] = number_text(answer) if isinstance(answer, int | float) else answer
    return text_fault(made, ("prompt", "answer")) or made
