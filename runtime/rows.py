"""Rows: the usual conventions of the field brought to one form, and where a row falls in a split.

A row is a dict. Every row kind has its columns (`aligncompiler.spec.base.ROW_COLUMNS`); other columns are carried along. A prompt is a
text; one that came as messages keeps them, as JSON, in the column `messages`, for models that have a chat template. Left out: shuffling
and counting in splits; a split by hash needs neither, and a row never moves when others are added.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import os.path
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .fault import Fault, Skip

Row = dict[str, Any]
TYPES = {str: "text", bool: "true or false", int: "number", float: "number", list: "list", dict: "mapping", type(None): "null"}


def hash_share(text: str) -> float:
    """Map a text to a number that looks uniform on [0, 1) and never changes.

    ``share = first 8 bytes of sha256(text) / 2**64``, so two disjoint ranges of shares never hold the same text.
    The top 53 bits are kept: a float holds no more, and rounding up would reach 1.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53


def falls_in(text: str, between: tuple[float, float]) -> bool:
    """Whether the hash of a text lies in [lower, upper)."""
    return between == (0.0, 1.0) or between[0] <= hash_share(text) < between[1]


def is_number(value: Any) -> bool:
    """Whether a value counts: true and false do, text, infinity and not-a-number do not."""
    return isinstance(value, int | float) and math.isfinite(value)


def number_text(value: int | float) -> str:
    """A number as people write it: of 1e-05, which a text would hold, only a program knows that it is no multiple of Euler's number."""
    return f"{Decimal(str(value)):f}" if isinstance(value, float) and math.isfinite(value) else str(value)


def is_messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(m, Mapping) and {"role", "content"} <= set(m) for m in value)


def transcript(messages: list[Mapping[str, Any]], reply: bool) -> str:
    """Messages as plain text, for models without a chat template; `reply` opens the assistant's turn."""
    names = {"user": "Human", "assistant": "Assistant", "system": "System"}
    turns = [f"{names.get(m['role'], str(m['role']))}: {m['content']}" for m in messages]
    return "\n\n".join([*turns, "Assistant:"] if reply else turns)


def asked(row: Row) -> Any:
    """What a row of the source asks, whatever kind of rows it is read as: its `prompt`, else its `messages` without an answer at their end."""
    if row.get("prompt") is not None:
        return row["prompt"]
    messages = row.get("messages")
    parts = split_messages(messages) if is_messages(messages) else None
    return messages if parts is None else parts[0]


def prompt_text(prompt: Any) -> Any:
    """A prompt as plain text; what is no conversation is left as it is."""
    return transcript(prompt, reply=True) if is_messages(prompt) else prompt


def set_prompt(row: Row, prompt: Any) -> None:
    """Write the columns `prompt` and, for a conversation, `messages`."""
    if is_messages(prompt):
        row["messages"] = json.dumps([{"role": m["role"], "content": m["content"]} for m in prompt], ensure_ascii=False)
    row["prompt"] = prompt_text(prompt)


def reply_of(value: Any) -> Any:
    """The text of an answer; an answer that came as messages is the content of its last one."""
    return str(value[-1]["content"]) if is_messages(value) else value


def split_messages(messages: list[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], str] | None:
    """A conversation that ends with the assistant, as prompt and answer."""
    return (messages[:-1], str(messages[-1]["content"])) if len(messages) > 1 and messages[-1]["role"] == "assistant" else None


def split_shared(chosen: Any, rejected: Any) -> tuple[Any, Any, Any] | None:
    """The prompt that two whole dialogues share, and the two answers; for texts, up to the last turn mark that both contain."""
    if is_messages(chosen) and is_messages(rejected):
        shared = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False)))
        prompt = [c for c, _ in shared]
        return (prompt, chosen[len(prompt) :], rejected[len(prompt) :]) if prompt else None
    if not (isinstance(chosen, str) and isinstance(rejected, str)):
        return None
    shared_text = os.path.commonprefix([chosen, rejected])  # noqa: RUF071  characters are what is compared
    mark = "\n\nAssistant:"
    cut = shared_text.rfind(mark)
    if cut >= 0:
        cut += len(mark)
    else:
        cut = max(shared_text.rfind(" "), shared_text.rfind("\n")) + 1
    return (chosen[:cut], chosen[cut:], rejected[cut:]) if cut > 0 else None


