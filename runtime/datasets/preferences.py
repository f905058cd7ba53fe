"""Pairs of answers, one chosen and one rejected, in every convention that is in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aligncompiler.spec.dataset import Preferences

from ..fault import Skip
from ..registry import implements
from ..rows import Row, is_messages, is_number, kept, reply_of, set_prompt, split_shared, text_fault
from ..source import read_source


@implements(Preferences)
def preferences(
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
    """Yield rows with `prompt`, `chosen`, `rejected` and, where given, `margin`; equal or empty answers become skips."""
    rows = read_source(file, hub, revision, subset, split, columns, ("prompt", "chosen", "rejected"), ("chosen", "rejected"), ("prompt", "completions"))
    yield from kept((made for row in rows for made in as_preferences(row)), "prompt", between, limit)


def as_preferences(row: Row) -> Iterator[Row | Skip]:
    """One pair, or all pairs of a ranked list whose ranks differ (rank 0 is the best)."""
    if "chosen" not in row:
        yield from ranked_pairs(row)
    elif row.get("prompt") is not None:
        yield as_pair(row, row["prompt"], row["chosen"], row["rejected"])
    else:
        parts = split_shared(row["chosen"], row["rejected"])
        yield as_pair(row, *parts) if parts is not None else Skip("chosen and rejected share no prompt")


def as_pair(row: Row, prompt: object, chosen: object, rejected: object) -> Row | Skip:
    made = {k: v for k, v in row.items() if k != "completions"}
    if is_messages(prompt) and is_messages(chosen) and chosen[: len(prompt)] == prompt:  # type: ignore[index,arg-type]  # both are lists here
        chosen, rejected = chosen[len(prompt) :], rejected[len(prompt) :]  # type: ignore[index,arg-type]  # whole dialogues repeat the prompt
    set_prompt(made, prompt)
    made["chosen"], made["rejected"] = reply_of(chosen), reply_of(rejected)
    fault = text_fault(made, ("prompt", "chosen", "rejected"))
    if fault is not None:
        return fault
    if made["chosen"] == made["rejected"]:
        return Skip("chosen equals rejected")
    if not is_number(made.get("margin") or 0.0):
        return Skip("margin is no number")
    return made


def ranked_pairs(row: Row) -> Iterator[Row | Skip]:
    answers = row["completions"]
    if not isinstance(answers, list) or not all(isinstance(a, Mapping) and is_number(a.get("rank")) and "completion" in a for a in answers):
        yield Skip("completions is no list of {rank, completion}")
        return
    for better in answers:
        for worse in answers:
            if better["rank"] < worse["rank"]:
                yield as_pair(row, row["prompt"], better["completion"], worse["completion"])
