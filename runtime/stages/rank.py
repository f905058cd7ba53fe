"""Keep the best of the answers to each prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aligncompiler.spec.selecting import Rank

from ..columns import numbers_of
from ..distinct_prompts import NAMING, Name, names_of
from ..encoded import Floats
from ..fault import Skip
from ..registry import Bound, implements
from ..rows import Row
from ..scores import SCORE, Scores
from ..scoring import reward_rows
from ..store import Artifact
from ..work import Work, load_rows


@implements(Rank)
def rank(work: Work, *, completions: Artifact, reward: Bound | Artifact | str, sure: float | None) -> None:
    """Write for each prompt the answer with the highest score, the first of equal ones; a row without a score is skipped.

    Among answers with an uncertainty of at most the quantile `sure` of that of all answers; where a prompt has none, its surest answer stays.
    """
    rows = load_rows(completions)
    scores = labelled(completions, sure) if isinstance(reward, str) else reward_rows(reward, rows, work.device, work.progress.update, work.keep)
    for skip in scores.skips.values():
        work.skipped[skip.reason] += 1
    groups: dict[Name, list[int]] = {}
    for number, name in enumerate(names_of(load_rows(completions, columns=NAMING))):
        if number not in scores.skips:
            groups.setdefault(name, []).append(number)
    unsure_N = np.zeros(len(rows)) if sure is None else scores.figures["uncertainty"]
    most = np.inf if sure is None else float(np.quantile(unsure_N[scores.known()], sure)) if groups else 0.0
    kept = [best(scores.score, unsure_N, members, most) for members in groups.values()]
    stale = () if isinstance(reward, str) else completions.labelled
    work.save_rows(best_rows(rows, kept, scores if not isinstance(reward, str) else None, stale))
    work.facts["answer_columns"] = sorted({*completions.facts["answer_columns"]} - {*stale} | {*scores.figures})
    work.summary |= {"answers": len(rows), SCORE: float(scores.score[kept].mean()), "score of all": float(scores.score[scores.known()].mean())}


def best(score_N: Floats, unsure_N: Floats, members: Sequence[int], most: float) -> int:
    """The number of the best answer of a group."""
    certain = [number for number in members if unsure_N[number] <= most]
    return max(certain, key=lambda number: score_N[number]) if certain else min(members, key=lambda number: unsure_N[number])


def labelled(completions: Artifact, sure: float | None) -> Scores:
    """The figures that a `label` stage wrote; answers without them are skips."""
    names = (SCORE,) if sure is None else (SCORE, "uncertainty")
    found_NF = numbers_of(completions, names, "completions")
    missing = np.flatnonzero(np.isnan(found_NF).any(1))
    return Scores(dict(zip(names, np.nan_to_num(found_NF).T, strict=True)), {int(number): Skip("no score") for number in missing})


def best_rows(rows: Sequence[Row], kept: Sequence[int], scores: Scores | None, stale: Sequence[str]) -> Iterator[Row]:
    """These rows with their scores, and without what an earlier reward said of them."""
    for number in kept:
        row = {name: value for name, value in rows[number].items() if name not in stale}
        yield row if scores is None else row | {name: float(values[number]) for name, values in scores.figures.items()}
