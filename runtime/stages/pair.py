"""Turn scored answers into preference pairs."""

from __future__ import annotations

from collections.abc import Iterator

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
        [row["score"] for row in rows]
        if isinstance(reward, str)
        else [None if isinstance(s, Skip) else s["score"] for s in reward_rows(reward, rows, work.device, work.progress.update, work.keep("scores"))]
    )
    groups: dict[object, list[tuple[Row, float]]] = {}
    for row, score in zip(rows, scores, strict=True):
        if score is None:
            work.skipped["no score"] += 1
        else:
            groups.setdefault(row.get("group", row["prompt"]), []).append((row, score))
    work.save_rows(work.usable(pairs(groups, rule, completions.facts["answer_columns"])))
    work.summary |= {"prompts": len(groups)}


def pairs(groups: dict[object, list[tuple[Row, float]]], rule: Bound, own: list[str]) -> Iterator[Row | Skip]:
    for answers in groups.values():
        found = [(b, w) for b, w in rule([score for _, score in answers]) if answers[b][0]["completion"] != answers[w][0]["completion"]]
        if not found:
            yield Skip("prompt whose answers score the same")
        for better, worse in found:
            (good, high), (bad, low) = answers[better], answers[worse]
            prompt = {k: v for k, v in good.items() if k not in own}
            yield prompt | {"chosen": good["completion"], "rejected": bad["completion"], "chosen_score": high, "rejected_score": low}
