"""Pairs of answers, one chosen and one rejected, in every convention that is in use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aligncompiler.spec.dataset import Preferences

from ..fault import Fault, Skip
from ..registry import implements
from ..rows import Row, asked, falls_in, is_messages, is_number, kept_whole, prompt_text, reply_of, set_prompt, split_shared, text_fault
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
    votes: tuple[str, ...],
    between: tuple[float, float],
    limit: int | None,
) -> Iterator[Row | Skip]:
    """Yield rows with `prompt`, `chosen`, `rejected` and, where given, `margin`; equal or empty answers become skips. With `votes` the answer that most
    annotators chose is the chosen one, and `agreement` their share."""
    rows = read_source(file, hub, revision, subset, split, columns, ("prompt", "chosen", "rejected"), ("chosen", "rejected"), ("prompt", "completions"))
    voted = (decided(row, votes) for row in rows) if votes else rows
    yield from kept_whole((within(row, between) if not isinstance(row, Skip) else (row,) for row in voted), "prompt", (0.0, 1.0), limit)


def within(row: Row, between: tuple[float, float]) -> Iterator[Row | Skip]:
    """The pairs of a row whose hash falls in the share. Of `messages` without a `prompt` beside them the hash is taken as where the source is read as rows of
    another kind, whatever the pairs show as their prompt."""
    question = prompt_text(asked(row))
    for one in as_preferences(row):
        if isinstance(one, Skip) or falls_in(question if isinstance(question, str) else one["prompt"], between):
            yield one


def decided(row: Row, votes: tuple[str, ...]) -> Row | Skip:
    """The pair with the answer that most annotators chose as the chosen one. Raises Fault for a column that is not there or holds no vote."""
    cast = []
    for place, name in enumerate(votes):
        if name not in row:
            raise Fault("P603", f"the data has no column `{name}`", f"votes.{place}", (f"columns of the data: {', '.join(row)}",))
        if row[name] not in (0, 1, 2):
            return Skip(f"{name} is none of 0, 1, 2")
        cast.append(row[name])
    first, second = cast.count(1), cast.count(2)
    if first == second:
        return Skip("no majority of the votes")
    decided_by = {"agreement": max(first, second) / len(cast)}
    return (row if first > second else turned(row)) | decided_by


def turned(row: Row) -> Row:
    """The pair the other way round, with all that belongs to either answer; a margin counts against it."""
    sides = {"chosen": "rejected", "rejected": "chosen"}
    moved = {}
    for name, value in row.items():
        side, mark, rest = name.partition("_")
        moved[f"{sides[side]}{mark}{rest}" if side in sides else name] = value
    return moved | ({"margin": -row["margin"]} if is_number(row.get("margin")) else {})


def as_preferences(row: Row) -> Iterator[Row | Skip]:
    """One pair, or all pairs of a ranked list whose ranks differ (rank 0 is the best), or of lists of chosen and of rejected answers."""
    if "prompt" not in row and isinstance(row.get("instruction"), str):
        row = row | {"prompt": "\n\n".join(text for text in (row["instruction"], row.get("input")) if text)}
    if "chosen" not in row:
        yield from ranked_pairs(row)
    elif is_answers(row["chosen"]) and is_answers(row["rejected"]):
        yield from (one for whole in across(row) for one in as_preferences(whole))
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


def is_answers(value: object) -> bool:
    """Whether a value is a list of texts, each an answer; a list of messages is one answer."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def across(row: Row) -> Iterator[Row]:
    """Each of the chosen answers with each of the rejected ones, and the places of both in their lists."""
    for number, chosen in enumerate(row["chosen"]):
        for other, rejected in enumerate(row["rejected"]):
            yield row | {"chosen": chosen, "rejected": rejected, "chosen_version": number, "rejected_version": other}


def ranked_pairs(row: Row) -> Iterator[Row | Skip]:
    answers = row["completions"]
    if not isinstance(answers, list) or not all(isinstance(a, Mapping) and is_number(a.get("rank")) and "completion" in a for a in answers):
        yield Skip("completions is no list of {rank, completion}")
        return
    for better in answers:
        for worse in answers:
            if better["rank"] < worse["rank"]:
                yield as_pair(row, row["prompt"], better["completion"], worse["completion"])
