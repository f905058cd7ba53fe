"""Whether an answer keeps to a form."""

from __future__ import annotations

import json
from collections.abc import Sequence

from aligncompiler.spec.rule import Format

from ..registry import implements
from ..rows import Row


@implements(Format)
def format(rows: Sequence[Row], *, sections: tuple[str, ...], outside: str, body: str) -> list[dict[str, float]]:
    """`score` 1 if the completion holds `<name>...</name>` for each of `sections`, each tag once, in this order, none inside another and none
    without text, with nothing `outside` that may not be there, and a last part that is what `body` says; else 0.
    """
    return [{"score": float(keeps(row["completion"], sections, outside, body))} for row in rows]


def keeps(text: str, sections: Sequence[str], outside: str, body: str) -> bool:
    last, between = text, []
    rest = text
    for name in sections:
        start, end = f"<{name}>", f"</{name}>"
        if text.count(start) != 1 or text.count(end) != 1 or start not in rest:
            return False
        before, _, rest = rest.partition(start)
        last, found, rest = rest.partition(end)
        if not found or not last.strip():
            return False
        between.append(before)
    if sections:
        between += [rest] if outside == "nothing" else []
        last = rest if outside == "after" else last
    if outside != "anything" and any(part.strip() for part in between):
        return False
    return bool(last.strip()) and (body == "text" or is_json(last))


def is_json(text: str) -> bool:
    """Whether a text is one value of JSON, as RFC 8259 has it: without NaN and infinities."""
    try:
        json.loads(text, parse_constant=no_number)
    except (ValueError, RecursionError):
        return False
    return True


def no_number(name: str) -> None:
    raise ValueError(name)
