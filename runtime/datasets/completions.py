"""Answers of a policy, one a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aligncompiler.spec.dataset import Completions

from ..fault import Skip
from ..registry import implements
from ..rows import Row, is_number, kept, renamed, reply_of, set_prompt, text_fault
from ..source import read_source


@implements(Completions)
def completions(
    *,
    file: str | None,
    hub: str | None,
    revision: str | None,
    subset: str | None,
    split: str | None,
    columns: Mapping[str, str],
    attributes: Mapping[str, str],
    between: tuple[float, float],
    limit: int | None,
) -> Iterator[Row | Skip]:
    """Yield rows with `prompt` and `completion`; a `label` becomes a `score`, step-wise `completions` are joined and keep their labels, null where a step
    has none; ratings of `attributes` become numbers."""
    rows = read_source(file, hub, revision, subset, split, columns, ("prompt", "completion"), ("prompt", "completions", "labels"))
    yield from kept((as_completion(row, tuple(attributes)) for row in renamed(rows, attributes, field="attributes")), "prompt", between, limit)


def as_completion(row: Row, attributes: tuple[str, ...] = ()) -> Row | Skip:
    """One answer. The steps of a step-wise row stay beside it as `steps` and `step_labels`."""
    made = {k: v for k, v in row.items() if k not in ("completions", "labels", "label")}
    set_prompt(made, row["prompt"])
    if "completion" in row:
        made["completion"] = reply_of(row["completion"])
    else:
        steps, labels = row["completions"], row["labels"]
        if not isinstance(steps, list) or not isinstance(labels, list) or len(steps) != len(labels):
            return Skip("completions and labels differ in length")
        if not all(label is None or is_number(label) for label in labels):
            return Skip("label is no number")
        made["completion"] = "".join(str(s) for s in steps)
        made["steps"], made["step_labels"] = [str(s) for s in steps], [None if x is None else float(x) for x in labels]
    if row.get("label") is not None:
        if not is_number(row["label"]):
            return Skip("label is no number")
        made["score"] = float(row["label"])
    for name in attributes:
        if made[name] is not None:
            if not is_number(made[name]):
                return Skip(f"{name} is no number")
            made[name] = float(made[name])
    return text_fault(made, ("prompt", "completion")) or made
