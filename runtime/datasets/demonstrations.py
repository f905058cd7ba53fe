"""Prompts with an answer to imitate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aligncompiler.spec.dataset import Demonstrations

from ..fault import Skip
from ..registry import implements
from ..rows import Row, asked, falls_in, is_messages, kept, prompt_text, reply_of, set_prompt, split_messages, text_fault
from ..source import read_source


@implements(Demonstrations)
def demonstrations(
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
    """Yield rows with `prompt` and `completion`; `messages` that end with the assistant are split before its last turn. Where they stand
    beside a `prompt`, the hash of that says which share a row falls in, as where the source is read as rows of another kind."""
    rows = read_source(file, hub, revision, subset, split, columns, ("prompt", "completion"), ("messages",))
    mine = (row for row in rows if not isinstance(text := prompt_text(asked(row)), str) or falls_in(text, between))
    yield from kept(map(as_demonstration, mine), "prompt", (0.0, 1.0), limit)


def as_demonstration(row: Row) -> Row | Skip:
    made = dict(row)
    if "completion" in row:
        set_prompt(made, row["prompt"])
        made["completion"] = reply_of(row["completion"])
    elif not is_messages(row["messages"]):
        return Skip("messages are no list of {role, content}")
    else:
        parts = split_messages(row["messages"])
        if parts is None:
            return Skip("messages do not end with an answer of the assistant")
        set_prompt(made, parts[0])
        made["completion"] = parts[1]
    return text_fault(made, ("prompt", "completion")) or made
