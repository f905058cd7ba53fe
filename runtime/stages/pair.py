"""Turn scored answers into preference pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aligncompiler.spec.answering import Pair

from ..fault import Skip
from ..registry import Bound, implements
from ..rows import Row
from ..scoring import reward_rows
from ..store import Artifact
from ..work import Work, load_rows


@implements(Pair)
def pair(work: Work, *, completions: Artifact, reward: Bound | Artifact | str, rule: Bound) -> None:
    """Write one row per pair: the prompt's columns, `chosen`, `rejected`, `chosen_score`, `rejected_score`.

    Prompts whose answers all score the same give no pair and are counted.
    """
    rows = load_rows(completions)
    scores = (
        [row["score"] for row in load_rows(completions, columns=("score",))]
        if isinstance(reward, str)
        else [None if isinstance(s, Skip) else s["score"] for s in reward_rows(reward, rows, work.device, work.progress.update, work.keep)]
    )
    columns = ("group",) if "group" in rows.columns else ("prompt",)
    groups: dict[object, list[tuple[int, float]]] = {}
    for number, (row, score) in enumerate(zip(load_rows(completions, columns=columns), scores, strict=True)):
        if score is None:
            work.skipped["no score"] += 1
        else:
            groups.setdefault(row[columns[0]], []).append((number, score))
    work.save_rows(work.usable(pairs(rows, groups, rule, completions.facts["answer_columns"])))
    work.summary |= {"prompts": len(groups)}


def pairs(rows: Sequence[Row], groups: dict[object, list[tuple[int, float]]], rule: Bound, own: list[str]) -> Iterator[Row | Skip]:
    """The pairs of each group, which is given by the numbers of its rows and their scores: only one group of rows is held."""
    for members in groups.values():
        answers = [rows[number] for number, _ in members]
        scores = [score for _, score in members]
        found = [(b, w) for b, w in rule(scores) if answers[b]["completion"] != answers[w]["completion"]]
        if not found:
            yield Skip("prompt whose answers score the same")
        for better, worse in found:
            good, bad = answers[better], answers[worse]
            prompt = {k: v for k, v in good.items() if k not in own}
            yield prompt | {"chosen": good["completion"], "rejected": bad["completion"], "chosen_score": scores[better], "rejected_score": scores[worse]}