def type_of(value: Any) -> str:
    """The type of a value, in a word."""
    return TYPES.get(type(value), type(value).__name__)


def clash(rows: Iterable[tuple[int, Any]], what: str) -> str:
    """The first value whose type is not that of an earlier one in the same column, told with the numbers of both; empty if there is none.

    `what` is what the numbers count. Null goes with every type.
    """
    known: dict[str, tuple[str, int]] = {}
    for number, row in rows:
        for column, value in typed(row):
            word, first = known.setdefault(column, (type_of(value), number))
            if word != type_of(value):
                return f"the type of `{column}` is {type_of(value)} in {what} {number}, but {word} in {what} {first}"
    return ""


def typed(row: Any) -> Iterator[tuple[str, Any]]:
    """(column, value) of all that is in a row, at any depth; null left out."""
    inside = [("", row)]
    while inside:
        column, value = inside.pop()
        if column and value is not None:
            yield column, value
        if isinstance(value, Mapping):
            inside.extend((f"{column}.{name}" if column else str(name), value[name]) for name in reversed(value))
        elif isinstance(value, list):
            inside.extend((f"{column}[]", one) for one in reversed(value))


def text_fault(row: Row, columns: Iterable[str]) -> Skip | None:
    """Why a row cannot be used, if its columns must be texts that are not blank."""
    for column in columns:
        value = row.get(column)
        if value is None:
            return Skip(f"no {column}")
        if not isinstance(value, str):
            return Skip(f"{column} is not a text")
        if not value.strip():
            return Skip(f"empty {column}")
    return None


def renamed(rows: Iterable[Row], columns: Mapping[str, str], source: str = "the data", field: str = "columns") -> Iterator[Row]:
    """Rows under our column names; `a.b` is what a mapping in column `a` has under `b`. Raises Fault at `field` if a mapped column is not there at all."""
    for number, row in enumerate(rows):
        if number == 0:
            for ours, theirs in columns.items():
                if theirs not in row and not isinstance(row.get(theirs.partition(".")[0]), Mapping):
                    raise Fault("P603", f"{source} has no column `{theirs}`", f"{field}.{ours}", (f"columns of the data: {', '.join(row)}",))
        moved = {ours: value_at(row, theirs) for ours, theirs in columns.items()}
        yield {k: v for k, v in row.items() if k not in columns.values()} | moved


def value_at(row: Row, column: str) -> Any:
    """The value of a column, or at a dotted path inside of it; None if there is none."""
    if column in row:
        return row[column]
    outer, dot, inner = column.partition(".")
    found = row.get(outer)
    return value_at(dict(found), inner) if dot and isinstance(found, Mapping) else None


def need_columns(row: Row, choices: Sequence[tuple[str, ...]], source: str, field: str) -> None:
    """Raise Fault at `field`, which names the `source`, unless a row has one of these sets of columns."""
    if not any(all(c in row for c in choice) for choice in choices):
        wanted = " or ".join(f"`{', '.join(choice)}`" for choice in choices)
        noun = "column" if all(len(choice) == 1 for choice in choices) else "columns"
        raise Fault("P603", f"{source} has no {noun} {wanted}", field, (f"columns of the data: {', '.join(row)}", "map names with `columns: {ours: theirs}`"))


def kept(rows: Iterable[Row | Skip], key: str, between: tuple[float, float], limit: int | None) -> Iterator[Row | Skip]:
    """The rows whose hash of `key` falls in [lower, upper), at most `limit` of them; skips pass through."""
    return kept_whole(([row] for row in rows), key, between, limit)


def kept_whole(records: Iterable[Iterable[Row | Skip]], key: str, between: tuple[float, float], limit: int | None) -> Iterator[Row | Skip]:
    """The same of records that make several rows each, which stay together: they end before the first one that `limit` has no room for. Raises Fault if
    that is the very first."""
    count = 0
    for record in records:
        found = [row for row in record if isinstance(row, Skip) or falls_in(row[key], between)]
        more = sum(not isinstance(row, Skip) for row in found)
        if limit is not None and more and count + more > limit:
            if not count:
                text = f"the first record makes {more} rows, which stay together, and `limit` is {limit}"
                raise Fault("P604", text, "limit", (f"raise it to {more} or more",))
            return
        count += more
        yield from found
